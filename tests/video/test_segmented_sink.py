"""A film without end: files of bounded length that play; after a kill the last is readable up to its last second."""

import resource
import signal
import subprocess
import sys
import textwrap
from fractions import Fraction

import av
import pytest
from support.making_videos import TICK, decoded, number_on, picture, rough
from support.publishing import TESTS

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import SegmentedVideoSink, open_source


def frame(number, time_s=None, draw=picture, size_hw=(64, 96)):
    return Frame(draw(number, size_hw), number, number / 25 if time_s is None else time_s, None, TICK)


def write(path, frames, **limits):
    with SegmentedVideoSink(path, fps=25, **limits) as sink:
        for item in frames:
            sink.write(item)
    return sink


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def numbers(path):
    return [number_on(image) for _, image in decoded(path)]


def test_files_are_rotated_by_time_and_each_begins_at_zero(tmp_path):
    sink = write(tmp_path / "cam.mp4", [frame(n, 7200 + n / 25) for n in range(60)], max_seconds=1)
    assert names(tmp_path) == ["cam-000001.mp4", "cam-000002.mp4", "cam-000003.mp4"]
    assert (sink.finished, sink.latest) == (3, tmp_path / "cam-000003.mp4")
    assert [numbers(tmp_path / name) for name in names(tmp_path)] == [[*range(25)], [*range(25, 50)], [*range(50, 60)]]
    for name in names(tmp_path):
        times = [time for time, _ in decoded(tmp_path / name)]
        assert times == [Fraction(n, 25) for n in range(len(times))]


def test_files_are_rotated_by_size_and_none_is_larger(tmp_path):
    limit = 60_000
    write(tmp_path / "cam.mp4", [frame(n, draw=rough) for n in range(40)], max_seconds=None, max_bytes=limit)
    files = [tmp_path / name for name in names(tmp_path)]
    sizes = [path.stat().st_size for path in files]
    assert max(sizes) <= limit
    assert min(sizes[:-1]) > limit / 2
    assert [number for path in files for number in numbers(path)] == list(range(40))


def test_a_frame_larger_than_the_limit_has_a_file_of_its_own(tmp_path):
    write(tmp_path / "cam.mp4", [frame(n, draw=rough) for n in range(3)], max_bytes=100)
    assert [numbers(tmp_path / name) for name in names(tmp_path)] == [[0], [1], [2]]


def test_finished_files_are_ordinary_mp4(tmp_path):
    path = write(tmp_path / "cam.mp4", [frame(n) for n in range(60)]).latest
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt, stream.frames) == ("h264", "yuv420p", 60)
        assert stream.duration * stream.time_base == Fraction(60, 25)
        keys = [float(packet.pts * packet.time_base) for packet in container.demux(stream) if packet.is_keyframe]
    assert keys == [0, 1, 2]
    with open_source(path) as source:
        assert len(list(source)) == 60
        assert (source.frames, source.stats.note) == (60, "")


def test_another_size_begins_another_file(tmp_path):
    sizes = [(64, 96)] * 3 + [(96, 128)] * 3 + [(64, 96)]
    write(tmp_path / "cam.mp4", [frame(n, size_hw=size) for n, size in enumerate(sizes)])
    shapes = [[image.shape[:2] for _, image in decoded(tmp_path / name)] for name in names(tmp_path)]
    assert shapes == [[(64, 96)] * 3, [(96, 128)] * 3, [(64, 96)]]


def test_a_time_away_is_shown_as_long_as_it_was(tmp_path):
    times_s = [0, 0.04, 5.0, 5.04]
    path = write(tmp_path / "cam.mp4", [frame(n, time_s) for n, time_s in enumerate(times_s)]).latest
    assert [float(time) for time, _ in decoded(path)] == times_s


def test_a_clock_that_begins_anew_does_not_stop_the_film(tmp_path):
    times_s = [10.0, 10.04, 0.0, 0.04, 0.08]
    path = write(tmp_path / "cam.mp4", [frame(n, time_s) for n, time_s in enumerate(times_s)]).latest
    assert [float(time) for time, _ in decoded(path)] == [0, 0.04, 0.08, 0.12, 0.16]


