"""Parts of films: every frame is in one, with the number, the time and the picture that it has in the whole."""

from pathlib import Path

import numpy as np
import pytest
from support.making_videos import overwrite, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame
from streamdeq.video import open_source
from streamdeq.video.parts import Part, film_index, film_part

CLOSED = {"g": "12", "bf": "2"}
OPEN = {"x264-params": "keyint=12:min-keyint=12:open-gop=1:bframes=3:scenecut=0"}


def whole(path: Path) -> list[Frame | Failure]:
    with open_source(path) as source:
        return list(source)


def parts_of(path: Path, warm: int = 0) -> list[Part]:
    """One from each key frame to the next, with so many frames to warm up."""
    index = film_index(path)
    ends = [*index.keys[1:], None]
    parts = []
    for begin, end in zip(index.keys, ends, strict=True):
        first = index.stamps.index(begin)
        start = index.stamps[max(0, first - warm)]
        parts.append(Part(max(key for key in index.keys if key <= start), start, begin, end, first))
    return parts


def read(path: Path, part: Part) -> list[Frame | Failure]:
    with film_part(path, part) as source:
        return list(source)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("options", [CLOSED, OPEN], ids=["closed", "open"])
def test_the_parts_together_are_the_whole(tmp_path: Path, name: str, options: dict) -> None:
    path = tmp_path / name
    write_video(path, 50, codec_options=options)
    expected, parts = whole(path), parts_of(path)
    assert len(parts) >= 4
    got = [item for part in parts for item in read(path, part)]
    assert [(one.index, one.time_s, one.pts) for one in got] == [(one.index, one.time_s, one.pts) for one in expected]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(got, expected, strict=True))


def test_frames_that_warm_up_come_before_with_their_own_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, 50, codec_options=CLOSED)
    expected, part = whole(path), parts_of(path, warm=5)[2]
    got = read(path, part)
    assert part.first == 24
    assert [one.index for one in got] == list(range(19, 36))
    assert all(np.array_equal(one.image, expected[one.index].image) for one in got)


def test_what_is_damaged_fails_in_its_part_with_its_number_in_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, 48, codec_options={"g": "12", "bf": "0"})
    parts = parts_of(path)
    overwrite(path, [29], lambda old: b"\0" * len(old))
    expected = {one.index for one in whole(path) if isinstance(one, Failure)}
    assert expected
    got = [item for part in parts for item in read(path, part)]
    assert [one.index for one in got] == list(range(48))
    assert {one.index for one in got if isinstance(one, Failure)} == expected


def test_films_that_do_not_say_when_their_frames_are_shown_are_not_divided(tmp_path: Path) -> None:
    write_video(tmp_path / "a.avi", 20, codec="mpeg4", codec_options={"bf": "2"})
    assert film_index(tmp_path / "a.avi") is None
    stamps = [512 * n for n in range(10)] + [512 * n + 12800 * 60 for n in range(10)]
    write_video(tmp_path / "jump.mp4", 20, pts=stamps)
    assert film_index(tmp_path / "jump.mp4") is None
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(StreamdeqError):
        film_index(tmp_path / "text.mp4")


def test_another_film_under_the_same_name_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    write_video(path, 50, codec_options=CLOSED)
    part = parts_of(path)[3]
    write_video(path, 20, codec_options=CLOSED)
    with pytest.raises(StreamdeqError, match="has changed since it was divided"):
        film_part(path, part)
