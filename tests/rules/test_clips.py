"""Films around events: what is in them, and how many the folder holds."""

import os
from pathlib import Path

import numpy as np
from support.making_videos import decoded, write_video
from support.records import event

from streamdeq.rules.clips import ClipRecorder
from streamdeq.rules.config import Clips
from streamdeq.values.frame import Frame


def picture(index: int) -> np.ndarray:
    """A grey that says which frame it is."""
    return np.full((48, 64, 3), 4 * index, np.uint8)


def numbers(path: Path) -> list[int]:
    """Which frames a film shows."""
    return [round(float(image.mean()) / 4) for _, image in decoded(path)]


def filmed(clips: Clips, count: int, events: dict[int, str], fps: float = 10.0) -> dict[int, str]:
    """Frames with events at some of them; by frame, the clip that the event names."""
    named = {}
    with ClipRecorder(clips, fps, now=lambda: 2000.0) as recorder:
        for n in range(count):
            told = recorder.take(Frame(picture(n), n, n / fps), [event(n, event=events[n])] if n in events else [])
            if told:
                named[n] = told[0].get("clip")
    return named


def test_a_film_has_the_seconds_before_and_after_its_event(tmp_path: Path) -> None:
    clips = Clips(folder=tmp_path / "clips", before_s=0.5, after_s=0.3)
    named = filmed(clips, 40, {20: "crossed"})
    [path] = clips.folder.iterdir()
    assert path.name == named[20] == "gate-19700101T001700Z-line-crossed.mp4"
    assert numbers(path) == list(range(15, 24))


def test_events_close_together_share_a_film_and_later_ones_have_their_own(tmp_path: Path) -> None:
    clips = Clips(folder=tmp_path, before_s=0.2, after_s=0.3)
    named = filmed(clips, 60, {10: "crossed", 12: "entered", 14: "left", 30: "crossed"})
    assert named[10] == named[12] != named[30]
    assert named[14] is None
    assert numbers(tmp_path / named[10]) == list(range(8, 16))
    assert numbers(tmp_path / named[30]) == list(range(28, 34))
    assert len(list(tmp_path.iterdir())) == 2


def test_no_film_is_longer_than_it_may_be_and_a_film_at_the_end_is_whole(tmp_path: Path) -> None:
    clips = Clips(folder=tmp_path, before_s=0, after_s=0.5, longest_s=1.0)
    named = filmed(clips, 14, dict.fromkeys(range(14), "crossed"))
    first, second = (tmp_path / name for name in (named[0], named[13]))
    assert (numbers(first), numbers(second)) == (list(range(11)), [11, 12, 13])


def test_the_oldest_films_go_when_the_folder_is_full_and_nobody_elses(tmp_path: Path) -> None:
    clips = Clips(folder=tmp_path, before_s=0, after_s=0.2)
    theirs = tmp_path / "gate-20200101T000000Z-line-crossed.mp4"
    write_video(theirs, 3)
    os.utime(theirs, (1, 1))
    (tmp_path / "notes.txt").write_text("mine")
    named = filmed(clips, 60, {0: "crossed", 20: "crossed", 40: "crossed"})
    sizes = [(tmp_path / named[n]).stat().st_size for n in (0, 20, 40)]
    for n, at in ((0, 100), (20, 200), (40, 300)):
        os.utime(tmp_path / named[n], (at, at))
    room = Clips(folder=tmp_path, before_s=0, after_s=0.2, quota_mb=(2.5 * max(sizes) + 1) / 1e6)
    with ClipRecorder(room, 10.0) as recorder:
        for n in range(5):
            recorder.take(Frame(picture(n), n, n / 10), [event(99, camera="other")] if not n else [])
    left = {path.name for path in tmp_path.iterdir()}
    assert named[0] not in left
    assert named[40] in left
    assert {"notes.txt", theirs.name} <= left
    assert sum(path.name.startswith("other") for path in tmp_path.iterdir()) == 1


def test_films_older_than_they_are_kept_go(tmp_path: Path) -> None:
    clips = Clips(folder=tmp_path, before_s=0, after_s=0.2, keep_days=1)
    old = filmed(clips, 10, {0: "crossed"})[0]
    os.utime(tmp_path / old, (0, 0))
    with ClipRecorder(clips, 10.0, now=lambda: 86_401.0) as recorder:
        recorder.take(Frame(picture(0), 0, 0.0), [event(5000)])
    assert old not in {path.name for path in tmp_path.iterdir()}
    assert len(list(tmp_path.iterdir())) == 1


def test_names_hold_what_file_names_can(tmp_path: Path) -> None:
    with ClipRecorder(Clips(folder=tmp_path), 10.0) as recorder:
        [told] = recorder.take(Frame(picture(0), 0, 0.0), [event(0, camera="../yard/1", rule="a b\0")])
    assert told["clip"] == ".._yard_1-19700101T001640Z-a_b_-crossed.mp4"
    assert (tmp_path / told["clip"]).exists()
