"""What was written is read back: times, sizes, colours, and a file that is there whole or not at all."""

import os
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from support.making_videos import SIZE_HW, TICK, decoded, interrupted, mean_error, number_on, picture, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.files import sweep
from streamdeq.values.frame import Frame
from streamdeq.video import VideoSink, open_source


def frame(number, time_s=None, size_hw=SIZE_HW, time_base=TICK):
    return Frame(picture(number, size_hw), number, number / 25 if time_s is None else time_s, None, time_base)


def write(path, frames, **options):
    with VideoSink(path, **options) as sink:
        for item in frames:
            sink.write(item)
    return path


def boxes(path):
    """Names of the file's outermost boxes, in order."""
    data, names, start = path.read_bytes(), [], 0
    while start < len(data):
        names.append(data[start + 4 : start + 8])
        start += int.from_bytes(data[start : start + 4], "big")
    return names


@pytest.mark.parametrize(
    ("name", "time_base"), [("a.mp4", TICK), ("a.mkv", Fraction(1, 1000)), ("a.ts", Fraction(1, 90000))]
)
def test_a_copy_has_every_frame_at_its_time_to_the_tick(tmp_path, name, time_base):
    times_s = [Fraction(n, 1000) for n in (0, 40, 48, 160, 161, 700, 740, 2000)]
    pts = [round(time / time_base) for time in times_s]
    path = write_video(tmp_path / name, len(pts), pts=pts, time_base=time_base, codec_options={"bf": "2"})
    with open_source(path) as source:
        items = list(source)
    copy = decoded(write(tmp_path / "copy.mp4", items))
    assert [time for time, _ in copy] == [(item.pts - items[0].pts) * item.time_base for item in items]
    assert [number_on(image) for _, image in copy] == list(range(8))


def test_ntsc_rates_stay_exact(tmp_path):
    step = Fraction(1001, 30000)
    path = write(
        tmp_path / "ntsc.mp4", [frame(n, float(n * step), time_base=step) for n in range(40)], fps=30000 / 1001
    )
    assert [time for time, _ in decoded(path)] == [n * step for n in range(40)]
    with open_source(path) as source:
        assert source.fps == pytest.approx(30000 / 1001, rel=1e-6)


def test_the_file_is_what_browsers_play(tmp_path):
    path = write(tmp_path / "out.mp4", [frame(number) for number in range(30)], fps=25)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert (context.name, context.pix_fmt, stream.frames) == ("h264", "yuv420p", 30)
        assert (context.colorspace, context.color_range, context.color_primaries, context.color_trc) == (1, 1, 1, 1)
        assert stream.duration * stream.time_base == Fraction(30, 25)
    names = boxes(path)
    assert names.index(b"moov") < names.index(b"mdat")


def test_colours_come_back_right(tmp_path):
    flat = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    path = write(tmp_path / "c.mp4", [Frame(flat, n, n / 25) for n in range(5)])
    with open_source(path) as source:
        image = list(source)[4].image
    assert mean_error(image[8::16, 8::16], flat[8::16, 8::16]) < 2
    _, image = decoded(write(tmp_path / "p.mp4", [frame(number) for number in range(5)]))[3]
    assert mean_error(image, picture(3)) < 4


@pytest.mark.parametrize("size_hw", [(65, 97), (64, 97), (65, 96), (1, 1), (2, 3)])
def test_odd_sizes_keep_every_pixel_and_repeat_the_last(tmp_path, size_hw):
    source = np.full((*size_hw, 3), (200, 120, 40), np.uint8)
    path = write(tmp_path / "odd.mp4", [Frame(source, n, n / 25) for n in range(3)])
    even_hw = tuple(side + side % 2 for side in size_hw)
    for _, image in decoded(path):
        assert image.shape == (*even_hw, 3)
        assert np.abs(image.astype(int) - (200, 120, 40)).max() < 12


def test_a_frame_of_another_size_is_fitted_into_the_first_size_with_bars(tmp_path):
    grey = [np.full((height, width, 3), 128, np.uint8) for height, width in ((64, 96), (128, 96), (32, 96), (63, 95))]
    path = write(tmp_path / "sizes.mp4", [Frame(image, n, n / 25) for n, image in enumerate(grey)], crf=4)
    images = [image for _, image in decoded(path)]
    assert {image.shape for image in images} == {(64, 96, 3)}
    assert images[0].min() > 110
    tall, wide, smaller = images[1][..., 0] > 64, images[2][..., 0] > 64, images[3][..., 0] > 64
    assert (tall.any(0).sum(), tall.any(1).sum()) == (48, 64)
    assert (wide.any(0).sum(), wide.any(1).sum()) == (96, 32)
    assert smaller.mean() > 0.9


