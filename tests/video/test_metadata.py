"""Whatever a container says in words or numbers of itself, its pictures come."""

from fractions import Fraction

import av
import pytest
from support.making_videos import SIZE_HW, picture

from streamdeq.video import open_source


def written_with(path, tags, stream_tags=None):
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream("libx264", rate=25)
        stream.metadata.update(stream_tags or {})
        stream.height, stream.width, stream.pix_fmt = *SIZE_HW, "yuv420p"
        for number in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_title_that_is_no_utf8_does_not_end_the_film(tmp_path, suffix):
    path = written_with(tmp_path / f"cafe.{suffix}", {"title": "CafXX"})
    data = path.read_bytes()
    assert data.count(b"CafXX") == 1
    path.write_bytes(data.replace(b"CafXX", b"Caf\xe9\xff"))
    with open_source(path) as source:
        assert len(list(source)) == 20


@pytest.mark.parametrize("claim", ["NaN", "-1:00:00", "inf:0:0", "99999999:00:00.0", "00:00:00.800000000", "words"])
def test_a_duration_in_words_is_taken_for_what_it_can_be(tmp_path, claim):
    path = written_with(tmp_path / "a.mkv", {})
    data = path.read_bytes()
    at = data.rindex(b"00:00:00.8")
    path.write_bytes(data[:at] + claim.encode()[:18].ljust(18, b"\0") + data[at + 18 :])
    with open_source(path) as source:
        assert len(list(source)) == 20
    assert source.stats.failed == 0


@pytest.mark.parametrize("rate", [Fraction(1, 666_667), Fraction(1, 1000)])
def test_a_rate_below_all_reason_is_not_believed(tmp_path, rate):
    path = tmp_path / "slow.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=rate)
        stream.height, stream.width, stream.pix_fmt = *SIZE_HW, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = 40 * number, Fraction(1, 1000)
            container.mux(stream.encode(frame))
    with open_source(path) as source:
        assert len(list(source)) == 3
    assert source.fps is None or source.fps >= 0.01
