"""`streamdeq reproduce` and `report`: every item into JSON, drawn from it without computing, all on one page."""

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from support.box_trees import write_coco_video
from support.camvid_trees import write_listed_tree
from support.pose_trees import square_table

from streamdeq.cli import report, reproduce
from streamdeq.cli.main import build, guarded
from streamdeq.data.synthetic.labels import PALETTE
from streamdeq.data.synthetic.scene import CLASSES
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.run import evaluate
from streamdeq.evaluation.protocol.score import Condition, Mode
from streamdeq.evaluation.reproduce.item import read_found
from streamdeq.evaluation.reproduce.items import ITEMS
from streamdeq.evaluation.reproduce.paths import _distances
from streamdeq.evaluation.reproduce.run import Reproduction, Subjects
from streamdeq.evaluation.reproduce.settings import ItemSettings
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec, ReferenceSolve
from streamdeq.tasks import build_network
from streamdeq.video import open_source

ARCHITECTURE = Architecture((4, 4), groups=2, expansion=1)
SPEC = ModelSpec("tiny", "segmentation", ARCHITECTURE, CLASSES, PALETTE, size=32, reference=ReferenceSolve("picard", 5))
APP = build([reproduce.reproduce, report.report])
DATA = "synthetic:clips=2,frames=24,size=32x48"
OTHER = "synthetic:clips=2,frames=2,size=32x48,seed=5"
FEW = f"-n 1,2 --offsets 0,2 --frames 13 --clips 2 --frames-per-clip 2 --resamples 20 --start-from {OTHER} -q"
OF_OTHER_TASKS = ("fig13", "fig14", "fig17", "fig18", "fig19", "fig20")
#: Whose measuring takes many seconds, or is that of another one.
LONG = ("table1", "fig4", "fig7", "fig11", "fig12", "fig21", "fig23", "budget", "latency", "flicker", "recovery")
SHORT = [name for name in ITEMS if name not in (*OF_OTHER_TASKS, *LONG)]
DRAWN = [*SHORT, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    torch.manual_seed(0)
    save_weights(path, build_network(SPEC), SPEC)
    return path


@pytest.fixture(scope="module")
def measured(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The short ones."""
    out = tmp_path_factory.mktemp("figures")
    for name in SHORT:
        reproduced(name, weights, out)
    return out


def reproduced(name: str, weights: Path, out: Path) -> dict[str, Any]:
    line = f"reproduce {name} --model {weights} --data {DATA} --out {out} {FEW}"
    assert guarded(APP, line.split()) == 0
    [file] = out.glob(f"{name}-segmentation.json" if ITEMS[name].several else f"{name}.json")
    return json.loads(file.read_text())


@pytest.mark.parametrize("name", DRAWN)
def test_an_item_is_measured_and_drawn_from_its_json_alone(measured: Path, weights: Path, tmp_path: Path, name: str):
    found = reproduced(name, weights, tmp_path if name in LONG else measured)
    assert found["format"] == "streamdeq-figure-1"
    told = "models references settings precision commit machine command population dataset"
    assert set(told.split()) <= set(found["header"])
    for line in found.get("lines", {}).values():
        assert all(len(values) == len(line["x"]) for values in line.values() if isinstance(values, list))
    if name in SHORT:
        shutil.copytree(measured, tmp_path, dirs_exist_ok=True, ignore=lambda _, names: set(names) - own(names, name))
    for drawn in (*tmp_path.glob("*.png"), *tmp_path.glob("*.svg"), *tmp_path.glob("*.mp4"), *tmp_path.glob("*.md")):
        drawn.unlink()
    assert guarded(APP, ["reproduce", name, "--draw", "--out", str(tmp_path)]) == 0
    made = {path.suffix for path in tmp_path.iterdir() if path.is_file()} - {".json"}
    expected = {
        "table1": {".svg", ".png", ".md"},
        "variants": {".svg", ".png", ".md"},
        "fig10": {".png", ".mp4"},
        "fig23": {".png", ".mp4"},
    }
    assert made == expected.get(name, {".svg", ".png"})
    for svg in tmp_path.glob("*.svg"):
        assert ElementTree.parse(svg).getroot().tag.endswith("svg")


def own(names: list[str], name: str) -> set[str]:
    """The item's JSON and its folder of pictures, and what lies in that."""
    files = (f"{name}.json", f"{name}-segmentation.json", name)
    return {one for one in names if one in files or one.startswith(("zeros-", "streaming-"))}


def test_the_pictures_are_a_grid_of_iterations_over_frames_and_a_film_of_all(measured: Path):
    rows = json.loads((measured / "fig10.json").read_text())["pictures"]["rows"]
    assert [(row["iterations"], row["streaming"]) for row in rows][:4] == [(1, False), (1, True), (2, False), (2, True)]
    with Image.open(measured / "fig10.png") as grid, open_source(measured / "fig10.mp4") as film:
        assert grid.size == (5 * 270, len(rows) * 180)
        assert len(list(film)) == 13


def test_accuracy_over_the_offset_is_that_of_eval(measured: Path, weights: Path):
    found = json.loads((measured / "fig9.json").read_text())
    subjects = Subjects((str(weights),), DATA)
    made = Reproduction(subjects, ItemSettings((1, 2), (0, 2), clips=2, frames_per_clip=2), measured)
    settings = made.settings.protocol(made.dataset)
    scores = evaluate(made.measured[0].model, made.dataset, settings).scores
    values = {(row["mode"], row["iterations"], row["offset"]): row["value"] for row in found["rows"]}
    for offset in (0, 2):
        expected = scores[Condition(Mode.STREAMING, 2, offset)].figure(None).value
        assert values["streaming", 2, offset] == pytest.approx(expected)


def test_after_all_its_steps_a_frame_has_the_answer_of_streaming_and_before_them_the_one_before(measured: Path):
    zero, curve = (json.loads((measured / f"{name}.json").read_text()) for name in ("zero", "fig9"))
    values = {(row["mode"], row["iterations"], row["offset"]): row["value"] for row in curve["rows"]}
    line = zero["lines"]["streaming, 2 a frame"]
    assert line["x"] == [0, 1, 2]
    assert line["value"][2] == pytest.approx(values["streaming", 2, 2])
    assert zero["lines"]["from zeros"]["x"] == [1, 2]
    assert zero["lines"]["from zeros"]["value"][1] == pytest.approx(values["single", 2, None])


def test_an_item_of_one_model_takes_no_second(weights: Path, tmp_path: Path, capsys):
    line = f"reproduce fig3 --model {weights} --model street-s --data {DATA} --out {tmp_path} {FEW}"
    assert guarded(APP, line.split()) == 2
    assert "fig3: it is of one model" in capsys.readouterr().err


@pytest.mark.slow
def test_on_a_slower_machine_the_answers_are_older(weights: Path, tmp_path: Path):
    for line in reproduced("latency", weights, tmp_path)["lines"].values():
        assert line["age_ms"][-1] > line["age_ms"][0]


def test_solvers_of_two_libraries_say_the_same(measured: Path):
    lines = json.loads((measured / "solvers.json").read_text())["lines"]
    assert lines["picard, torchdeq"]["value"] == pytest.approx(lines["picard, streamdeq"]["value"])


def test_distances_are_those_between_all_rows():
    points = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    expected = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.testing.assert_allclose(_distances(points), expected, atol=1e-6)


def test_what_is_there_already_is_not_measured_again(measured: Path, weights: Path):
    before = (measured / "fig3.json").stat().st_mtime_ns
    line = f"reproduce fig3 --model {weights} --data {DATA} --out {measured} {FEW}"
    assert guarded(APP, line.split()) == 0
    assert (measured / "fig3.json").stat().st_mtime_ns == before


def test_the_page_has_every_item_and_says_what_was_not_run(measured: Path, tmp_path: Path, capsys):
    page = tmp_path / "page.html"
    assert guarded(APP, ["report", str(measured), "--out", str(page)]) == 0
    said, html = capsys.readouterr(), page.read_text()
    assert said.out.strip() == str(page)
    not_run = [name for name in ITEMS if name not in SHORT]
    assert said.err.strip() == f"not run: {', '.join(not_run)}"
    assert all(f'id="{name}"' in html for name in ITEMS)
    assert html.count("class=missing") == len(not_run)
    assert "data:image/svg+xml;base64," in html
    assert "data:video/mp4;base64," in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    assert "62.8" in html  # SUR at one iteration on Cityscapes, in the paper


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fig99", "unknown item 'fig99'"),
        ("fig3", "expected --data"),
        ("fig3 --draw", "measure it first"),
        ("fig3 --quick --data synthetic", "--quick has data and models of its own"),
        (f"fig13 --data {DATA} --model street-s", "it is of detection"),
        (f"fig22 --data {DATA} --model street-s", "expected --start-from"),
        (f"fig3 --data {DATA} --model street-s --model street-s", "street-s, seed 0 is there twice"),
        ("fig9 --data nowhere --model street-s", "nowhere, which is no folder"),
    ],
)
def test_what_cannot_be_reproduced_is_one_line(tmp_path: Path, capsys, arguments: str, message: str):
    assert guarded(APP, ["reproduce", *arguments.split(), "--out", str(tmp_path), "-q"]) == 2
    assert message in capsys.readouterr().err


