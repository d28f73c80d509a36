"""One benchmark: a model or a published size, on one picture, against its baselines, all in turns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from streamdeq.api import Model
from streamdeq.data.open import open_dataset
from streamdeq.evaluation.bench import subjects
from streamdeq.evaluation.bench.machine import matmul_probe, peak_memory_mb
from streamdeq.evaluation.bench.served import serve
from streamdeq.evaluation.bench.settings import BenchSettings
from streamdeq.evaluation.bench.turns import Probe, Timing, in_turns
from streamdeq.evaluation.peers import PEERS
from streamdeq.models import zoo
from streamdeq.models.architecture import PRESETS
from streamdeq.models.checkpoint import read_weights
from streamdeq.models.licence import tell
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec, Provenance
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.switching import EAGER
from streamdeq.streaming.loop import run_frames
from streamdeq.tasks import build_network, load_network
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Geometry

#: Of a published size without weights: the classes of Cityscapes, the working size unless one is given.
CLASSES, SIZE = 19, 256


@dataclass(frozen=True)
class Benchmark:
    """What was measured.

    Args:
        canvas_hw: what the model computes on.
        nfe: applications of f for each number of iterations.
        peak_gflops: of a product of matrices in the model's precision, in the same turns.
        row_mb: what a video holds while it streams. memory_mb: the most the process held; None where it is not told.
        notes: what is missing, and why.
    """

    model: str
    solver: str
    precision: str
    frame_hw: tuple[int, int]
    canvas_hw: tuple[int, int]
    iterations: tuple[int, ...]
    nfe: tuple[int, ...]
    peak_gflops: float
    row_mb: float
    memory_mb: float | None
    timings: tuple[Timing, ...]
    notes: tuple[str, ...]


def open_model(name: str, device: str, precision: str, features: int | None = None) -> tuple[Model, Network]:
    """A model and its network as trained: a packaged one, a file, or a published size (small, large, xl) with a head
    for segmentation. What no weights are for, a published size or a head of this width, has random ones, which take as
    long as trained ones."""
    if name in PRESETS:
        classes = tuple(f"class {n}" for n in range(CLASSES))
        spec = ModelSpec(name, "segmentation", PRESETS[name], classes, ((0, 0, 0),) * CLASSES, SIZE, solver="broyden")
        network = None
    else:
        spec, tensors = read_weights(zoo.find(name))
        tell(spec)
        network = load_network(spec, tensors, name)
    if features:
        spec, network = replace(spec, head={**spec.head, "features": features}), None
    if network is None:
        spec = replace(spec, name=f"{spec.name} (random)")
        network = build_network(spec)
    return Model(network, spec, device, precision), network


def benchmark(model: Model, network: Network, settings: BenchSettings) -> Benchmark:
    """Raises StreamdeqError for a picture, a size or a solver that does not exist."""
    h, w = settings.frame_hw
    image = open_dataset(f"synthetic:clips=1,frames=2,size={h}x{w}", "val").clips[0].image(0)
    solver = settings.solver or model.spec.solver
    iterations = tuple(sorted(set(settings.iterations)))
    work = subjects.Work(model, network, image, settings.size, solver, iterations)
    notes: list[str] = []
    functions = model.functions
    probes = [matmul_probe(functions.device, functions.dtype)]
    for runtime, rows in product(settings.runtime, settings.rows):
        probes += subjects.streaming(work, runtime, rows)
    with TemporaryDirectory() as folder:
        if not settings.alone:
            probes += _baselines(work, settings.runtime, Path(folder), notes)
        timings = in_turns(probes, settings.seconds)
    memory = peak_memory_mb(functions.device)
    return Benchmark(
        model.spec.name,
        solver,
        str(functions.dtype).removeprefix("torch."),
        settings.frame_hw,
        work.geometry.canvas_hw,
        iterations,
        tuple(work.made(number).evaluations(number) for number in iterations),
        timings[0].gflops,
        _row_mb(work),
        memory if memory == memory else None,
        tuple(timings),
        tuple(notes),
    )


def _baselines(work: subjects.Work, runtimes: Sequence[str], folder: Path, notes: list[str]) -> Iterator[Probe]:
    yield from subjects.published(work)
    if find_spec("torchdeq"):
        yield from subjects.torchdeq(work)
    else:
        notes.append("torchdeq is not installed: pip install 'streamdeq[bench]'")
    spec, functions = work.model.spec, work.model.functions
    kinds = [(name, PEERS[name]) for name in PEERS if spec.task == PEERS[name].TASK and PEERS[name].USUAL]
    if not kinds:
        notes.append(f"there is no peer for {spec.task}")
    for (name, kind), runtime in product(kinds, runtimes):
        other = kind(name, kind.build(spec), spec, functions.device, functions.dtype, Provenance())
        fit = Geometry.fit(work.geometry.frame_hw, spec.size, kind.STRIDE, longest=spec.longest)
        if runtime == EAGER or (runtime in EXECUTORS and serve(other, runtime, fit.canvas_hw, folder)):
            yield from subjects.peer(work, other, runtime)
        else:
            notes.append(f"{name} is not computed by {runtime}")


def _row_mb(work: subjects.Work) -> float:
    """Latent, answer, injection and the solver's memory of one row at the most iterations."""
    engine = work.model.engine(work.made(max(work.iterations)), work.size)
    row = engine.open()
    run_frames(engine, [row], [Frame(work.image, 0, 0.0)], 1, read=())
    return subjects.megabytes(engine.content(row))
