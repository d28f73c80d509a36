"""Painter's algorithm: a scene at a time as an image, labels, and visible things.

Everything is drawn at twice the size with the same polygons. The image is averaged down (anti-aliased). A
pixel of the labels is what covers most of its four quarters, the nearer thing on a tie: labels are never
blended.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from PIL import Image, ImageDraw

from streamdeq.data.synthetic.backdrop import Look, label_backdrop, paint_backdrop, skyline
from streamdeq.data.synthetic.camera import NEAR_M, Camera, clip_near
from streamdeq.data.synthetic.scene import CLASSES, TREE
from streamdeq.data.synthetic.shapes import Part, Thing

FINER = 2
_NO_PART_IS_NEAR_M = 6.0
_DISTANT_TREES = np.array((74, 86, 70), np.float32)


@dataclass(frozen=True, eq=False)
class VisibleThing:
    """A thing of which at least a pixel is seen.

    `box_xyxy` in pixels around what is seen of it (edges, so the right and lower ones are exclusive);
    `pixels` how many are seen; `depth_m` along the street; `keypoints_xy` (14, 2) in pixels for people, also
    where hidden or outside; `keypoints_visible` (14,) whether the pixel at the key point shows this person.
    """

    class_index: int
    instance: int
    depth_m: float
    box_xyxy: tuple[float, float, float, float]
    pixels: int
    keypoints_xy: np.ndarray | None
    keypoints_visible: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Drawing:
    """Polygons (x0, y0, x1, y1, ...) in finer pixels, back to front. `owners` are positions in `things`."""

    camera: Camera
    things: list[Thing]
    polygons: list[list[float]]
    owners: list[int]
    depths: np.ndarray
    parts: list[Part]


def draw(things: list[Thing], camera: Camera) -> Drawing:
    """Project the parts of `things`, clipped to what is ahead; those outside the picture are dropped."""
    parts, owners = [], []
    for owner, thing in enumerate(things):
        shown = thing.parts
        if thing.z < camera.z + _NO_PART_IS_NEAR_M:
            clipped = (part._replace(points=clip_near(part.points, camera.z + NEAR_M)) for part in shown)
            shown = [part for part in clipped if len(part.points) >= 3]
        parts += shown
        owners += [owner] * len(shown)
    if not parts:
        return Drawing(camera, things, [], [], np.zeros(0), [])
    sizes = np.array([len(part.points) for part in parts])
    starts = np.cumsum(sizes) - sizes
    numbers = chain.from_iterable(chain.from_iterable(part.points for part in parts))
    points = np.fromiter(numbers, np.float64, 3 * int(sizes.sum())).reshape(-1, 3)
    # Pillow's coordinates name pixel centres.
    xy = camera.project(points) - 0.5
    low, high = np.minimum.reduceat(xy, starts), np.maximum.reduceat(xy, starts)
    height, width = camera.size_hw
    seen = ((high > -1) & (low < (width, height))).all(axis=1)
    large = (high - low > 1.2).any(axis=1) | np.array([part.solid for part in parts])
    depths = np.minimum.reduceat(points[:, 2], starts) - camera.z
    kept = np.flatnonzero(seen & large).tolist()
    flat, ends = xy.ravel().tolist(), 2 * (starts + sizes)
    polygons = [flat[2 * starts[k] : ends[k]] for k in kept]
    return Drawing(camera, things, polygons, [owners[k] for k in kept], depths[kept], [parts[k] for k in kept])


def paint(drawing: Drawing, look: Look, rng: np.random.Generator) -> np.ndarray:
    """The image (H, W, 3) uint8; `rng` draws the camera's noise."""
    camera = drawing.camera
    canvas = paint_backdrop(camera, look)
    canvas[skyline(camera, look)] = 0.45 * look.haze + 0.55 * _DISTANT_TREES
    picture = Image.fromarray(canvas)
    brush = ImageDraw.Draw(picture)
    colours = np.array([part.colour for part in drawing.parts], np.float32).reshape(-1, 3)
    mist = 1 - np.exp(-look.haze_per_m * drawing.depths)[:, None]
    colours = np.clip(colours + (look.haze - colours) * mist, 0, 255).astype(np.uint8).tolist()
    for polygon, colour in zip(drawing.polygons, colours, strict=True):
        brush.polygon(polygon, fill=tuple(colour))
    image = np.asarray(picture.reduce(FINER), np.float32) * look.gain
    image += look.noise * rng.standard_normal(image.shape, np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)


def own(drawing: Drawing, look: Look) -> np.ndarray:
    """(H, W) int32: a class of the backdrop, or the number of classes plus a position in `things`."""
    camera = drawing.camera
    owners = label_backdrop(camera)
    owners[skyline(camera, look)] = TREE
    picture = Image.fromarray(owners)
    brush = ImageDraw.Draw(picture)
    for polygon, owner, part in zip(drawing.polygons, drawing.owners, drawing.parts, strict=True):
        if part.solid:
            brush.polygon(polygon, fill=owner + len(CLASSES))
    return majority(np.asarray(picture))


def majority(fine: np.ndarray) -> np.ndarray:
    """(2H, 2W) to (H, W): the value most frequent among four, the largest on a tie."""
    height, width = fine.shape[0] // 2, fine.shape[1] // 2
    four = fine.reshape(height, 2, width, 2).transpose(1, 3, 0, 2).reshape(4, height, width)
    a, b, c, d = np.sort(four, axis=0)
    return np.where((d == c) | ((b != c) & (a != b)), d, np.where(b == c, c, b))


def classes_of(owners: np.ndarray, things: list[Thing]) -> np.ndarray:
    """(H, W) uint8 class indices."""
    table = np.array([*range(len(CLASSES)), *(thing.class_index for thing in things)], np.uint8)
    return table[owners]


def visible(drawing: Drawing, owners: np.ndarray, shot: int) -> tuple[VisibleThing, ...]:
    """What is seen of the things, far to near. No two shots share an instance."""
    found = []
    for number in np.unique(owners[owners >= len(CLASSES)]).tolist():
        thing = drawing.things[number - len(CLASSES)]
        mask = owners == number
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
        xy, shown = _keypoints(thing, drawing.camera, mask)
        depth = float(thing.z - drawing.camera.z)
        instance = thing.instance + (shot << 32)
        found.append(VisibleThing(thing.class_index, instance, depth, box, int(mask.sum()), xy, shown))
    return tuple(found)


def _keypoints(thing: Thing, camera: Camera, mask: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    if not thing.joints:
        return None, None
    joints = np.array(thing.joints)
    joints[:, 2] = np.maximum(joints[:, 2], camera.z + NEAR_M)
    xy = camera.project(joints) / FINER
    columns, rows = np.floor(xy).astype(int).T
    inside = (columns >= 0) & (columns < mask.shape[1]) & (rows >= 0) & (rows < mask.shape[0])
    # A key point at the edge of the body (head top, ankle) may fall a pixel outside of it.
    grown = np.pad(mask, 1)
    grown = grown[:-2] | grown[1:-1] | grown[2:]
    grown = grown[:, :-2] | grown[:, 1:-1] | grown[:, 2:]
    shown = np.zeros(len(joints), bool)
    shown[inside] = grown[rows[inside], columns[inside]]
    return xy.astype(np.float32), shown