def boxes_without(folder: Path) -> Path:
    lost = write_coco_video(folder, split="val") / "images/walk/0002.png"
    lost.unlink()
    return lost


def masks_without(folder: Path) -> Path:
    lost = write_listed_tree(folder) / "labels/val/0016E5_07963.png"
    lost.unlink()
    return lost


def points_without(folder: Path) -> Path:
    lost = square_table(folder) / "frames/val-3.png"
    lost.unlink()
    return lost


@pytest.mark.parametrize(
    ("spoilt", "items"), [(masks_without, list(ITEMS)), (boxes_without, ["fig13"]), (points_without, ["fig14"])]
)
def test_every_item_names_the_first_path_that_a_tree_lacks(
    spoilt: Any, items: list[str], weights: Path, tmp_path: Path, capsys
):
    lost = spoilt(tmp_path / "data")
    for name in items:
        told = ["reproduce", name, "-m", str(weights), "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")]
        assert guarded(APP, told) == 2
        assert str(lost) in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.json"))


def test_another_json_is_refused(tmp_path: Path):
    (tmp_path / "fig3.json").write_text('{"format": "else"}')
    with pytest.raises(StreamdeqError, match="holds no figure"):
        read_found(tmp_path / "fig3.json", ITEMS)
    assert guarded(APP, ["report", str(tmp_path)]) == 2


@pytest.mark.slow
def test_everything_on_rendered_data_without_any_of_ones_own(tmp_path: Path):
    assert guarded(APP, ["reproduce", "all", "--quick", "--out", str(tmp_path), "-q"]) == 0
    files = {path.stem.partition("-")[0] for path in tmp_path.glob("*.json")}
    assert files == set(ITEMS)
    assert len(list(tmp_path.glob("table1-*.json"))) == 3
