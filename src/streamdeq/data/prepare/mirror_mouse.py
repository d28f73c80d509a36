"""The mirror-mouse example of lightning-pose: pictures and film unchanged, its table in ours."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from streamdeq.data.documents import read_csv
from streamdeq.data.prepare.sources import copied
from streamdeq.data.prepare.writing import write_names, write_table

_FOLDER = "data/mirror-mouse-example"


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    root = sources[0] / _FOLDER
    _, (_, parts), _, *lines = (line for line in read_csv(root / "CollectedData.csv"))
    names = list(parts[1::2])
    frames = [fields for _, fields in lines]
    copied(root, tuple(fields[0] for fields in frames), out / "frames")
    copied(root, ("videos/test_vid.mp4",), out / "videos")
    write_names(out, names, [], [], "human", video_fps=250)
    write_table(out / "labels.csv", (row for fields in frames for row in _rows(fields, names)))


def _rows(fields: Sequence[str], names: Sequence[str]) -> Iterator[Sequence[object]]:
    """DeepLabCut's: the picture, then x and y of each point, empty where it is not seen."""
    for name, x, y in zip(names, fields[1::2], fields[2::2], strict=True):
        at = (f"{float(x):.2f}", f"{float(y):.2f}", 1) if x and y else ("", "", 0)
        yield (f"frames/{Path(fields[0]).name}", "", "", 0, name, *at, "", "")
