"""The names of a run's files, and the check that none of them replaces the source."""

import os
import re
from itertools import takewhile
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.files import shown
from streamdeq.video.images import IMAGE_SUFFIXES

#: What makes a pattern of a name.
WILD = frozenset("*?[")


def output_name(name: str, kind: str, spec: Any = None) -> str:
    """A name without suffix for a source of that name and kind, opened as `spec`.

    A film or picture gives its own, a folder its own with all dots, a pattern that of the folder it begins with. A live
    source gives its address, as far as file names can hold it. Letters that names of files cannot have here become "_".
    """
    chosen = _chosen(name, kind, spec)
    try:
        os.fsencode(chosen)
    except UnicodeEncodeError:  # in an environment whose text is ASCII
        return re.sub(r"[^ -~]", "_", chosen)
    return chosen


def _chosen(name: str, kind: str, spec: Any) -> str:
    if "://" in name or kind == "camera":
        return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "live"
    if isinstance(spec, str | os.PathLike) and Path(spec).expanduser().is_dir():
        # A folder's name is no pattern, whatever is in it; "." has a name, too.
        return shown(Path(os.fspath(spec)).expanduser().resolve().name) or "images"
    path = Path(name)
    plain = list(takewhile(lambda part: not WILD & set(part), path.parts))
    if kind != "images":
        chosen = path.stem
    elif len(plain) < len(path.parts):
        chosen = Path(*plain).name
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        chosen = path.stem
    else:
        chosen = path.resolve().name  # "." has a name, too
    return chosen or "images"


def check_not_source(output: Path, spec: Any) -> None:
    """Raises StreamdeqError if writing `output` would replace the file that is read."""
    if not isinstance(spec, str | os.PathLike):
        return
    source = Path(spec).expanduser()
    if os.path.exists(output) and os.path.exists(source) and os.path.samefile(output, source):
        raise StreamdeqError(f"{output} is the source itself; choose another folder to save to")
