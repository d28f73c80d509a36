"""Features that a classifier sees: folders put together, squares cut, directions found."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/teach"))
from label_features import gathered, principal, squares


def test_classes_of_several_folders_are_one_and_some_pictures_of_each_are_enough(tmp_path: Path):
    for name in ("one/train/a/1", "one/train/a/2", "one/val/a/1", "two/train/a/1", "two/train/b/1", "two/val/b/1"):
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(file)
    gathered([tmp_path / "one", tmp_path / "two"], tmp_path / "out", 1)
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert found == [
        "train/a/one-1.png", "train/a/two-1.png", "train/b/two-1.png", "val/a/one-1.png", "val/b/two-1.png"
    ]  # fmt: skip


def test_a_square_is_the_middle_of_a_picture(tmp_path: Path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    [batch] = squares([str(tmp_path / "wide.png")], 5)
    assert tuple(batch.shape) == (1, 3, 5, 5)
    assert (batch == 200).all()


def test_directions_are_those_of_most_variance_around_the_mean():
    rng = np.random.default_rng(0)
    far, near = rng.normal(size=200), rng.normal(size=200)
    features = np.stack([5 + 10 * far, 7 + near, np.full(200, 3.0)], axis=1)
    [one, other] = principal(features, 2).T.astype(float)
    assert abs(np.corrcoef(one, far)[0, 1]) > 0.99
    assert abs(np.corrcoef(other, near)[0, 1]) > 0.99
    assert one.std() > 5 * other.std()
    assert np.isclose(np.concatenate([one, other]).std(), 1, atol=0.01)
