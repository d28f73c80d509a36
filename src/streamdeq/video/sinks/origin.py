"""Tell the files that sinks wrote from everybody else's."""

import json
import re
from pathlib import Path

from av.error import FFmpegError
from PIL import Image

from streamdeq.video.containers import opened

#: What films and label pictures say of their origin.
MADE_BY = "made by streamdeq"
#: A line of a MOTChallenge file: frame, id, four sides, score, and three that are not known.
MOT_LINE = re.compile(r"\d+,-?\d+(,-?\d+\.\d\d){4},\d\.\d{4},-1,-1,-1\n?")
#: A line of a YOLO label file: a class, numbers, and perhaps an id.
YOLO_LINE = re.compile(r"\d+( -?\d+\.\d{6}){4,}( \d+)?\n?")
#: The file beside those that has the names of the classes.
YOLO_CLASSES = "classes.txt"
#: How a table and a COCO file of a run begin.
CSV_BEGIN = "frame,time_s"
COCO_BEGIN = f'{{"info":{{"description":"{MADE_BY}"}}'
LONGEST_LINE = 1 << 24


def made_here(path: Path) -> bool:
    """Whether a sink of this package wrote this file, by what is in it.

    A film, a picture and a COCO file say so, JSON lines are told by their keys, tables by their heading, MOT and YOLO
    lines by their form. A link is not one.
    """
    if path.is_symlink() or not path.is_file():
        return False
    try:
        match path.suffix:
            case ".mp4":
                with opened(str(path)) as film:
                    return film.metadata.get("comment") == MADE_BY
            case ".png":
                with Image.open(path) as picture:
                    return picture.info.get("Software") == MADE_BY
            case ".jsonl":
                record = json.loads(first_line(path))
                return isinstance(record, dict) and not {"latency_ms", "failed", "gap_s"}.isdisjoint(record)
            case ".txt":
                line = first_line(path)
                return not line or any(form.fullmatch(line) for form in (MOT_LINE, YOLO_LINE))
            case ".csv":
                return first_line(path).startswith(f"{CSV_BEGIN},")
            case ".json":
                return first_line(path).startswith(COCO_BEGIN)
            case _:
                return False
    except (FFmpegError, OSError, ValueError, RecursionError, Image.DecompressionBombError):
        return False


def first_line(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return file.readline(LONGEST_LINE)
