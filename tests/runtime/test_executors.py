"""Every executor says what torch says, for any number of rows, and only what was seen to work is used."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support import forked
from support.runtimes import CRASHING, ECHO, install
from support.small_models import frames, tiny_model
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.registry import load_plugins
from streamdeq.runtime import switching
from streamdeq.runtime.executor import HW, Executor
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.trial import Trial, attempt
from streamdeq.tasks import build_network

CPU = torch.device("cpu")
CANVAS = (32, 48)
#: Two scales with an injection, one without. (OpenVINO 2026.4 crashes while it compiles the published cell in
#: float32, which is why an executor is tried in a process of its own.)
ARCH = Architecture((8, 16, 16), groups=2, expansion=2, injected=2, cell="lite")
FILES = [
    pytest.param("openvino", 1e-5),
    pytest.param("onnx", 1e-5),
    pytest.param("compiled", 1e-5, marks=pytest.mark.slow),
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMDEQ_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages; what they registered is forgotten afterwards."""
    from streamdeq import registry

    folder, before = tmp_path / "site", dict(EXECUTORS._items)
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    registry._plugins.cache_clear()
    yield folder
    registry._plugins.cache_clear()
    EXECUTORS._items = before
    for name in ("crashing_executor", "echoing_executor"):
        sys.modules.pop(name, None)


def functions(task: str = "segmentation", dtype: torch.dtype = torch.float32) -> Functions:
    torch.manual_seed(0)
    spec = ModelSpec("t", task, ARCH, ("a", "b", "c"), ((0, 0, 0),) * 3, 32, (0.2, 0.4, 0.6), (0.1, 0.2, 0.3))
    return Functions(build_network(spec).eval(), spec, CPU, dtype)


def lite_model() -> Model:
    torch.manual_seed(0)
    spec = replace(tiny_model().spec, architecture=ARCH)
    return Model(build_network(spec), spec, "cpu", "fp32")


def pictures(rows: int = 2, h: int = 24, w: int = 40) -> Tensor:
    coarse = torch.rand(rows, 3, 4, 5, generator=torch.Generator().manual_seed(3)) * 255
    return F.interpolate(coarse, size=(h, w), mode="bilinear").to(torch.uint8)


def ready(name: str, made: Functions, folder: Path) -> Executor:
    if why := EXECUTORS[name].missing(made):
        pytest.skip(why)
    EXECUTORS[name].prepare(made, CANVAS, folder)
    return EXECUTORS[name].load(made, CANVAS, folder)


def leaves(tree: object) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(tree) if leaf is not None]


def distance(a: object, b: object) -> float:
    pairs = zip(leaves(a), leaves(b), strict=True)
    return max(float((x.double() - y.double()).norm() / y.double().norm()) for x, y in pairs)


def solved(made: Functions, rows: int = 2) -> tuple[Latent, tuple[Tensor | None, ...]]:
    injection = made.inject(pictures(rows), CANVAS)
    z = made.zeros(injection)
    for _ in range(3):
        z = made.step(z, injection)
    return z, injection


# -- what they say ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "tolerance"), FILES)
def test_an_executor_says_what_torch_says(name: str, tolerance: float, tmp_path: Path) -> None:
    made = functions()
    one, (z, injection) = ready(name, made, tmp_path), solved(made)
    injected = one.inject(pictures(), CANVAS)
    assert [m is None for m in injected] == [False, False, True]
    assert distance(injected, injection) < tolerance
    stepped = one.step(z, injection)
    assert distance(stepped, made.step(z, injection)) < tolerance
    assert distance(one.predict(z), made.predict(z)) < tolerance
    # What it made it also takes, and whole pictures as well as smaller ones.
    assert distance(one.step(stepped, injected), made.step(stepped, injection)) < tolerance
    full = pictures(1, *CANVAS)
    assert distance(one.inject(full, CANVAS), made.inject(full, CANVAS)) < tolerance
    # Row by row the same bits as together.
    for n in range(2):
        alone = one.step(z[n : n + 1], tuple(None if m is None else m[n : n + 1] for m in injection))
        assert all(torch.equal(a, b[n : n + 1]) for a, b in zip(alone.maps, stepped.maps, strict=True))


