"""Reading ahead changes when a frame is decoded, and nothing else."""

import threading
import time

import numpy as np
import pytest
from support.making_videos import cut, number_on, overwrite, picture, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.video import open_source, prefetch


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_frames_failures_counts_and_notes_are_those_of_the_source(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 60, codec_options={"bf": "0"})
    overwrite(path, [7, 30], lambda data: bytes(len(data)))
    with open_source(path) as plain:
        wanted = list(plain)
    with prefetch(open_source(path), depth=2) as source:
        items = list(source)
    assert [(type(item), item.index) for item in items] == [(type(item), item.index) for item in wanted]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(items, wanted, strict=True) if hasattr(a, "image"))
    assert (source.stats, source.info) == (plain.stats, plain.info)


def test_the_note_of_a_truncated_file_comes_through(tmp_path):
    with prefetch(open_source(cut(write_video(tmp_path / "clip.mkv", 60), 0.6))) as source:
        list(source)
    assert "ends early" in source.stats.note


def test_no_more_frames_wait_than_asked_for():
    taken = []

    def pictures():
        for number in range(20):
            taken.append(number)
            yield picture(number)

    with prefetch(open_source(pictures()), depth=2) as source:
        for item in source:
            time.sleep(0.01)
            # Two in the queue, and none in the hand of the reading thread.
            assert len(taken) <= item.index + 1 + 2
    assert source.stats.frames == 20


def test_the_source_works_while_the_consumer_does():
    third = threading.Event()

    def pictures():
        yield picture(0)
        yield picture(1)
        third.set()
        yield picture(2)

    with prefetch(open_source(pictures())) as source:
        items = iter(source)
        next(items)
        # Without a thread nothing would happen while the consumer waits.
        assert third.wait(timeout=60)


def test_an_error_of_the_source_meets_the_consumer_where_it_belongs():
    with prefetch(open_source([picture(0), picture(1), None])) as source:
        items = iter(source)
        assert [number_on(next(items).image) for _ in range(2)] == [0, 1]
        with pytest.raises(StreamdeqError, match="frame 2"):
            next(items)
    assert not reading_threads()


def test_a_source_without_frames_is_an_error_here_too():
    with prefetch(open_source([])) as source, pytest.raises(StreamdeqError, match="no frame"):
        list(source)


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_the_thread_ends_when_the_consumer_stops_early(tmp_path, taken):
    with prefetch(open_source(write_video(tmp_path / "clip.mp4", 60)), depth=2) as source:
        for _ in range(taken):
            next(iter(source))
            break
        items = iter(source)
        for _ in range(taken - 1):
            next(items, None)
    assert not reading_threads()


def test_a_source_stuck_in_a_call_does_not_hold_up_the_program():
    release = threading.Event()

    def pictures():
        yield picture(0)
        release.wait(60)

    source = prefetch(open_source(pictures()))
    next(iter(source))
    source.close()
    assert reading_threads()  # it was not waited for
    release.set()
