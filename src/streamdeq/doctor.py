"""What this machine has, what of it the program uses, what is missing for what. Prints nothing, asks no other machine.

Nothing heavy is imported before it is examined: a torch that cannot be imported is a finding like any other.
"""

import importlib
import os
import platform
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.threads import waiting
from streamdeq.version import __version__

#: Distributions the core is made of, and the modules that are imported to see whether they work.
CORE = {"torch": "torch", "torchvision": "torchvision", "av": "av", "numpy": "numpy", "pillow": "PIL"}
CORE |= {"safetensors": "safetensors"}
#: The heavy ones, in the order the program meets them.
TIMED = ("numpy", "torch", "torchvision", "av")
#: Of the video that speed is measured for.
FRAME_HW = (360, 480)


@dataclass
class Health:
    """Everything found, in plain types.

    Attributes:
        problem: why the core does not work, in one line; None if it does. What comes after it was not examined.
        system: operating system and machine.
        versions: by distribution; None where it is not installed.
        imports_s: seconds each import took, in this order, in this process.
        processor: name, cores this process may use, threads torch uses and how they wait, what torch is built for,
            instruction set, bf16 in hardware or not.
        devices: where a model can compute, each with its name, memory and whether bf16 is in hardware.
        chosen: what `auto` means here: device and precision.
        video: decoders, encoders, protocols, camera input.
        weights: packaged models: megabytes and the hash they were verified against.
        extras: by name: what is missing of it, and the command that installs it.
    """

    problem: str | None = None
    system: str = field(default_factory=platform.platform)
    versions: dict[str, str | None] = field(default_factory=dict)
    imports_s: dict[str, float] = field(default_factory=dict)
    processor: dict[str, Any] = field(default_factory=dict)
    devices: list[dict[str, Any]] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)
    video: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, dict[str, Any]] = field(default_factory=dict)
    extras: dict[str, dict[str, Any]] = field(default_factory=dict)


def examine() -> Health:
    """Look at everything; a part that fails is the `problem`, and the rest is still looked at where it can be."""
    health = Health(extras=find_extras("streamdeq"))
    health.versions = {"python": platform.python_version(), "streamdeq": __version__}
    health.versions |= {name: _version(name) for name in CORE}
    parts: tuple[tuple[Callable[[Health], None], str], ...] = (
        (_imports, "install it again: pip install --force-reinstall streamdeq"),
        (_devices, "see https://pytorch.org/get-started for a build that fits this machine"),
        (_video, "install PyAV again: pip install --force-reinstall av"),
        (_weights, "install streamdeq again"),
        (_model, "install torch again"),
        (_film, "install PyAV again: pip install --force-reinstall av"),
    )
    for part, advice in parts:
        try:
            part(health)
        except StreamdeqError as error:
            health.problem = str(error)
        except Exception as error:  # whatever a broken installation raises is what is looked for
            said = " ".join(str(error).split()) or type(error).__name__
            health.problem = f"{part.__name__.strip('_')}: {said}; {advice}"
        if health.problem:
            break
    return health


def find_extras(distribution: str) -> dict[str, dict[str, Any]]:
    """What the package's own description asks for in each extra, and what of it is not installed."""
    try:
        names = metadata.metadata(distribution).get_all("Provides-Extra") or []
        asked = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        return {}
    extras = {}
    for name in sorted(names):
        marked = [line for line in asked if re.search(rf"""extra\s*==\s*['"]{re.escape(name)}['"]""", line)]
        needed = [found[0] for line in marked if (found := re.match(r"[\w.-]+", line))]
        missing = [one for one in needed if _version(one) is None]
        extras[name] = {"missing": missing, "install": f"pip install '{distribution}[{name}]'"}
    return extras


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _imports(health: Health) -> None:
    for name in dict.fromkeys((*TIMED, *CORE)):
        began = perf_counter()
        try:
            importlib.import_module(CORE[name])
        except Exception as error:
            said = " ".join(str(error).split())
            raise StreamdeqError(f"{name} cannot be imported: {said}; pip install --force-reinstall {name}") from error
        if name in TIMED:
            health.imports_s[name] = round(perf_counter() - began, 3)


