"""Boxes as MOTChallenge has them: a sequence for every run of labelled frames, as all frames of one are labelled."""

from collections.abc import Iterator

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.frames import runs
from streamdeq.data.writer import WRITERS, Writer, plain
from streamdeq.values import UNKNOWN

DIGITS = 3


@WRITERS.register("mot")
class MotWriter(Writer):
    tasks = ("detection",)
    instead = "MOTChallenge has boxes alone"

    def add(self, dataset: Dataset, split: str) -> Iterator[None]:
        (self.root / "classes.txt").write_text("".join(f"{name}\n" for name in dataset.classes), "utf-8")
        for clip in dataset.clips:
            self.told.lost["frames without labels"] += len(clip) - len(clip.labelled)
            parts = runs(clip.labelled, lambda run, t: t == run[-1] + 1)
            for part in parts:
                name = plain(clip.name).replace("/", "-") + (f"-from-{part[0]}" if len(parts) > 1 else "")
                yield from self._sequence(clip, part, self.free(split, name))

    def _sequence(self, clip: Clip, part: list[int], folder: str) -> Iterator[None]:
        lines, suffix = list[str](), ""
        for number, t in enumerate(part, start=1):
            suffix = self.put(clip, t, f"{folder}/img1/{number:06d}")
            target = clip.target(t)
            for k in range(len(target)):
                left, top, right, bottom = (float(side) for side in target.xyxy[k])
                sides = [format(round(side, DIGITS), ".10g") for side in (left, top, right - left, bottom - top)]
                instance = target.instances[k]
                row = [number, -1 if instance == UNKNOWN else instance, *sides, int(not target.ignore[k])]
                lines.append(",".join(map(str, [*row, target.labels[k] + 1, 1])) + "\n")
            yield
        place = self.root / folder
        (place / "gt").mkdir()
        (place / "gt/gt.txt").write_text("".join(lines), "utf-8")
        about = f"name={place.name}\nimDir=img1\nframeRate={clip.fps:g}\nseqLength={len(part)}\nimExt={suffix}\n"
        (place / "seqinfo.ini").write_text(f"[Sequence]\n{about}", "utf-8")
        self.told.written["boxes"] += len(lines)
