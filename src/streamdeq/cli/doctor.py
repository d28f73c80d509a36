"""`streamdeq doctor`: what this machine has and what is missing for what. A thin caller of `streamdeq.doctor`."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

from streamdeq.cli import options
from streamdeq.cli.terminal import say
from streamdeq.codec import Option, to_plain
from streamdeq.errors import StreamdeqError


def doctor(
    json_: Annotated[bool, Option("Print everything found as JSON.")] = False,
    speed: Annotated[
        bool, Option("Try everything that could compute --model here; --runtime auto remembers. May take minutes.")
    ] = False,
    model: options.Model = options.DEFAULT_MODEL,
) -> None:
    from streamdeq.doctor import examine, try_runtimes

    if speed:
        about, tried = try_runtimes(model)
        if json_:
            say(*json.dumps({"about": about, "runtimes": to_plain(tried)}, indent=2).split("\n"))
        else:
            say(*speeds(about, tried))
        return
    health = examine()
    if json_:
        say(*json.dumps(to_plain(health), indent=2).split("\n"))
    else:
        for name, text in table(health):
            say(f"{name:<13}{text}".rstrip())
    if health.problem:
        raise StreamdeqError(health.problem)


def speeds(about: str, tried: dict[str, Any]) -> Iterator[str]:
    """What computes how fast, a line each, and what `--runtime auto` makes of it."""
    from streamdeq.runtime.switching import LEAST

    yield f"{about}: ms per inject, step, predict; frame of two steps beside eager in the same minute; error to float32"
    for name, trial in tried.items():
        if trial.problem:
            yield f"{name:<13}{trial.problem}"
            continue
        own, eager = (", ".join(f"{1e3 * s:.2f}" for s in t.values()) for t in (trial.seconds, trial.eager_s))
        yield f"{name:<13}{own} (eager {eager}); {trial.speedup:.2f} times as fast; {trial.error:.0e}"
    best = max(tried, key=lambda name: tried[name].speedup, default="")
    chosen = best if best and tried[best].speedup > LEAST else "eager"
    yield f"auto means   {chosen}"


def table(health: Any) -> Iterator[tuple[str, str]]:
    """(what, how it is) line by line; the first word of a group only."""
    yield "system", health.system
    for name, version in health.versions.items():
        took = f"  (import {health.imports_s[name]:.2f} s)" if name in health.imports_s else ""
        yield name, (version or "not installed") + took
    if health.processor:
        yield from _computing(health)
    if health.video:
        yield from _video(health.video)
    if health.problem is None:
        yield from _weights(health.weights)
    for number, (name, extra) in enumerate(health.extras.items()):
        lacks = f"needs {', '.join(extra['missing'])}: {extra['install']}" if extra["missing"] else "installed"
        yield _group("extras", number), f"{name}: {lacks}"
    if health.problem is None:
        yield "verdict", "works: a model answered and a film was written and read"


def _computing(health: Any) -> Iterator[tuple[str, str]]:
    own = health.processor
    cores, threads = _counted(own["cores"], "core"), _counted(own["threads"], "thread")
    yield "processor", f"{own['name']}, {cores}, {threads}, {own['instructions']}"
    yield "threads wait", own["waiting"]
    yield "torch is", f"built {own['build']}"
    for number, device in enumerate(health.devices):
        memory = f", {device['name']}, {device['memory_gb']} GB" if "memory_gb" in device else ""
        bf16 = "bf16 in hardware" if device["bf16"] else "no bf16 in hardware"
        yield _group("devices", number), f"{device['device']}{memory}, {bf16}"
    yield "auto means", f"{health.chosen['device']}, {health.chosen['precision']}"


def _video(video: Any) -> Iterator[tuple[str, str]]:
    for verb, codecs in (("decodes", video["decoders"]), ("encodes", video["encoders"])):
        yield verb, ", ".join(f"{name} ({by or 'no'})" for name, by in codecs.items())
    protocols = ", ".join(name if there else f"no {name}" for name, there in video["protocols"].items())
    yield "reads over", protocols
    yield "cameras", video["camera"] or "none: this PyAV has no camera input here"


def _weights(weights: Any) -> Iterator[tuple[str, str]]:
    if not weights:
        yield "weights", "none packaged: give a file with --model"
    for number, (name, found) in enumerate(weights.items()):
        yield _group("weights", number), f"{name}, {found['mb']} MB, intact (sha256 {found['sha256'][:12]})"


def _group(name: str, number: int) -> str:
    return name if number == 0 else ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
