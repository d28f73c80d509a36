"""A data set of key points small enough to make in a test: a bright square whose corners are the points."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

HEADER = "frame_file,sequence,frame_index,instance,keypoint,x,y,visible,score,split"
NAMES = ("left_top", "right_top", "bottom")


def square_table(folder: Path, frames: int = 6, splits: tuple[str, ...] = ("train", "val"), side: int = 64) -> Path:
    """Per split a film `square` of so many frames, in which a square moves by a pixel a frame, and one still."""
    (folder / "frames").mkdir(parents=True)
    about = {"keypoints": NAMES, "skeleton": [["left_top", "right_top"]], "flip_pairs": [["left_top", "right_top"]]}
    (folder / "keypoints.json").write_text(json.dumps(about))
    lines = [HEADER]
    for split in splits:
        for t in range(frames + 1):
            x, y = 10 + t, 12
            image = np.full((side, side, 3), 40, np.uint8)
            image[y : y + 24, x : x + 32] = (200, 180, 90)
            file = f"frames/{split}-{t}.png"
            Image.fromarray(image).save(folder / file)
            place = f"{file},square-{split},{t + 100}" if t < frames else f"{file},,"
            points = ((x, y, 1), (x + 31, y, 1), (x + 16, y + 23, 1 if t % 2 else 0))
            for name, (px, py, shown) in zip(NAMES, points, strict=True):
                xy = f"{px},{py}" if shown else ","
                lines.append(f"{place},0,{name},{xy},{shown},,{split}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder
