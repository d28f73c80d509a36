"""The authors' checkpoints, imported, compute what the authors' code computes; what is wrong with one is a sentence."""

import os
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from models.authors_files import LAYOUTS, Wrap, write
from support.golden_file import GoldenFile, close
from torch import Tensor

import streamdeq
from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import load_tensors, read_weights
from streamdeq.models.convert import convert_checkpoint
from streamdeq.models.mdeq import Network
from streamdeq.solvers import Broyden, Evaluations, Picard, Solver, solve
from streamdeq.tasks import build_network

FOLDER = Path(__file__).parent.parent / "golden"
FILES = {"segmentation": "random_f64", "classification": "classifier_f64"}
GROUPS = 4  # of the golden files; the published ones have 8


@pytest.fixture(scope="module", params=list(FILES))
def task(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def golden(task: str) -> GoldenFile:
    return GoldenFile(FOLDER / f"{FILES[task]}.safetensors")


@pytest.fixture(scope="module")
def segmenter() -> GoldenFile:
    return GoldenFile(FOLDER / "random_f64.safetensors")


def imported(path: Path, task: str, groups: int = GROUPS) -> Network:
    """The network in float64, by the same steps as the command's."""
    published = convert_checkpoint(path, task, groups)
    network = build_network(published.spec).double()
    load_tensors(network, published.tensors, str(path))
    return network.eval()


@torch.no_grad()
def compare(network: Network, golden: GoldenFile, tolerance: float, counts: tuple[int, ...] = (1, 2, 4, 8)) -> int:
    """Compare all golden logits of these numbers of iterations; how many there were."""
    compared = 0
    pattern = re.compile(r"(unrolled|broyden)\.(\d+)\.(?:frame(\d+)\.)?logits")
    solvers: dict[str, Callable[[], Solver]] = {"unrolled": Picard, "broyden": lambda: Broyden(capacity=30)}
    found = [m for key in golden if (m := pattern.fullmatch(key)) and int(m[2]) in counts]
    for family, iterations in sorted({(m[1], int(m[2])) for m in found}):
        solver, z = solvers[family](), None
        whole = any(m[3] is None for m in found)  # the classifier's frames are one batch, not a video
        frames = [golden["frames"]] if whole else golden["frames"].split(1)
        for t, x in enumerate(frames):
            key = f"{family}.{iterations}.logits" if whole else f"{family}.{iterations}.frame{t}.logits"
            injection = network.backbone.inject(x)
            start = network.backbone.zeros(injection) if z is None else z
            budget = Evaluations(solver.evaluations(iterations))
            z = solve(network.backbone.bind(injection), solver, start, budget).answer
            close(network.head(z), golden[key], tolerance)
            compared += 1
    assert compared == len(found)
    return compared


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_every_layout_is_read_to_the_same_tensors(tmp_path, golden, task, layout):
    path = write(tmp_path / "m.pkl", golden, LAYOUTS[layout], legacy=layout.startswith("full"))
    published = convert_checkpoint(path, task, GROUPS)
    bare = {name.partition(".")[2]: value for name, value in published.tensors.items()}
    assert bare.keys() == golden.parameters.keys()
    assert all(torch.equal(value, golden.parameters[name]) for name, value in bare.items())
    assert all("fullstage_copy." in name or "loss." in name for name in published.dropped)


def test_an_imported_network_gives_the_golden_logits_in_float64(tmp_path, golden, task):
    path = write(tmp_path / "m.pth", golden, LAYOUTS["with the copy, data-parallel"])
    assert compare(imported(path, task), golden, 1e-6) == {"segmentation": 24, "classification": 3}[task]
    # One application leaves no room for rounding to grow.
    compare(imported(path, task), golden, 1e-9, counts=(1,))


def test_what_the_tensors_show_is_in_the_description(tmp_path, golden, task):
    path = write(tmp_path / "mdeq_net.pkl", golden)
    spec = convert_checkpoint(path, task, GROUPS).spec
    assert spec.architecture == Architecture((8, 16, 16, 32), groups=4, expansion=3)
    assert (spec.name, spec.task, spec.solver) == ("mdeq_net", task, "broyden")
    assert len(spec.classes) == len(set(spec.palette)) == golden.config["num_classes"]
    if task == "classification":
        assert spec.head == {"head_channels": [4, 8, 8, 16], "final_channels": 40}
    origin = spec.provenance.recipe["imported"]
    assert (origin["file"], origin["groups"], len(origin["sha256"])) == ("mdeq_net.pkl", 4, 64)


def test_norms_without_scale_and_shift_after_fusion_are_read_from_the_tensors(tmp_path):
    golden = GoldenFile(FOLDER / "random_f64_no_post_affine.safetensors")
    path = write(tmp_path / "m.pth", golden)
    assert not convert_checkpoint(path, "segmentation", GROUPS).spec.architecture.post_affine
    assert compare(imported(path, "segmentation"), golden, 1e-6) > 0


@torch.no_grad()
def test_other_norms_without_scale_and_shift_are_the_same_function_with_one_and_zero(tmp_path, segmenter):
    def bare_norms(state: "OrderedDict[str, Tensor]") -> "OrderedDict[str, Tensor]":
        kept = {k: v for k, v in state.items() if not re.search(r"gn[123]\.|fuse_layers\.\d\.\d\.net.*gnorm\.", k)}
        return OrderedDict(kept)

    network = imported(write(tmp_path / "m.pth", segmenter, bare_norms), "segmentation")
    names = [name for name, _ in network.named_parameters() if re.search(r"gn[123]\.|net.*gnorm\.", name)]
    assert len(names) == 2 * (3 * 4 + 6 + 10)
    for name in names:
        assert (network.get_parameter(name) == float(name.endswith("weight"))).all()


# -- what is wrong with a file ----------------------------------------------------------------------------------


def refusal(path: Path, task: str = "segmentation", groups: int = GROUPS, **options: tuple[str, ...]) -> str:
    def read() -> None:
        published = convert_checkpoint(path, task, groups, **options)
        load_tensors(build_network(published.spec), published.tensors, str(path))

    with pytest.raises(StreamdeqError) as caught:
        read()
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def without(name: str) -> Wrap:
    return lambda state: OrderedDict((k, v) for k, v in state.items() if k != name)


def with_tensor(name: str, value: Tensor) -> Wrap:
    return lambda state: OrderedDict({**state, name: value})


@pytest.mark.parametrize(
    ("wrap", "words"),
    [
        (
            without("fullstage.branches.1.blocks.0.gn2.weight"),
            "lacks 'backbone.fullstage.branches.1.blocks.0.gn2.weight'",
        ),
        (without("last_layer.0.bias"), "lacks 'head.last_layer.0.bias'"),
        (without("fullstage.branches.2.blocks.0.conv1.weight_v"), "lacks the tensor 'fullstage.branches.2"),
        (without("last_layer.3.weight"), "lacks the tensor 'last_layer.3.weight'"),
        (with_tensor("extra.weight", torch.ones(2)), "has the unknown tensor 'head.extra.weight'"),
        (with_tensor("stage0.1.bias", torch.ones(9)), "'backbone.stage0.1.bias' is [9], expected [8]"),
        (with_tensor("module.stage0.1.bias", torch.ones(8)), "has the tensor 'stage0.1.bias' twice"),
        (
            with_tensor("fullstage.branches.1.blocks.0.conv1.weight_v", torch.ones(40, 16, 3, 3)),
            "expected every scale to widen by one whole factor, got 8 → 24, 16 → 40",
        ),
        (with_tensor("fullstage.branches.0.blocks.0.conv1.weight_v", torch.ones(())), "a tensor has too few axes"),
        (
            lambda state: {"state_dict": {}, "epoch": 3},
            "expected tensors named fullstage.…, got no tensors",
        ),
        (lambda state: OrderedDict(a=torch.ones(1), b=torch.ones(1)), "holds no MDEQ: expected .* got 'a' and 1 more"),
    ],
)
def test_a_file_that_is_not_as_published_is_one_sentence_with_the_tensor(tmp_path, segmenter, wrap, words):
    pattern = words if ".*" in words else re.escape(words)
    assert re.search(pattern, refusal(write(tmp_path / "m.pth", segmenter, wrap)))


def test_a_file_of_the_other_task_says_which_it_is(tmp_path, golden, task):
    other = next(name for name in FILES if name != task)
    assert f"is of {task} (it has" in refusal(write(tmp_path / "m.pth", golden), other)
    with pytest.raises(StreamdeqError, match="unknown task 'segmentatoin'; did you mean 'segmentation'"):
        convert_checkpoint(tmp_path / "m.pth", "segmentatoin")


def test_groups_that_do_not_divide_the_channels_name_the_option(tmp_path, segmenter):
    path = write(tmp_path / "m.pth", segmenter)
    message = refusal(path, groups=6)
    assert "channels must be multiples of groups (6); got 8" in message
    assert "--groups" in message


def test_names_that_are_not_one_per_class_are_refused(tmp_path, segmenter):
    message = refusal(write(tmp_path / "m.pth", segmenter), classes=("road", "sky"))
    assert "expected the names of the 19 classes" in message
    assert "got 2" in message


class Runs:
    """Executes a command when it is unpickled by a reader that allows it."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path, segmenter):
    trace = tmp_path / "trace"
    path = write(tmp_path / "m.pkl", segmenter, lambda state: {"state_dict": state, "x": Runs(f"touch {trace}")})
    message = refusal(path)
    assert re.search(r"is refused: it wants '\w+\.system'", message)
    assert not trace.exists()


def test_a_run_saved_with_numpy_values_says_how_to_save_it(tmp_path, segmenter):
    path = write(tmp_path / "m.pth", segmenter, lambda state: {"state_dict": state, "best_mIoU": np.float64(0.78)})
    message = refusal(path)
    assert re.search(r"it wants 'numpy\S*scalar'", message)
    assert "save the state_dict alone" in message


def test_what_is_no_checkpoint_at_all_is_said(tmp_path, segmenter):
    whole = write(tmp_path / "m.pth", segmenter).read_bytes()
    old = write(tmp_path / "o.pth", segmenter, legacy=True).read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "old.pth").write_bytes(old[: len(old) // 2])
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><html>sign in to download</html>")
    (tmp_path / "text.pth").write_text("hello\n" * 9)
    (tmp_path / "empty.pth").touch()
    (tmp_path / "tensors.pth").write_bytes((FOLDER / "random_f64.safetensors").read_bytes())
    for name in ("cut", "old", "page", "text", "empty", "tensors"):
        assert "is no PyTorch checkpoint, or cut short" in refusal(tmp_path / f"{name}.pth")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": [1, 2]}))
    assert "no" in refusal(tmp_path / "plain.pkl")
    assert "cannot read" in refusal(tmp_path / "nothing.pth")
    assert "cannot read" in refusal(tmp_path)


# -- the command ------------------------------------------------------------------------------------------------


def command(*arguments: object) -> int:
    return guarded(build(COMMANDS), ["import", *map(str, arguments)])


def test_the_command_writes_weights_that_give_the_golden_logits_to_half_precision(tmp_path, golden, task, capsys):
    path = write(tmp_path / "m.pkl", golden, LAYOUTS["with the copy of the cell"])
    out = tmp_path / "out.safetensors"
    assert command(path, "--task", task, "-o", out, "--groups", GROUPS) == 0
    output, errors = capsys.readouterr()
    assert output == f"{out}\n"
    classes = golden.config["num_classes"]
    assert errors.startswith(
        f"import: {task}, {classes} classes, channels 8/16/16/32, expansion 3, 4 groups as given, "
    )
    spec, tensors = read_weights(out)
    for name, value in golden.parameters.items():
        stored = tensors[f"backbone.{name}"] if f"backbone.{name}" in tensors else tensors[f"head.{name}"]
        assert torch.equal(stored, value.float().half() if value.is_floating_point() else value)
    network = build_network(spec).double()
    load_tensors(network, tensors, "out")
    # Stored in float16 (11 bits), so the logits agree to some 1e-3 of the largest.
    compare(network.eval(), golden, 5e-3, counts=(1, 2))
    assert spec.provenance.trained_with == f"imported by streamdeq {streamdeq.__version__}"


def test_an_imported_model_runs_through_the_facade(tmp_path, golden, task):
    out = tmp_path / "out.safetensors"
    names = tmp_path / "names.txt"
    names.write_text("".join(f"thing {k}\n" for k in range(golden.config["num_classes"])))
    path = write(tmp_path / "m.pkl", golden)
    assert command(path, "--task", task, "-o", out, "--groups", GROUPS, "--classes", names, "--quiet") == 0
    model = streamdeq.load(out, "cpu", "fp32")
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    with model.stream(iterations=1, size=64) as stream:
        result = stream(image)
    assert result.classes[3] == "thing 3"
    assert result.status.nfe == 2  # Broyden, which the published weights are trained for
    assert model.draw(image, result).shape == image.shape


def test_the_command_says_what_it_cannot_do_in_one_line(tmp_path, segmenter, capsys):
    path, out = write(tmp_path / "m.pth", segmenter), tmp_path / "out.safetensors"
    (tmp_path / "names.txt").write_text("road\n\nsky\n")
    wrong = [
        ((path, "--task", "segmentation", "-o", tmp_path / "out.pth"), "expected a name that ends in .safetensors"),
        ((path, "--task", "depth", "-o", out), "unknown task 'depth'"),
        ((path, "--task", "segmentation", "-o", out, "--groups", "many"), "--groups: expected a whole number"),
        ((path, "--task", "segmentation", "-o", out, "--classes", tmp_path / "names.txt"), "a name in line 2"),
        ((path, "--task", "segmentation", "-o", out, "--classes", tmp_path / "none.txt"), "--classes: cannot read"),
        ((tmp_path / "none.pth", "--task", "segmentation", "-o", out), "cannot read"),
    ]
    for arguments, words in wrong:
        assert command(*arguments) == 2
        output, errors = capsys.readouterr()
        assert output == ""
        assert words in errors
        assert errors.count("\n") == 1
    assert not out.exists()