@pytest.mark.parametrize("name", ["openvino", pytest.param("onnx", marks=pytest.mark.slow)])
def test_what_a_detectors_head_gives_keeps_its_structure_and_types(name: str, tmp_path: Path) -> None:
    made = functions("detection", torch.bfloat16)
    one, (z, _) = ready(name, made, tmp_path), solved(made)
    ours, torchs = one.predict(z), made.predict(z)
    assert type(ours) is type(torchs)
    assert [(m.dtype, m.shape) for m in leaves(ours)] == [(m.dtype, m.shape) for m in leaves(torchs)]
    assert distance(ours, torchs) < 0.05


@pytest.mark.parametrize("name", ["openvino", pytest.param("onnx", marks=pytest.mark.slow)])
def test_the_latent_stays_in_float32_whatever_computes_inside(name: str, tmp_path: Path) -> None:
    made = functions(dtype=torch.bfloat16)
    one, (z, injection) = ready(name, made, tmp_path), solved(made)
    stepped = one.step(z, injection)
    assert {m.dtype for m in stepped.maps} == {torch.float32}
    assert distance(stepped, made.converted(torch.float32).step(z, injection)) < 2e-2


# -- which is used ---------------------------------------------------------------------------------------------


def test_what_cannot_compute_is_refused_with_the_reason() -> None:
    model = tiny_model()
    with pytest.raises(StreamdeqError, match=r"unknown runtime 'openvin'; did you mean 'openvino'\?"):
        model.stream(runtime="openvin")
    model.functions = functions(dtype=torch.float64)
    with pytest.raises(StreamdeqError, match="the runtime onnx cannot be used here: it has no float64; use eager"):
        model.stream(runtime="onnx")


def test_without_the_extra_the_error_names_it() -> None:
    program = (
        "import sys; sys.modules['openvino'] = None\n"
        "from streamdeq.runtime.trial import EXECUTORS\n"
        "print(EXECUTORS['openvino'].lacks())"
    )
    said = forked.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "it needs OpenVINO: pip install 'streamdeq[openvino]'\n"


def test_what_crashes_when_it_is_tried_does_not_take_us_with_it(site: Path) -> None:
    install(site, "crashing_executor", CRASHING)
    made = functions()
    folder, came = attempt("crashing", made, pictures(), CANVAS)
    assert came == Trial(problem="it failed when it was tried: SIGSEGV")
    assert (folder / "trial.json").is_file()
    with pytest.raises(StreamdeqError, match=r"crashing cannot be used here: .*SIGSEGV; use --runtime eager"):
        lite_model().stream(runtime="crashing")(frames(1)[0].image)


def test_what_says_something_else_than_torch_is_not_used(site: Path) -> None:
    install(site, "echoing_executor", ECHO)
    load_plugins()
    made = functions()
    _, came = attempt("liar", made, pictures(), CANVAS)
    assert came.problem is not None
    assert came.problem.startswith("its step is off by")
    assert came.speedup == 0


def test_a_trial_is_made_once_for_a_machine_and_a_model(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "echoing_executor", ECHO)
    load_plugins()
    made = functions()
    first = attempt("echo", made, pictures(), CANVAS)
    assert first[1].problem is None
    assert first[1].seconds.keys() == first[1].eager_s.keys() == {"inject", "step", "predict"}
    monkeypatch.setattr(sys, "executable", "/nowhere")  # no process can be started any more
    assert attempt("echo", made, pictures(), CANVAS) == first
    with pytest.raises(OSError, match="nowhere"):
        attempt("echo", functions("depth"), pictures(), CANVAS)


