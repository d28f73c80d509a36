"""Answers as rows, for spreadsheets and data frames."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from streamdeq.errors import StreamdeqError

Row = Mapping[str, Any]


def csv_of(rows: Sequence[Row], columns: Sequence[str]) -> str:
    """With a heading."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def frame_of(rows: Sequence[Row], columns: Sequence[str]) -> Any:
    """A `pandas.DataFrame`.

    Raises:
        StreamdeqError: pandas is not installed.
    """
    try:
        import pandas  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise StreamdeqError("to_pandas needs pandas, which is not installed: pip install pandas") from None
    return pandas.DataFrame(list(rows), columns=list(columns))


def crops(image: Any, boxes_xyxy: Any) -> list[Any]:
    """What a picture (H, W, 3) shows in each box (N, 4), cut to the picture; at least a pixel."""
    height, width = image.shape[:2]
    found = []
    for left, top, right, bottom in boxes_xyxy:
        x, y = min(max(0, int(left)), width - 1), min(max(0, int(top)), height - 1)
        rows = slice(y, max(y + 1, min(height, round(float(bottom)))))
        found.append(image[rows, x : max(x + 1, min(width, round(float(right))))])
    return found
