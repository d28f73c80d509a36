"""A split whose targets are key points, and what readers of key point files share.

Poses are found top-down: a model sees one instance, cut out by its box. So the protocol scores one instance at a time,
and the box of the labelled frame cuts out all the frames before it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.frames import Crop
from streamdeq.data.reader import own_dataset
from streamdeq.data.targets import Held
from streamdeq.errors import StreamdeqError
from streamdeq.values.geometry import Window
from streamdeq.values.keypoints import Keypoints, boxes_around

Pairs = tuple[tuple[int, int], ...]

_OTHER = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "l": "r", "L": "R"}
_OTHER |= {right: left for left, right in _OTHER.items()}
#: A side in so many words: left_ear, hindLeft, ear_l, R_ear, LEar.
_SIDE = r"(?<![A-Za-z])(?:left|right|[LRlr](?![A-Za-z\d])|[LR](?=[A-Z][a-z]))|(?<![A-Z])(?:Left|Right|LEFT|RIGHT)"
#: What may be one, if there is a partner: hindleft, earL, FL_paw, l1; LEAR. (L5 without R5 is a vertebra.)
_PERHAPS = (r"left|right|[LR](?![A-Za-z])|(?<![A-Za-z])[lr](?=\d)", r"(?<![A-Za-z])[LR](?=[A-Z])")


@dataclass(frozen=True)
class PoseDataset(Dataset):
    """Its classes are the names of the points.

    Args:
        skeleton: pairs of points to draw a line between, as indices.
        mirrored: pairs of points that change places in a mirror, likewise.
    """

    skeleton: Pairs = ()
    mirrored: Pairs = ()

    @property
    def head(self) -> dict[str, Any]:
        return {"skeleton": [list(pair) for pair in self.skeleton], "mirrored": [list(pair) for pair in self.mirrored]}

    def scored(self, classes: tuple[str, ...]) -> "PoseDataset":
        """A clip for every labelled instance. Of the points only the model's, if the data have all of those."""
        clips = tuple(
            cut_out(clip, t, n, self._places(classes))
            for clip, t in self.samples
            for n in np.flatnonzero(clip.target(t).visible.any(axis=1)).tolist()
        )
        if set(classes) <= set(self.classes):
            colours = tuple(self.palette[k] for k in self._places(classes))
            return replace(self, classes=classes, palette=colours, clips=clips, skeleton=(), mirrored=())
        return replace(self, clips=clips)

    def _places(self, classes: tuple[str, ...]) -> tuple[int, ...]:
        if not set(classes) <= set(self.classes):
            return tuple(range(len(self.classes)))
        return tuple(self.classes.index(name) for name in classes)


def labelled_poses(poses: Mapping[int, Keypoints]) -> Held:
    """What each labelled frame shows; only those count that show somebody."""
    return Held(poses, tuple(t for t in sorted(poses) if poses[t].visible.any()))


def cut_out(clip: Clip, last: int, number: int, points: tuple[int, ...]) -> Clip:
    """Instance `number` of frame `last` of a clip, cut out of that frame and all before it by its box there.

    The target, of some of the points, is in the pixels of the cut.
    """
    shown = clip.target(last)[[number]]
    window, some = Window.around(shown.boxes_xyxy[0]), list(points)
    target = replace(shown, xy=shown.xy[:, some], visible=shown.visible[:, some]).shifted(window.left, window.top)
    frames = Crop(clip.frames, last + 1, window)
    return Clip(f"{clip.name}-{last}-{number}", clip.fps, frames, Held.of({last: target}), clip)


def own_poses(
    folder: Path,
    split: str,
    points: tuple[str, ...],
    skeleton: Pairs,
    mirrored: Pairs,
    clips: Iterable[Clip],
    licence: str = "",
) -> PoseDataset:
    """A user's own key points; what is not given is as for `own_dataset`."""
    plain = own_dataset(folder, "pose", split, points, clips, licence)
    return PoseDataset(**vars(plain), skeleton=skeleton, mirrored=mirrored)


def poses_of(
    instances: Mapping[int, Mapping[str, tuple[float, float] | None]], names: tuple[str, ...], size_hw: tuple[int, int]
) -> Keypoints:
    """What a picture of this size shows, each instance in the box of its visible points.

    Args:
        instances: by number, x and y of their points by name; None where one is not visible.
    """
    numbers = sorted(instances)
    xy = np.zeros((len(numbers), len(names), 2), np.float32)
    visible = np.zeros(xy.shape[:2], bool)
    for n, number in enumerate(numbers):
        for name, point in instances[number].items():
            if point is not None:
                k = names.index(name)
                xy[n, k], visible[n, k] = point, True
    return Keypoints(xy, visible, boxes_around(xy, visible, size_hw), np.array(numbers, np.int64))


def pairs_of(named: Sequence[tuple[str, str]], names: tuple[str, ...], where: str) -> Pairs:
    """Pairs of names → pairs of their places.

    Raises:
        StreamdeqError: some are of other names.
    """
    places = {name: k for k, name in enumerate(names)}
    if any(name not in places for pair in named for name in pair):
        raise StreamdeqError(f"expected pairs of key point names in {where}, got {str(named)[:80]}; correct it")
    return tuple((places[a], places[b]) for a, b in named)


def sides_of(names: tuple[str, ...]) -> Pairs:
    """The pairs of points that change places in a mirror, by their names; the left one is first."""
    free, pairs = set(names), []
    for pattern in (_SIDE, *_PERHAPS):
        for name in names:
            found, other = re.search(pattern, name), re.sub(pattern, lambda side: _OTHER[side[0]], name)
            if found and found[0][0] in "Ll" and {name, other} <= free:
                pairs.append((names.index(name), names.index(other)))
                free -= {name, other}
    return tuple(sorted(pairs))


def one_sided(names: tuple[str, ...], mirrored: Pairs) -> tuple[str, ...]:
    """The names that say a side and are in no pair: a mirrored picture shows them on the wrong one."""
    paired = {names[k] for pair in mirrored for k in pair}
    return tuple(name for name in names if name not in paired and re.search(_SIDE, name))
