"""The weights that come with the package, by name."""

import os
from pathlib import Path

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

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
    if text in names():
        return FOLDER / f"{text}.safetensors"
    if os.sep in text or text.endswith((".safetensors", ".pth", ".pkl", ".pt")) or Path(text).exists():
        if not Path(text).is_file():
            raise StreamdeqError(f"no weights at {text}; expected a .safetensors file or one of: {', '.join(names())}")
        return Path(text)
    raise StreamdeqError(unknown("model", text, names()))
