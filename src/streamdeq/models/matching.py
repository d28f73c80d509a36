"""Which class of one model is which of another's, by name: `Sign_Symbols` is `traffic sign`."""

import re
from collections.abc import Sequence

#: Names that data sets give to one and the same thing.
SAME = (
    ("person", "pedestrian", "human", "people"),
    ("bicyclist", "cyclist"),
    ("pavement", "sidewalk"),
    ("tree", "vegetation"),
    ("car", "automobile"),
    ("motorcycle", "motorbike"),
    ("pole", "column pole"),
    ("sign", "traffic sign", "sign symbol", "signsymbol"),
)
_KEYS = {name: names[0] for names in SAME for name in names}


def matched(here: Sequence[str], there: Sequence[str]) -> list[int | None]:
    """For each name here the place of the same one there, None where there is none. Case, punctuation and plurals do
    not count; a name that is the same to the letter comes before one that is not.

    >>> matched(["Cars", "sidewalk", "cow"], ["pavement", "car"])
    [1, 0, None]
    """
    exact = {name: place for place, name in reversed(list(enumerate(there)))}
    loose = {_key(name): place for place, name in reversed(list(enumerate(there)))}
    return [exact.get(name, loose.get(_key(name))) for name in here]


def _key(name: str) -> str:
    words = re.sub(r"[\W_]+", " ", name.casefold()).split()
    plain = " ".join(words)
    if plain in _KEYS:
        return _KEYS[plain]
    single = " ".join(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in words
    )
    return _KEYS.get(single, single)