def _devices(health: Health) -> None:
    import torch

    from streamdeq.runtime.cache import processor_name
    from streamdeq.runtime.precision import has_bf16, pick_device, pick_dtype

    cpu = torch.device("cpu")
    health.processor = {
        "name": processor_name(),
        "cores": _cores(),
        "threads": torch.get_num_threads(),
        "waiting": waiting(),
        "build": torch_build(torch.version.cuda, torch.version.hip, torch.cuda.is_available()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "bf16": has_bf16(cpu),
    }
    health.devices = [{"device": "cpu", "name": health.processor["name"], "bf16": has_bf16(cpu)}]
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        found = torch.cuda.get_device_properties(number)
        health.devices.append(
            {
                "device": f"cuda:{number}",
                "name": found.name,
                "memory_gb": round(found.total_memory / 1e9, 1),
                "bf16": has_bf16(torch.device("cuda", number)),
            }
        )
    device = pick_device("auto")
    bf16 = pick_dtype("auto", device) is torch.bfloat16
    if torch.version.cuda:
        health.versions["CUDA"] = torch.version.cuda
    health.chosen = {"device": str(device), "precision": "bf16" if bf16 else "fp32"}


def torch_build(cuda: str | None, hip: str | None, device: bool) -> str:
    """What torch was built for, and whether a smaller build would do: without a `device`, that for CUDA or ROCm is 5 GB
    of no use."""
    if not (cuda or hip):
        return "for CPUs"
    kind = f"for CUDA {cuda}" if cuda else f"for ROCm {hip}"
    return (
        kind if device else f"{kind}, and no such device is here: the build for CPUs is 5 GB smaller (docs/install.md)"
    )


def _cores() -> int:
    """Those this process may run on, which in a container are fewer than there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _video(health: Health) -> None:
    from streamdeq.video.abilities import abilities

    found = abilities()
    health.versions["FFmpeg"] = found.ffmpeg
    health.video = {
        "decoders": found.decoders,
        "encoders": found.encoders,
        "protocols": found.protocols,
        "camera": found.camera,
    }


def _weights(health: Health) -> None:
    from streamdeq.models import zoo
    from streamdeq.models.checkpoint import digest, read_weights

    for name in zoo.names():
        path = zoo.find(name)
        _, tensors = read_weights(path)  # verifies
        health.weights[name] = {"mb": round(path.stat().st_size / 1e6, 1), "sha256": digest(tensors)}


def _model(health: Health) -> None:
    """A model of some kilobytes answers for a small picture, in the arithmetic `auto` would choose."""
    import numpy as np

    from streamdeq.api import Model
    from streamdeq.models.architecture import Architecture
    from streamdeq.models.spec import ModelSpec
    from streamdeq.tasks import build_network

    arch = Architecture((8, 8), groups=2, expansion=1)
    spec = ModelSpec("trial", "segmentation", arch, ("one", "two"), ((0, 0, 0), (255, 255, 255)), size=32)
    model = Model(build_network(spec), spec)
    result = model.solve(np.full((32, 48, 3), 128, np.uint8), iterations=2)
    if not 0 <= result.status.residual < float("inf"):
        raise StreamdeqError(f"a small model does not compute on {health.chosen['device']}: its residual is no number")


def _film(health: Health) -> None:
    """A film of a few frames is written and read again, as a run does it."""
    import numpy as np

    from streamdeq.values.frame import Frame
    from streamdeq.video import VideoSink, open_source

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.mp4"
        with VideoSink(path, 25) as sink:
            for index in range(3):
                sink.write(Frame(np.full((48, 64, 3), 40 * index, np.uint8), index, index / 25))
        with open_source(path) as source:
            count = sum(isinstance(item, Frame) for item in source)
    if count != 3:
        raise StreamdeqError(f"a film of 3 frames came back with {count}; pip install --force-reinstall av")


def try_runtimes(model: str) -> tuple[str, dict[str, Any]]:
    """What could compute a model here, tried where that has not been done: minutes, where there is a compiler.

    Returns:
        in which arithmetic and on which canvas, and by name the `Trial` of each; one that cannot compute here has its
        reason as the trial's problem.
    """
    import torch

    from streamdeq.api import load
    from streamdeq.data.synthetic.street import open_street
    from streamdeq.runtime.precision import precision_of
    from streamdeq.runtime.trial import EXECUTORS, Trial, attempt
    from streamdeq.values.geometry import Geometry

    loaded = load(model)
    functions, spec = loaded.functions, loaded.spec
    fit = Geometry.fit(FRAME_HW, spec.size, spec.architecture.stride, longest=spec.longest)
    (h, w), (height, width) = fit.content_hw, fit.canvas_hw
    image = open_street(f"clips=1,frames=1,size={h}x{w}", "val").clips[0].image(0)
    pictures = torch.from_numpy(image).permute(2, 0, 1)[None]
    tried: dict[str, Any] = {}
    for name in EXECUTORS:
        why = EXECUTORS[name].missing(functions)
        tried[name] = Trial(why) if why else attempt(name, functions, pictures, fit.canvas_hw)[1]
    threads = torch.get_num_threads()
    return f"{spec.name}, {width}x{height}, {precision_of(functions.dtype)}, {threads} threads", tried