def test_numbers_go_on_and_nothing_is_overwritten(tmp_path):
    for _ in range(2):
        write(tmp_path / "cam.mp4", [frame(n) for n in range(3)])
    (tmp_path / "cam-000007.unfinished.mp4").write_bytes(b"left by a kill")
    (tmp_path / "camera-000009.mp4").write_bytes(b"another row")
    write(tmp_path / "cam.mp4", [frame(0)])
    assert names(tmp_path) == [
        "cam-000001.mp4",
        "cam-000002.mp4",
        "cam-000007.unfinished.mp4",
        "cam-000008.mp4",
        "camera-000009.mp4",
    ]


def test_without_a_frame_there_is_no_file(tmp_path):
    assert write(tmp_path / "new" / "cam.mp4", []).latest is None
    assert names(tmp_path / "new") == []


@pytest.mark.parametrize(
    ("name", "limits"), [("cam.avi", {}), ("cam.mp4", {"max_seconds": 0}), ("cam.mp4", {"max_bytes": -5})]
)
def test_what_cannot_work_is_refused_at_once_in_one_line(tmp_path, name, limits):
    with pytest.raises(StreamdeqError) as raised:
        SegmentedVideoSink(tmp_path / name, **limits)
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == []


def test_a_place_that_cannot_be_written_to_is_refused_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StreamdeqError, match="cannot write"):
        SegmentedVideoSink(tmp_path / "file" / "cam.mp4")


KILLED = """
    import os, sys
    sys.path.insert(0, sys.argv[2])
    from video.test_segmented_sink import *
    sink = SegmentedVideoSink(sys.argv[1], fps=25, max_seconds=3)
    for number in range(140):
        sink.write(frame(number, draw=rough))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_after_a_kill_all_but_the_last_second_is_there(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "cam.mp4"), str(TESTS)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    assert names(tmp_path) == ["cam-000001.mp4", "cam-000002.unfinished.mp4"]
    assert numbers(tmp_path / "cam-000001.mp4") == list(range(75))
    # 65 frames were written; the last fragment of 25 was not complete.
    left = numbers(tmp_path / "cam-000002.unfinished.mp4")
    assert left == list(range(75, 75 + 50))
    with open_source(tmp_path / "cam-000002.unfinished.mp4") as source:
        assert [number_on(item.image) for item in source] == left


def test_a_file_can_be_read_while_it_is_written(tmp_path):
    with SegmentedVideoSink(tmp_path / "cam.mp4", fps=25) as sink:
        for number in range(60):
            sink.write(frame(number))
        assert numbers(tmp_path / "cam-000001.unfinished.mp4") == list(range(50))
    assert numbers(sink.latest) == list(range(60))


def test_a_full_disk_is_an_error_that_says_so(tmp_path):
    def fill():
        for number in range(60):
            sink.write(frame(number, draw=rough))
        sink.close()

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with SegmentedVideoSink(tmp_path / "cam.mp4", fps=25) as sink:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
        try:
            with pytest.raises(StreamdeqError, match="File too large"):
                fill()
            with pytest.raises(StreamdeqError, match="File too large"):
                sink.write(frame(61))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == ["cam-000001.unfinished.mp4"]


def test_two_writers_of_one_row_take_turns_and_a_planted_link_is_not_followed(tmp_path):
    one, other = (SegmentedVideoSink(tmp_path / "cam.mp4", fps=25) for _ in range(2))
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    (tmp_path / "cam-000001.unfinished.mp4").symlink_to(tmp_path / "mine.mp4")
    for number in range(10):
        one.write(frame(number))
        other.write(frame(number + 10))
    one.close()
    third = SegmentedVideoSink(tmp_path / "cam.mp4", fps=25)
    other.close()
    third.write(frame(30))
    third.close()
    assert (tmp_path / "mine.mp4").read_bytes() == b"mine"
    assert [numbers(sink.latest) for sink in (one, other, third)] == [list(range(10)), list(range(10, 20)), [30]]
    assert names(tmp_path) == [
        *(f"cam-{n:06d}{end}" for n, end in ((1, ".unfinished.mp4"),)),
        "cam-000002.mp4",
        "cam-000003.mp4",
        "cam-000004.mp4",
        "mine.mp4",
    ]
