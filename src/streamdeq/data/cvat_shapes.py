"""One element of CVAT's XML → what was drawn."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from streamdeq.data.shapes import Shape, outline, rle_of
from streamdeq.data.xml_nodes import Node
from streamdeq.errors import StreamdeqError
from streamdeq.values import MAX_PIXELS, UNKNOWN

LEFT_OUT = frozenset({"polyline", "cuboid", "tag"})
#: Corners of the polygon that an ellipse becomes.
_CORNERS = 72

Size = tuple[float, float]


def shape_of(node: Node, size: Size, where: str, label: str = "", instance: int = UNKNOWN) -> Shape | None:
    """None for an element that is no shape (an attribute of the picture, say).

    Args:
        label, instance: of the track that a shape is part of.

    Raises:
        StreamdeqError: what is broken, with its line.
    """
    read = _READERS.get(node.tag)
    if read is None:
        return None
    label = node.attributes.get("label", label)
    if not label:
        raise StreamdeqError(f"expected a label of the {node.tag} in {where}, got none; export it again")
    [rank] = _numbers(node.attributes.get("z_order", "0"), 1, "z_order", where)
    shape = replace(read(node, size, where), label=label, instance=instance, rank=rank)
    group = node.attributes.get("group_id", "")
    grouped = shape.points and instance == UNKNOWN and group.isdecimal() and len(group) < 10
    return replace(shape, instance=int(group)) if grouped else shape


def group_points(found: Iterable[Shape]) -> tuple[Shape, ...]:
    """Single points (`points` of one point) put together by who they belong to; everything else as it is.

    Raises:
        StreamdeqError: one has the same point twice.
    """
    others, groups = list[Shape](), dict[int, list[Shape]]()
    for one in found:
        if list(one.points) == [_ONLY]:
            groups.setdefault(one.instance, []).append(one)
        else:
            others.append(one)
    for number, members in groups.items():
        points = {one.label: one.points[_ONLY] for one in members}
        if len(points) < len(members):
            names = [one.label for one in members]
            double = next(one for k, one in enumerate(members) if one.label in names[:k])
            raise StreamdeqError(
                f"expected each point of an instance once per picture, got '{double.label}' again in {double.where}; "
                "group the points of each instance"
            )
        others.append(Shape("instance", members[0].where, points=points, instance=number))
    return tuple(others)


_ONLY = ""


def _numbers(text: str, count: int | None, what: str, where: str) -> list[float]:
    try:
        values = [float(part) for part in text.replace(";", ",").split(",")] if text.strip() else []
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)) or (count is not None and len(values) != count):
        raise StreamdeqError(f"expected {count or 'only'} numbers as {what} in {where}, got '{text[:60]}'; correct it")
    return values


def _given(node: Node, names: tuple[str, ...], where: str) -> list[float]:
    return [_numbers(node.attributes.get(name, ""), 1, name, where)[0] for name in names]


def _box(node: Node, size: Size, where: str) -> Shape:
    left, top, right, bottom = _given(node, ("xtl", "ytl", "xbr", "ybr"), where)
    [turned] = _numbers(node.attributes.get("rotation", "0"), 1, "rotation", where)
    if not turned:
        return Shape("", where, (left, top, right, bottom))
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    return Shape("", where, outlines=(_turned(corners, turned),))


def _turned(corners: np.ndarray, degrees: float) -> np.ndarray:
    """About their middle, clockwise on the screen."""
    angle, middle = math.radians(degrees), (corners.min(axis=0) + corners.max(axis=0)) / 2
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return (corners - middle) @ turn.T + middle


def _polygon(node: Node, size: Size, where: str) -> Shape:
    values = _numbers(node.attributes.get("points", ""), None, "points", where)
    return Shape("", where, outlines=(outline(values, size, where),))


def _ellipse(node: Node, size: Size, where: str) -> Shape:
    x, y, across, down = _given(node, ("cx", "cy", "rx", "ry"), where)
    angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
    corners = np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1)
    [turned] = _numbers(node.attributes.get("rotation", "0"), 1, "rotation", where)
    return Shape("", where, outlines=(outline(_turned(corners, turned).ravel(), size, where),))


def _mask(node: Node, size: Size, where: str) -> Shape:
    left, top, width, height = (round(side) for side in _given(node, ("left", "top", "width", "height"), where))
    rows, columns = round(size[0]), round(size[1])
    counts = _numbers(node.attributes.get("rle", ""), None, "rle", where)
    fits = 0 <= left <= left + width <= columns and 0 <= top <= top + height <= rows and rows * columns <= MAX_PIXELS
    whole = all(count >= 0 and count.is_integer() for count in counts)
    if not fits or not whole or sum(counts) != width * height:
        raise StreamdeqError(
            f"expected run lengths of {width}x{height} pixels in the picture of {columns}x{rows} in {where}, got "
            f"{sum(counts):g} pixels from {left}, {top}; export it again"
        )
    covered = np.zeros((rows, columns), bool)
    values = np.arange(len(counts)) % 2 == 1
    covered[top : top + height, left : left + width] = np.repeat(values, np.array(counts, int)).reshape(height, width)
    return Shape("", where, rle=rle_of(covered))


def _points(node: Node, size: Size, where: str) -> Shape:
    values = _numbers(node.attributes.get("points", ""), None, "points", where)
    if len(values) < 2 or len(values) % 2:
        raise StreamdeqError(f"expected points x,y;x,y in {where}, got {len(values)} numbers; correct it")
    pairs = list(zip(values[::2], values[1::2], strict=True))
    outside = node.attributes.get("outside") == "1"
    names = [_ONLY] if len(pairs) == 1 else [f"point {k}" for k in range(1, len(pairs) + 1)]
    return Shape("", where, points={name: None if outside else at for name, at in zip(names, pairs, strict=True)})


def _skeleton(node: Node, size: Size, where: str) -> Shape:
    points: dict[str, tuple[float, float] | None] = {}
    for child in (one for one in node.children if one.tag == "points"):
        [at] = _points(child, size, where).points.values() or [None]
        name = child.attributes.get("label", "")
        if not name or name in points:
            raise StreamdeqError(f"expected points of different labels in {where}, got '{name}'; export it again")
        points[name] = at
    return Shape("", where, points=points)


_READERS: dict[str, Callable[[Node, Size, str], Shape]] = {
    "box": _box, "polygon": _polygon, "ellipse": _ellipse, "mask": _mask, "points": _points, "skeleton": _skeleton,
}  # fmt: skip
