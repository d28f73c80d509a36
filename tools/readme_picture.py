"""Draws the README's picture: a rendered street after some frames, from scratch beside streaming, one step per frame.

.venv/bin/python tools/readme_picture.py docs/pictures/street.png
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import streamdeq
from streamdeq.data.open import open_dataset
from streamdeq.files import atomic_path
from streamdeq.tasks.drawing import captioned

CLIP = "synthetic:clips=3,frames=24,size=288x480"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--clip", type=int, default=0)
    chosen = parser.parse_args()
    model = streamdeq.load("street-s")
    clip = open_dataset(CLIP, "val").clips[chosen.clip]
    with model.stream(iterations=1) as stream:
        for t in range(len(clip)):
            image = clip.image(t)
            streaming = stream(image)
    scratch = model.solve(image, iterations=1)
    sides = [
        captioned(model.draw(image, scratch), "from scratch, 1 step"),
        captioned(model.draw(image, streaming), "streaming, 1 step per frame"),
    ]
    with atomic_path(chosen.path) as part:
        Image.fromarray(np.concatenate(sides, axis=1)).save(part)


if __name__ == "__main__":
    main()
