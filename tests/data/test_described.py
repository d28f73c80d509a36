"""Classes of pictures with a teacher's vector beside them, from the file to the loss."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.numpy import save_file

from streamdeq.data.described import Described
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.tasks.classification.head import FEATURES, ClassificationHead, Widths
from streamdeq.tasks.classification.objective import _tensor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of two classes, and three vectors."""
    for name in ("train/a/2", "train/a/1", "train/b/1", "val/a/1"):
        file = tmp_path / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(file)
    (tmp_path / "features").mkdir()
    save_file({"features": np.arange(12, dtype=np.float16).reshape(3, 4)}, tmp_path / "features/train.safetensors")
    return tmp_path


def test_vectors_come_with_the_classes_in_the_order_of_the_pictures(folder: Path):
    train = open_dataset(str(folder), "train")
    assert train.head == {"features": 4}
    targets = [clip.target(0) for clip in train.clips]
    assert targets == [0, 0, 1]
    assert [target.vector.tolist() for target in targets] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert [Path(clip.name).name for clip in train.clips] == ["1.png", "2.png", "1.png"]
    val = open_dataset(str(folder), "val")
    assert (val.head, val.clips[0].target(0)) == ({}, 0)


@pytest.mark.parametrize("rows", [2, None])
def test_vectors_of_other_pictures_are_refused(folder: Path, rows: int | None):
    path = folder / "features/train.safetensors"
    if rows is None:
        path.write_text("nothing")
    else:
        save_file({"features": np.zeros((rows, 4), np.float16)}, path)
    with pytest.raises(StreamdeqError, match=r"train\.safetensors"):
        open_dataset(str(folder), "train")


def test_a_described_class_is_its_index_and_keeps_its_vector_in_another_process():
    one = pickle.loads(pickle.dumps(Described(3, np.array([0.5, 1.0], np.float16))))
    assert (one, one.vector.tolist()) == (3, [0.5, 1.0])
    assert _tensor(one).tolist() == [3, 0.5, 1]
    assert _tensor(3).dtype == torch.int64


def test_the_loss_adds_how_far_the_told_vector_is_and_the_answer_is_the_same():
    torch.manual_seed(0)
    head = ClassificationHead((8, 8), 2, Widths((4, 4), 16, 3)).eval()
    assert head.features is not None
    z = Latent((torch.randn(2, 8, 8, 8), torch.randn(2, 8, 4, 4)))
    plain = head.losses(z, torch.tensor([0, 1]))
    assert list(plain) == ["cross_entropy"]
    told = head.features(head._vector(z)).detach()
    for factor, expected in ((2.0, 0.0), (-1.0, 2 * FEATURES)):
        both = head.losses(z, torch.cat([torch.tensor([[0.0], [1.0]]), factor * told], dim=1))
        torch.testing.assert_close(both["cross_entropy"], plain["cross_entropy"])
        torch.testing.assert_close(both["features"], torch.tensor(expected), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(plain["cross_entropy"], F.cross_entropy(head(z), torch.tensor([0, 1])))
