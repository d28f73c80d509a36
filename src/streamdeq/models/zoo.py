"""Weights by name: those that come with the package or lie in a checkout, a file, an address on a hub."""

import os
from pathlib import Path
from typing import Literal

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

#: The models that have a name, by their task, for type checkers.
Segmenters = Literal[
    "camvid-s", "camvid-s-il", "camvid-s-published", "camvid-s-sur", "camvid-s-ur", "camvid-s-wsu",
    "street-s", "street-wide-s",
]  # fmt: skip
Detectors = Literal["driving-s", "people-s", "person-s", "person-s-il", "person-s-ur", "street-boxes-s"]
PoseModels = Literal["bee-s", "bee-s-il", "bee-s-ur", "human-s", "mouse-s", "walkers-s"]
DepthModels = Literal["street-depth-s"]

#: What the paper's experiment compares. They lie in the repository and not in the package.
RESEARCH = (
    "bee-s-il", "bee-s-ur", "camvid-s-il", "camvid-s-published", "camvid-s-sur", "camvid-s-ur", "camvid-s-wsu",
    "person-s-il", "person-s-ur",
)  # fmt: skip

FOLDER = Path(__file__).parent.parent / "weights"
#: In a checkout, beside `src`.
RESEARCH_FOLDER = Path(__file__).parents[3] / "research"

#: What the folder of a training run stands for: the weights that scored best, or else those of its end.
RUN_WEIGHTS = ("best.safetensors", "model.safetensors")


def names() -> list[str]:
    """The packaged models."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def research() -> list[str]:
    """Those of `RESEARCH` that are here: all in a checkout, none beside an installed package."""
    return [name for name in RESEARCH if _research_file(name).is_file()]


def name_of(path: Path) -> str | None:
    """The name that `find` knows this file by."""
    return path.stem if path.parent in (FOLDER, RESEARCH_FOLDER) else None


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a model by its name, the path itself where one is given, for a training run's folder its weights, or
    the file at `hf://owner/name`, fetched.

    Raises:
        StreamdeqError: none of these, the nearest name is shown; a model of the repository that is not here, with
            where it lies; or what the hub refuses.
    """
    text = os.fspath(name_or_path)
    if text.startswith("hf:/"):
        from streamdeq.models import hub  # the extra `hub`

        # pathlib makes one slash of two
        return hub.fetch(text if text.startswith(hub.PREFIX) else text.replace("hf:/", hub.PREFIX, 1))
    packaged = names()
    if text in packaged:
        return FOLDER / f"{text}.safetensors"
    if text in RESEARCH and _research_file(text).is_file():
        return _research_file(text)
    if os.path.isdir(text) and (held := _of_run(Path(text))):
        return held
    # os.path, which unlike pathlib takes a name that no file can have for a file that is not there.
    if os.path.isfile(text):
        return Path(text)
    if os.sep in text or text.endswith((".safetensors", ".pth", ".pkl", ".pt")) or os.path.exists(text):
        others = f" or one of: {', '.join(packaged)}" if packaged else ""
        raise StreamdeqError(f"no weights at {text}; expected a .safetensors file{others}")
    if text in RESEARCH:
        raise StreamdeqError(
            f"{text} is not in the package: it lies in the repository as research/{text}.safetensors; run from a "
            "checkout, or give the path of that file"
        )
    raise StreamdeqError(unknown("model", text, [*packaged, *research()]))


def _research_file(name: str) -> Path:
    return RESEARCH_FOLDER / f"{name}.safetensors"


def _of_run(folder: Path) -> Path | None:
    """The weights in the folder of a training run; None for another folder.

    Raises:
        StreamdeqError: a run that has not come to its end, and was not scored.
    """
    for name in RUN_WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    if (folder / "checkpoint.safetensors").is_file():
        raise StreamdeqError(f"{folder} holds a training run without weights yet: streamdeq train --resume {folder}")
    return None
