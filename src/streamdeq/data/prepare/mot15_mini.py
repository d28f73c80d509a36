"""Four sequences of MOTChallenge 2015: people, every frame labelled; COCO's form for films.

The split is ours: the later minutes of two scenes, after a gap, and one scene of its own are val.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.data.documents import read_csv
from streamdeq.data.prepare.writing import write_jpeg, write_json
from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import open_source

Part = tuple[int, int] | None


@dataclass(frozen=True)
class Film:
    """Sizes are width and height; `train` and `val` the first and last frame of each, from 1."""

    name: str
    fps: int
    size: tuple[int, int]
    stored: tuple[int, int]
    frames: int
    quality: int
    train: Part
    val: Part

    def split(self, number: int) -> str:
        parts = {"train": self.train, "val": self.val}
        return next((name for name, part in parts.items() if part and part[0] <= number <= part[1]), "gap")


FILMS = (
    Film("ADL-Rundle-6", 30, (1920, 1080), (640, 360), 525, 77, (1, 375), (401, 525)),
    Film("PETS09-S2L1", 7, (768, 576), (480, 360), 795, 77, (1, 595), (621, 795)),
    Film("TUD-Stadtmitte", 25, (640, 480), (480, 360), 179, 85, (1, 179), None),
    Film("TUD-Campus", 25, (640, 480), (480, 360), 71, 85, None, (1, 71)),
)


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    adl, masa, opencv = sources
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for video, one in enumerate(FILMS, 1):
        beside = masa / "benchmarks/MOT15" / one.name
        film = opencv / "examples/data/vtest.avi" if one.name.startswith("PETS") else beside / f"{one.name}.mp4"
        boxes = _boxes(beside / "gt/gt.txt")
        frames = _pictures(adl / one.name / "img1") if one.name.startswith("ADL") else _decoded(film)
        number = 0
        for number, pixels in enumerate(frames, 1):
            file = f"images/{one.name}/{number:06}.jpg"
            write_jpeg(_smaller(pixels, one.stored), out / file, one.quality, 2)
            images.append({
                "id": len(images) + 1, "video_id": video, "frame_id": number - 1, "mot_frame_id": number,
                "file_name": file, "width": one.stored[0], "height": one.stored[1], "split": one.split(number),
            })  # fmt: skip
            for entry in boxes[number]:
                objects.append({"id": len(objects) + 1, "image_id": len(images), "video_id": video, "category_id": 1,
                                **_object(entry, one, video)})  # fmt: skip
        if number != one.frames:
            raise StreamdeqError(f"expected {one.frames} frames of {one.name}, got {number}; get its source anew")
    for split in ("all", "train", "val"):
        write_json(_coco(split, images, objects), out / f"{split}.json")


def _coco(split: str, images: list[dict[str, Any]], objects: list[dict[str, Any]]) -> dict[str, Any]:
    kept = [one for one in images if split in ("all", one["split"])]
    pictures, films = {one["id"] for one in kept}, {one["video_id"] for one in kept}
    videos = [_video(number, one) for number, one in enumerate(FILMS, 1) if number in films]
    shown = [one for one in objects if one["image_id"] in pictures]
    return {"videos": videos, "categories": [{"id": 1, "name": "person"}], "images": kept, "annotations": shown}


def _video(number: int, one: Film) -> dict[str, Any]:
    (width, height), (original_width, original_height) = one.stored, one.size
    return {
        "id": number, "name": one.name, "fps": one.fps, "width": width, "height": height,
        "orig_width": original_width, "orig_height": original_height, "num_frames": one.frames,
        "train_mot_frames": one.train, "val_mot_frames": one.val,
    }  # fmt: skip


def _boxes(path: Path) -> dict[int, list[list[str]]]:
    """Lines of gt.txt (frame, id, left, top, width, height, flag, …), by frame."""
    found: dict[int, list[list[str]]] = defaultdict(list)
    for _, fields in read_csv(path):
        found[int(fields[0])].append(fields)
    for entries in found.values():
        entries.sort(key=lambda fields: int(fields[1]))
    return found


def _object(fields: list[str], one: Film, video: int) -> dict[str, Any]:
    """MOT's box counts pixels from 1 and may leave the frame; the stored one is clipped."""
    left, top, width, height = map(float, fields[2:6])
    across, down = one.stored[0] / one.size[0], one.stored[1] / one.size[1]
    x0, y0 = (left - 1) * across, (top - 1) * down
    x1, y1 = x0 + width * across, y0 + height * down
    whole = (x1 - x0) * (y1 - y0)
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(one.stored[0], x1), min(one.stored[1], y1)
    ignored = int(float(fields[6]) == 0)
    box = [round(x0, 2), round(y0, 2), round(x1 - x0, 2), round(y1 - y0, 2)]
    return {
        "instance_id": video * 1000 + int(fields[1]),
        "bbox": box,
        "area": round(box[2] * box[3], 2),
        "iscrowd": ignored,
        "ignore": ignored,
        "inside": round((x1 - x0) * (y1 - y0) / whole, 3),
    }


def _pictures(folder: Path) -> Iterator[np.ndarray]:
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as picture:
            yield np.asarray(picture.convert("RGB"))


def _decoded(film: Path) -> Iterator[np.ndarray]:
    with open_source(str(film)) as source:
        yield from (frame.image for frame in source if isinstance(frame, Frame))


def _smaller(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each pixel the mean of the area that it covers."""
    try:
        import cv2
    except ImportError as error:
        raise StreamdeqError("mot15-mini is made with OpenCV: pip install 'streamdeq[detection]'") from error
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
