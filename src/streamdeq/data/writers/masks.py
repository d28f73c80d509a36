"""Label maps as label pictures, as `own-pictures` reads them: exact, with films, colours and what is ignored."""

import json
from collections.abc import Iterator
from typing import Any

from PIL import Image

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.writer import WRITERS, Writer


@WRITERS.register("masks")
class Masks(Writer):
    tasks = ("segmentation",)
    instead = "only label maps can be masks"

    def __init__(self, root: Any, link: bool) -> None:
        super().__init__(root, link)
        self._films: list[dict[str, Any]] = []
        self._classes: list[dict[str, Any]] = []

    def add(self, dataset: Dataset, split: str) -> Iterator[None]:
        self._classes = [
            {"name": name, "color": list(colour), "value": k}
            for k, (name, colour) in enumerate(zip(dataset.classes, dataset.palette, strict=True))
        ]
        for clip in dataset.clips:
            if clip.labelled:
                yield from self._clip(clip, split)

    def _clip(self, clip: Clip, split: str) -> Iterator[None]:
        alone, keys = len(clip) == 1, list[str]()
        for t in range(len(clip)):
            key = f"{split}/{self.picture(clip, t, f'images/{split}', alone)}".rpartition(".")[0]
            keys.append(key)
            if t in clip.labelled:
                path = self.root / "labels" / f"{key}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(clip.target(t)).save(path)
                self.told.written["label maps"] += 1
            yield
        if not alone:
            name = f"{clip.name} ({split})" if any(one["name"] == clip.name for one in self._films) else clip.name
            film = {"name": name, "fps": clip.fps, "frames": keys, "labelled": list(clip.labelled)}
            self._films.append(film)

    def finish(self) -> None:
        (self.root / "classes.json").write_text(json.dumps(self._classes, ensure_ascii=False, indent=1), "utf-8")
        if self._films:
            lines = "".join(json.dumps(film, ensure_ascii=False) + "\n" for film in self._films)
            (self.root / "clips.jsonl").write_text(lines, "utf-8")
