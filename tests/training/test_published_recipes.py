"""The authors' recipes: their figures, that they build what they name, and two small steps of each."""

from pathlib import Path

import pytest
import torch
from support.dataset_trees import write_cityscapes, write_cityscapes_labels, write_class_folders
from support.pose_trees import square_table
from support.small_runs import command

from streamdeq.codec import override
from streamdeq.data.base import Dataset
from streamdeq.data.open import open_dataset
from streamdeq.data.readers import cityscapes
from streamdeq.errors import StreamdeqError
from streamdeq.models.mdeq import Network
from streamdeq.tasks import build_network
from streamdeq.training.optimizers import learning_rate
from streamdeq.training.plan import plan_step
from streamdeq.training.recipe import Recipe
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import RunSettings
from streamdeq.training.setup import initial_weights, spec_of
from streamdeq.training.trainer import Trainer

NAMES = [
    *("cityscapes-small", "cityscapes-large", "cityscapes-xl-il", "cityscapes-xl-ur", "cityscapes-xl-sur"),
    *("imagenet-small", "imagenet-small-reg", "imagenet-large", "imagenet-xl"),
    *("mpii-xl-il", "mpii-xl-ur", "mpii-xl-sur"),
]
FROM_IMAGENET = [f"{data}-xl-{way}" for data in ("cityscapes", "imagenet-vid", "mpii") for way in ("il", "ur", "sur")]

#: What makes a published recipe one of a second; the rest stays as it is.
SMALL = (
    "architecture.channels=8,8,8,8",
    "architecture.expansion=1",
    "batch=2",
    "steps=4",
    "statistics=1",
)
WIDE, SQUARE = ("crop_hw=32,64", "size=16"), ("crop_hw=64,64", "size=64")
SOLVED = ("pretrain.steps=1", "implicit.backward=3")


def built(name: str) -> Network:
    """The network for as many classes as the published data have, without memory."""
    recipe = RECIPES[name]
    if recipe.task == "segmentation":
        classes, palette = cityscapes.CLASSES, cityscapes.PALETTE
    else:
        number = {"classification": 1000, "pose": 16}[recipe.task]
        classes, palette = tuple(map(str, range(number))), ((0, 0, 0),) * number
    dataset = Dataset("nothing", recipe.task, "train", classes, palette, (), "")
    with torch.device("meta"):
        return build_network(spec_of(recipe, dataset))


def test_they_are_all_among_the_recipes():
    assert [RECIPES[name].name for name in NAMES] == NAMES


def test_the_largest_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in built("cityscapes-xl-il").parameters()) / 1e6 == pytest.approx(79.55, abs=0.005)


@pytest.mark.parametrize("name", NAMES)
def test_each_builds_the_network_that_it_names(name):
    size = name.split("-")[1]
    first, final = {"small": (32, 24), "large": (80, 32), "xl": (88, 32)}[size]
    network = built(name)
    assert network.backbone.arch.channels == tuple(first * 2**i for i in range(4))
    if RECIPES[name].task == "classification":
        assert network.head.classifier.weight.shape == (1000, 2048)
        assert network.head.incre_modules[0][0].conv1.weight.shape[0] == final
    elif RECIPES[name].task == "pose":
        assert network.head.deconvolutions[0].weight.shape == (704, 256, 4, 4)
        assert network.head.final_layer.weight.shape == (16, 256, 1, 1)
    else:
        assert network.head.last_layer[3].weight.shape[0] == 19