def test_times_that_stand_still_or_go_back_a_little_become_strictly_increasing(tmp_path):
    times_s = [0.0, 0.04, 0.04, 0.04, 0.03, 0.12, -5.0]
    times = [time for time, _ in decoded(write(tmp_path / "t.mp4", [frame(n, t) for n, t in enumerate(times_s)]))]
    assert len(times) == 7
    assert all(later > earlier for earlier, later in pairwise(times))
    assert [float(time) for time in times[:6]] == pytest.approx([0, 0.04, 0.04, 0.04, 0.04, 0.12], abs=1e-3)


def test_where_the_clock_begins_anew_the_film_goes_on(tmp_path):
    times_s = [n / 25 for n in range(50)] * 2
    path = write(tmp_path / "t.mp4", [frame(n, t) for n, t in enumerate(times_s)], fps=25)
    assert [time for time, _ in decoded(path)] == [Fraction(n, 25) for n in range(100)]


def test_a_start_before_zero_is_moved_to_zero(tmp_path):
    assert decoded(write(tmp_path / "t.mp4", [frame(0, -0.08), frame(1, 0.04)]))[0][0] == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_was_written_before_an_interruption_plays(tmp_path, error):
    path = tmp_path / "out.mp4"
    with pytest.raises(error):
        write(path, interrupted(map(frame, range(7)), error))
    assert [number_on(image) for _, image in decoded(path)] == list(range(7))
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_without_a_frame_there_is_no_file(tmp_path):
    VideoSink(tmp_path / "out.mp4").close()
    assert os.listdir(tmp_path) == []


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path):
    path = write(tmp_path / "out.mp4", [frame(1)])
    old = path.read_bytes()
    with VideoSink(path) as sink:
        sink.write(frame(2))
        assert path.read_bytes() == old
    assert number_on(decoded(path)[0][1]) == 2


def test_a_file_that_was_put_there_meanwhile_stays_and_the_film_stands_beside_it(tmp_path):
    for n in range(2):
        with VideoSink(tmp_path / "out.mp4") as sink:
            sink.write(frame(n))
            (tmp_path / "out.mp4").write_text(f"the user's {n}")
        assert (tmp_path / "out.mp4").read_text() == f"the user's {n}"
        assert sink.latest == tmp_path / f"out-{n + 2}.mp4"
        assert number_on(decoded(sink.latest)[0][1]) == n
    assert sorted(os.listdir(tmp_path)) == ["out-2.mp4", "out-3.mp4", "out.mp4"]


def test_a_file_that_was_taken_away_meanwhile_is_made_again(tmp_path):
    path = write(tmp_path / "out.mp4", [frame(1)])
    with VideoSink(path) as sink:
        sink.write(frame(2))
        path.unlink()
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_closing_twice_is_closing_once(tmp_path):
    sink = VideoSink(tmp_path / "out.mp4")
    sink.write(frame(0))
    sink.close()
    sink.close()
    assert len(decoded(tmp_path / "out.mp4")) == 1


@pytest.mark.parametrize("place", ["file/out.mp4", "folder.mp4", "out.avi", f"{'x' * 300}.mp4"])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(StreamdeqError) as caught:
        VideoSink(tmp_path / place)
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.mp4"]


FULL_DISK = """
import resource, signal, sys
import numpy as np
from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import VideoSink
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
noise = np.random.default_rng(0)
try:
    with VideoSink(sys.argv[1]) as sink:
        for number in range(100):
            sink.write(Frame(noise.integers(0, 256, (240, 320, 3), dtype=np.uint8), number, number / 25))
except StreamdeqError as error:
    print(error)
    sys.exit(2)
"""

KILLED = """
import sys
import numpy as np
from streamdeq.values.frame import Frame
from streamdeq.video import VideoSink
sink = VideoSink(sys.argv[1])
for number in range(300):
    sink.write(Frame(np.zeros((64, 96, 3), np.uint8), number, number / 25))
print("written", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(8, 9)])
def test_pixels_that_are_not_square_stay_as_they_are(tmp_path, aspect):
    given = write_video(tmp_path / "a.mp4", 5)
    wide = tmp_path / "wide.mp4"
    write(wide, [frame(n) for n in range(5)], pixel_aspect=aspect)
    for path, expected in ((given, None), (wide, aspect)):
        with open_source(path) as source:
            assert source.info.pixel_aspect == expected
            write(tmp_path / "copy.mp4", source, pixel_aspect=source.info.pixel_aspect)
        with open_source(tmp_path / "copy.mp4") as copy:
            assert copy.info.pixel_aspect == expected


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "out.mp4"
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, timeout=240)
    assert (run.returncode, run.stderr) == (2, "")
    assert run.stdout.startswith(f"cannot write {path}: ")
    assert run.stdout.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_a_killed_program_leaves_no_file_under_the_final_name(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "out.mp4")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out.mp4").exists()
    [left] = tmp_path.iterdir()
    # 12 seconds were written; what was in the encoder's hands and the last second are lost.
    assert len(decoded(left)) >= 200
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
