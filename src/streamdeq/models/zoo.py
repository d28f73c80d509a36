"""The weights that come with the package, by name."""

import os
from pathlib import Path
from typing import Literal

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

#: The packaged models by their task, for type checkers.
Segmenters = Literal[
    "camvid-s", "camvid-s-il", "camvid-s-published", "camvid-s-sur", "camvid-s-ur", "camvid-s-wsu", "street-s"
]
Detectors = Literal["driving-s", "person-s", "person-s-il", "person-s-ur", "street-boxes-s"]
PoseModels = Literal["bee-s", "bee-s-il", "bee-s-ur", "human-s", "mouse-s", "walkers-s"]
DepthModels = Literal["street-depth-s"]

FOLDER = Path(__file__).parent.parent / "weights"


def names() -> list[str]:
    """The packaged models."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a packaged model, or the path itself where one is given.

    Raises:
        StreamdeqError: neither; the nearest name is shown.
    """
    text = os.fspath(name_or_path)
    packaged = names()
    if text in packaged:
        return FOLDER / f"{text}.safetensors"
    # os.path, which unlike pathlib takes a name that no file can have for a file that is not there.
    if os.path.isfile(text):
        return Path(text)
    if os.sep in text or text.endswith((".safetensors", ".pth", ".pkl", ".pt")) or os.path.exists(text):
        others = f" or one of: {', '.join(packaged)}" if packaged else ""
        raise StreamdeqError(f"no weights at {text}; expected a .safetensors file{others}")
    raise StreamdeqError(unknown("model", text, packaged))
