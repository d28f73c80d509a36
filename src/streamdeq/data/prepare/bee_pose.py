"""The apic.ai bee pose data set: crops around one bee, 32 points, the authors' split."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from streamdeq.data.documents import Json, Schema
from streamdeq.data.prepare.writing import mirrored, pairs_of, write_jpeg, write_names, write_table

_HEAD = ["head_front", "head_left", "head_right", "head_back", "body_center", "body_back", "wing_left", "wing_right"]
_LEGS = [f"{side}_leg_{place}" for side in ("right", "left") for place in ("front", "middle", "back")]
NAMES = (*_HEAD, *(f"{leg}_{number}" for leg in _LEGS for number in (1, 2, 3, 4)))
SKELETON = [
    *pairs_of("head_front-head_left head_front-head_right head_front-head_back head_back-body_center "
              "body_center-body_back wing_left-head_back wing_right-head_back"),
    *((f"{leg}_{number}", f"{leg}_{number + 1}") for leg in _LEGS for number in (1, 2, 3)),
]  # fmt: skip
_FRAME = re.compile(r"(?P<sequence>.+)_f(?P<number>\d+)$")


class _Frame(Schema):
    path: str
    set: str
    keypoints: dict[str, tuple[int, int]]


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    (root,) = sources
    frames = sorted(Json(root / "data/pose_dataset.json").read(list[_Frame]), key=lambda one: Path(one.path).stem)
    for one in frames:
        with Image.open(root / "data" / one.path) as picture:
            write_jpeg(picture.convert("RGB"), out / "frames" / f"{Path(one.path).stem}.jpg", 92, 1)
    pairs = [*mirrored(NAMES[:8], "_left", "_right"), *mirrored(NAMES, "left_leg", "right_leg")]
    write_names(out, NAMES, SKELETON, pairs, "human")
    write_table(out / "labels.csv", (row for one in frames for row in _rows(one)))


def _rows(one: _Frame) -> Iterator[Sequence[object]]:
    stem = Path(one.path).stem
    found = _FRAME.match(stem)
    place = (found["sequence"], int(found["number"])) if found else (stem, -1)
    for number, name in enumerate(NAMES):
        xy = one.keypoints.get(str(number))
        at = (*xy, 1) if xy is not None and min(xy) >= 0 else ("", "", 0)
        yield (f"frames/{stem}.jpg", *place, 0, name, *at, "", one.set)
