"""Weights by name: those that come with the package, a file, an address on a hub."""

import os
from pathlib import Path

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

FOLDER = Path(__file__).parent.parent / "weights"


def names() -> list[str]:
    """The packaged models."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a packaged model, the path itself where one is given, or the file at `hf://owner/name`, fetched.

    Raises:
        StreamdeqError: none of these, the nearest name is shown; or what the hub refuses.
    """
    text = os.fspath(name_or_path)
    if text.startswith("hf:/"):
        from streamdeq.models import hub  # the extra `hub`

        # pathlib makes one slash of two
        return hub.fetch(text if text.startswith(hub.PREFIX) else text.replace("hf:/", hub.PREFIX, 1))
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
