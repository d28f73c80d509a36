"""One strictly increasing time per source, whatever its stamps do; the film and the lines are written from it."""

from fractions import Fraction
from itertools import pairwise

import av
import pytest
from support.making_videos import SIZE_HW, decoded, number_on, picture, write_video

from streamdeq.values.frame import Failure
from streamdeq.video import VideoSink, open_source
from streamdeq.video.clock import Clock

B_FRAMES = {"bf": "3", "b_strategy": "0"}
TB = Fraction(1, 25)


def read(path):
    with open_source(path) as source:
        return list(source), source


def times(items):
    return [item.time_s for item in items]


def evenly(count, fps=25):
    return pytest.approx([n / fps for n in range(count)], abs=2e-3)


def film_times(path, items, fps):
    with VideoSink(path, fps) as sink:
        for item in items:
            sink.write(item)
    return [float(time) for time, _ in decoded(path)]


def duration_s(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.duration * stream.time_base)


def stretch(path, count, first_pts=0, **options):
    """A transport stream whose stamps begin at `first_pts` / 25 s."""
    pts = [first_pts + n for n in range(count)]
    return write_video(path, count, pts=pts, time_base=TB, **options)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 125_000), (125_000, 0), (500, 300)])
@pytest.mark.parametrize("options", [None, B_FRAMES], ids=["in order", "with B-frames"])
def test_where_a_broadcasts_stamps_begin_anew_time_goes_on_by_the_frame_rate_and_it_is_told_once(
    tmp_path, first, second, options
):
    parts = [stretch(tmp_path / f"{n}.ts", 25, at, codec_options=options) for n, at in enumerate((first, second))]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    items, source = read(joined)
    assert [number_on(item.image) for item in items] == list(range(25)) * 2
    assert times(items) == evenly(50)
    assert source.stats.note == "the time stamps of joined.ts begin anew or jump once: bridged by the frame rate"
    assert film_times(tmp_path / "film.mp4", items, source.fps) == evenly(50)


def test_three_recordings_behind_one_another_jump_twice_and_are_told_in_one_line(tmp_path):
    parts = [stretch(tmp_path / f"{n}.ts", 20).read_bytes() for n in range(3)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    items, source = read(joined)
    assert times(items) == evenly(60)
    assert source.stats.note.count("2 times") == 1


def test_a_real_pause_in_a_film_is_kept(tmp_path):
    pts = [0, 1, 2, 2000, 2001]
    items, source = read(write_video(tmp_path / "pause.mkv", 5, pts=pts, time_base=TB))
    assert times(items) == pytest.approx([n / 25 for n in pts], abs=1e-3)
    assert source.stats.note == ""


@pytest.mark.parametrize("fps", [1, 25])
def test_h264_with_b_frames_in_avi_has_rising_times_and_its_whole_length(tmp_path, fps):
    path = tmp_path / "b.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=B_FRAMES)
        stream.height, stream.width, stream.pix_fmt = *SIZE_HW, "yuv420p"
        for number in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        container.mux(stream.encode(None))
    items, source = read(path)
    assert [number_on(item.image) for item in items] == list(range(30))
    assert times(items) == evenly(30, fps)
    assert (source.fps, source.frames, source.stats.note) == (fps, 30, "")


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv", "mov"])
@pytest.mark.parametrize("options", [None, B_FRAMES], ids=["in order", "with B-frames"])
def test_a_film_of_one_frame_per_second_ends_when_its_last_frame_does(tmp_path, suffix, options):
    pts = [25 * n for n in range(6)]
    path = write_video(tmp_path / f"slow.{suffix}", 6, pts=pts, time_base=TB, codec_options=options)
    items, source = read(path)
    assert times(items) == evenly(6, 1)
    assert source.stats.note == ""
    film_times(tmp_path / "film.mp4", items, 1.0)
    assert duration_s(tmp_path / "film.mp4") == pytest.approx(6)


def test_frames_before_the_announced_start_have_times_of_their_own(tmp_path):
    path = stretch(tmp_path / "early.mkv", 20, -10, container_options={"avoid_negative_ts": "disabled"})
    items, _ = read(path)
    assert times(items) == evenly(len(items))


def test_a_last_frame_that_stands_long_is_no_early_end(tmp_path):
    path = tmp_path / "slides.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE_HW, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, at_ms in enumerate((0, 100, 200)):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
            for packet in stream.encode(frame):
                packet.duration = 9000 if number == 2 else 100
                container.mux(packet)
    assert read(path)[1].stats.note == ""


# --- the clock alone


def test_missing_stamps_are_filled_in_and_later_ones_followed():
    clock = Clock(0)
    assert [clock.at(stamp, own) for stamp, own in [(0, 0), (None, 0.04), (0.08, 0.08)]] == [0, 0.04, 0.08]


def test_equal_and_slightly_earlier_stamps_still_give_rising_times():
    clock = Clock(0)
    given = [clock.at(stamp, 0.04 * n) for n, stamp in enumerate([0, 0.04, 0.04, 0.03, 0.12])]
    assert all(later > earlier for earlier, later in pairwise(given))
    assert given == pytest.approx([0, 0.04, 0.04, 0.04, 0.12], abs=1e-3)
    assert clock.jumps == 0


@pytest.mark.parametrize("to", [-5.0, 1e9])
def test_a_jump_goes_on_at_the_callers_time(to):
    clock = Clock(0, longest_jump_s=10)
    assert [clock.at(to * (n > 2) + n, n) for n in range(6)] == pytest.approx(range(6))
    assert clock.jumps == 1


def test_failures_take_their_time_too(tmp_path):
    path = stretch(tmp_path / "1.ts", 25, codec_options={"bf": "0"})
    joined = tmp_path / "joined.ts"
    joined.write_bytes(path.read_bytes() * 2)
    items, _ = read(joined)
    assert not [item for item in items if isinstance(item, Failure)]
    assert items[-1].index == 49