@pytest.mark.slow
def test_a_killed_trial_says_nothing_about_the_next(site: Path) -> None:
    install(site, "crashing_executor", CRASHING.replace("SIGSEGV", "SIGKILL"))
    folder, came = attempt("crashing", functions(), pictures(), CANVAS)
    assert came.problem == "it failed when it was tried: SIGKILL"
    assert not (folder / "trial.json").exists()


def test_a_stream_begins_with_torch_and_goes_on_with_what_is_faster(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "echoing_executor", ECHO)
    load_plugins()
    monkeypatch.setattr(switching, "FRAMES", 2)
    monkeypatch.setattr(switching, "LEAST", 0.0)
    for name in set(EXECUTORS._items) - {"echo", "liar"}:
        del EXECUTORS._items[name]
    video = frames(6)
    plain, model = tiny_model().stream(2), tiny_model()
    expected = [plain(frame.image).labels for frame in video]
    stream = model.stream(2, runtime="auto")
    functions_ = stream.state.engine.functions
    seen = []
    for frame in video:
        seen.append(stream(frame.image).labels)
        if frame.index == 2:
            [place] = functions_._places.values()
            assert type(place.executor).__name__ == "Threaded"
            late = monotonic() + 60
            while place.next is None and monotonic() < late:
                sleep(0.05)
    assert type(place.executor).__name__ == "Echo"
    assert all((a == b).all() for a, b in zip(seen, expected, strict=True))


def prepared(name: str, made: Functions, canvas_hw: HW, folder: Path) -> tuple[Path, Trial]:
    EXECUTORS[name].prepare(made, canvas_hw, folder)
    return folder, Trial()


def test_pictures_of_many_sizes_are_told_once_that_a_named_executor_is_made_for_each(
    site: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(site, "echoing_executor", ECHO)
    load_plugins()
    monkeypatch.setattr(switching, "attempt", lambda name, made, some, hw: prepared(name, made, hw, site))
    stream = tiny_model().stream(1, runtime="echo", size="native")
    for n in range(switching.SIZES):
        stream(np.zeros((32, 48 + 16 * n, 3), np.uint8))
    assert not caplog.messages
    for n in range(switching.SIZES, switching.SIZES + 3):
        stream(np.zeros((32, 48 + 16 * n, 3), np.uint8))
    assert caplog.messages == ["pictures of many sizes: echo takes seconds for each; use --runtime eager"]


def test_a_named_executor_computes_from_the_first_frame_and_the_film_comes_out_the_same() -> None:
    if why := EXECUTORS["openvino"].missing(functions()):
        pytest.skip(why)
    images = [frame.image for frame in frames(3)]
    plain, fast = lite_model().stream(2), lite_model().stream(2, runtime="openvino")
    for image in images:
        a, b = plain(image), fast(image)
        assert (a.labels != b.labels).mean() < 0.01
    [place] = fast.state.engine.functions._places.values()
    assert type(place.executor).__name__ == "RowByRow"


def test_the_process_that_tries_ends_with_the_one_that_asked() -> None:
    """Its standard input is the leash: closed, it is gone."""
    child = subprocess.Popen(
        [sys.executable, "-m", "streamdeq.runtime.trial"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    child.stdin.close()
    assert child.wait(60) != 0


DROPPED = """
import gc, signal, threading
from streamdeq.{module} import openvino_core
held = [openvino_core()]
held[0].available_devices
dropping = threading.Thread(target=lambda: (held.clear(), gc.collect()))
dropping.start()
dropping.join()
signal.signal(signal.SIGINT, lambda *_: print("heard"))
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize("module", ["runtime.openvino_", "edge.sessions"])
def test_after_openvino_was_dropped_in_another_thread_ctrl_c_is_heard(module: str) -> None:
    pytest.importorskip("openvino")
    command = [sys.executable, "-c", DROPPED.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "heard\n")