@pytest.mark.parametrize("name", [name for name in NAMES if RECIPES[name].task != "pose"])
def test_the_rate_falls_from_its_peak_to_a_millionth_of_one(name):
    recipe = RECIPES[name]
    assert learning_rate(recipe, 0) == recipe.optimizer.lr
    assert learning_rate(recipe, recipe.steps // 2) == pytest.approx(recipe.optimizer.lr / 2, rel=1e-3)
    assert learning_rate(recipe, recipe.steps) == pytest.approx(1e-6)


def test_epochs_are_counted_as_they_are_there():
    steps = {name: RECIPES[name].steps for name in ("cityscapes-xl-il", "cityscapes-large", "imagenet-xl")}
    assert steps == {"cityscapes-xl-il": 88_800, "cityscapes-large": 123_500, "imagenet-xl": 1_001_000}
    for name in NAMES:
        assert RECIPES[name].pretrain.steps < 0.6 * RECIPES[name].steps


def test_the_three_variants_differ_as_in_the_paper():
    depths = {}
    for name in ("cityscapes-xl-il", "cityscapes-xl-ur", "cityscapes-xl-sur"):
        plans = [plan_step(RECIPES[name], step) for step in range(60_000, 60_200)]
        depths[name] = {plan.iterations for plan in plans}
    expected = {"cityscapes-xl-il": {27}, "cityscapes-xl-ur": {20}, "cityscapes-xl-sur": set(range(1, 21))}
    assert depths == expected


def test_a_count_or_a_range_turns_one_unrolled_variant_into_the_other():
    ur, sur = RECIPES["mpii-xl-ur"], RECIPES["mpii-xl-sur"]
    assert override(ur, ["unroll=1..20", f"name={sur.name}"]) == sur
    assert override(sur, ["unroll=20", f"name={ur.name}"]) == ur
    with pytest.raises(StreamdeqError, match="'unroll' is a group of settings"):
        override(ur, ["unroll=many"])


@pytest.mark.parametrize("name", FROM_IMAGENET)
def test_what_begins_with_imagenets_weights_says_so_and_waits_for_them(name, tmp_path):
    recipe = RECIPES[name]
    with pytest.raises(StreamdeqError, match=r"^\S+ begins with the weights of imagenet-xl: expected --init FILE"):
        initial_weights(recipe)
    (tmp_path / "weights.safetensors").touch()
    assert (
        initial_weights(override(recipe, [f"init={tmp_path}/weights.safetensors"])) == tmp_path / "weights.safetensors"
    )
    assert initial_weights(override(recipe, ["init=none"])) is None


def test_the_command_refuses_before_it_looks_at_the_data(tmp_path, capsys):
    assert command("cityscapes-xl-sur", "--data", str(tmp_path / "nothing")) == 2
    assert capsys.readouterr().err.startswith("streamdeq: cityscapes-xl-sur begins with the weights of imagenet-xl: ")
    assert command("cityscapes-xl-sur", "--data", str(tmp_path / "nothing"), "--init", "none") == 2
    assert "imagenet-xl" not in capsys.readouterr().err


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("trees")
    write_cityscapes_labels(write_cityscapes(root / "segmentation"))
    write_class_folders(root / "classification", {"train": {"cat": 2, "dog": 2}, "val": {"cat": 1, "dog": 1}})
    square_table(root / "pose")
    return {task: root / task for task in ("segmentation", "classification", "pose")}


def trainer(recipe: Recipe, data: Path, folder: Path) -> Trainer:
    return Trainer.build(recipe, open_dataset(str(data), "train"), RunSettings(folder, str(data), torch.device("cpu")))


@pytest.mark.parametrize("name", NAMES)
def test_each_takes_a_step_of_warm_up_and_one_behind_it(name, trees, tmp_path):
    recipe = RECIPES[name]
    depth = "unroll.n=3" if hasattr(recipe.unroll, "n") else "unroll.high=3"
    low = ("unroll.low=2",) if name.endswith("-reg") else ()
    sides = SQUARE if recipe.task == "pose" else WIDE
    tiny = override(recipe, [*SMALL, *sides, *(SOLVED if recipe.implicit else ()), depth, *low])
    running = trainer(tiny, trees[recipe.task], tmp_path)
    before = {key: p.detach().clone() for key, p in running.network.named_parameters()}
    records = [running.step(running.objective.batch(step)) for step in range(2)]
    if recipe.pretrain.steps:
        assert records[0].unrollings == recipe.pretrain.stacked
    assert records[1].unrollings <= 3
    assert not any(record.skipped for record in records)
    assert [key for key, p in running.network.named_parameters() if torch.equal(p, before[key])] == []
