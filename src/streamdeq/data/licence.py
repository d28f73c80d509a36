"""What a folder of data says about its licence. Knows no layout."""

import re
from pathlib import Path

from streamdeq.data.classes import read_text

UNSTATED = "not stated by the data"


def licence_of(folder: Path) -> str:
    """The paragraph of the folder's README.md that begins with `Licence:`, in one line; `UNSTATED` without."""
    readme = folder / "README.md"
    if not readme.is_file():
        return UNSTATED
    found = re.search(r"^Licen[cs]e: (.+?)(?:\n\s*\n|\Z)", read_text(readme), re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else UNSTATED
