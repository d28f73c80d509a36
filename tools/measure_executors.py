"""How fast each executor computes a model's functions beside eager float32, in one run, and at what share of a matmul.

    .venv/bin/python tools/measure_executors.py prepare    # tries what has not been tried: minutes
    .venv/bin/python tools/measure_executors.py            # a line of JSON per model, canvas and way to compute

`xl` has random weights. A frame is the paper's of two Broyden iterations: inject, three steps, predict, without the
solver's own arithmetic. Executors that failed their trial are left out, with the reason.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter

import torch

from streamdeq.api import Model, load
from streamdeq.models.architecture import PRESETS
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.trial import EXECUTORS, attempt
from streamdeq.tasks import build_network

CASES = (("camvid-s", (192, 256)), ("xl", (128, 256)), ("xl", (256, 512)))
#: GFLOP of one application of XL's f, 1 multiply-add = 2.
GFLOP = {("xl", (128, 256)): 14.7, ("xl", (256, 512)): 59.0}
#: Of each way to compute, in turns with the others.
ROUNDS, MATMUL = 9, 2048


def model(name: str, precision: str) -> Model:
    if name != "xl":
        return load(name, "cpu", precision)
    torch.manual_seed(0)
    classes = tuple(f"class {number}" for number in range(19))
    spec = ModelSpec("xl", "segmentation", PRESETS["xl"], classes, ((0, 0, 0),) * 19, 128)
    return Model(build_network(spec), spec, "cpu", precision)


def seconds(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def matmul_rate() -> float:
    """GFLOP/s of bfloat16."""
    a = torch.randn(MATMUL, MATMUL).bfloat16()
    return 2e-9 * MATMUL**3 / median(seconds(lambda: a @ a) for _ in range(ROUNDS))


def case(name: str, canvas_hw: tuple[int, int], prepare: bool) -> None:
    pictures = torch.randint(0, 256, (1, 3, *canvas_hw), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ways = {}
    for precision in ("fp32", "bf16"):
        functions = ways[f"eager {precision}"] = model(name, precision).functions
        for one in EXECUTORS:
            if one == "compiled" and name == "xl":
                continue  # ten minutes and more
            why = EXECUTORS[one].missing(functions)
            folder, trial = (None, None) if why else attempt(one, functions, pictures, canvas_hw)
            problem = why or (trial and trial.problem)
            if problem:
                print(json.dumps({"model": name, "canvas": canvas_hw, "by": f"{one} {precision}", "not": problem}))
            elif folder and not prepare:
                ways[f"{one} {precision}"] = EXECUTORS[one].load(functions, canvas_hw, folder)
    if prepare:
        return
    exact = ways["eager fp32"]
    injection = exact.inject(pictures, canvas_hw)
    z = exact.step(exact.zeros(injection), injection)
    times: dict[str, list[list[float]]] = {way: [[], [], []] for way in ways}
    own = {way: one.inject(pictures, canvas_hw) for way, one in ways.items()}
    for turn in range(ROUNDS + 1):
        for way, one in ways.items():
            calls = (partial(one.inject, pictures, canvas_hw), partial(one.step, z, own[way]), partial(one.predict, z))
            for kept, call in zip(times[way], calls, strict=True):
                took = seconds(call)
                kept.extend([took] if turn else [])
    rate = matmul_rate()
    frames = {}
    for way, kept in times.items():
        inject, step, predict = map(median, kept)
        frames[way] = inject + 3 * step + predict
        said = {"model": name, "canvas": canvas_hw, "by": way, "threads": torch.get_num_threads()}
        said |= {"inject_ms": 1e3 * inject, "step_ms": 1e3 * step, "predict_ms": 1e3 * predict}
        said |= {"times": frames["eager fp32"] / frames[way], "step_times": median(times["eager fp32"][1]) / step}
        if flop := GFLOP.get((name, canvas_hw)):
            said |= {"gflops": flop / step, "bf16_matmul_gflops": rate}
        print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in said.items()}), flush=True)


def main() -> None:
    prepare, chosen = "prepare" in sys.argv[1:], set(sys.argv[1:]) - {"prepare"}
    for name, canvas_hw in CASES:
        if not chosen or name in chosen:
            case(name, canvas_hw, prepare)


if __name__ == "__main__":
    main()
