"""Damaged files: what can be decoded comes, the rest is counted; what is no video is refused in one line."""

import random
from fractions import Fraction

import av
import numpy as np
import pytest
from support.making_videos import SIZE_HW, cut, number_on, overwrite, packets_of, picture, plain, rough, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame
from streamdeq.video import open_source

B_FRAMES = {"bf": "3", "b_strategy": "0"}
NO_B_FRAMES = {"bf": "0"}


def read(path):
    with open_source(path) as source:
        items = list(source)
    frames = [item for item in items if isinstance(item, Frame)]
    failures = [item for item in items if isinstance(item, Failure)]
    assert [item.index for item in items] == list(range(len(items)))
    assert source.stats.decoded == len(items) == source.stats.frames + source.stats.failed
    assert (source.stats.frames, source.stats.failed) == (len(frames), len(failures))
    return frames, failures, source


def noise(data):
    return random.Random(0).randbytes(len(data))


def flipped(data):
    """Everything but the header of the packet's last third inverted: it still looks like a picture."""
    start = 2 * len(data) // 3
    return data[:start] + bytes(byte ^ 0xA5 for byte in data[start:])


def refusal(path):
    with pytest.raises(StreamdeqError) as caught:
        open_source(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("options", [NO_B_FRAMES, B_FRAMES], ids=["in order", "with B-frames"])
@pytest.mark.parametrize("content", [noise, bytes.__len__], ids=["noise", "zeros"])
def test_unreadable_packets_in_the_middle_are_failures_and_the_film_goes_on(tmp_path, options, content):
    path = write_video(tmp_path / "clip.mp4", 40, codec_options=options)
    fill = noise if content is noise else lambda data: bytes(len(data))
    frames, failures, _ = read(overwrite(path, [20, 21], fill))
    assert len(failures) == 2
    assert all("cannot be decoded" in failure.reason for failure in failures)
    # The index of every other frame is what it would be in a sound file.
    assert [frame.index for frame in frames] == [round(frame.time_s * 25) for frame in frames]
    assert len(frames) == 38


def test_a_picture_that_the_decoder_had_to_patch_up_is_a_failure(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 30, codec_options=NO_B_FRAMES, draw=rough)
    frames, failures, _ = read(overwrite(path, [12], flipped))
    assert [(failure.index, failure.reason) for failure in failures] == [(12, "damaged picture")]
    assert [frame.index for frame in frames] == [*range(12), *range(13, 30)]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("x.mkv", "libx265", {"x265-params": "log-level=none"}),
        ("v.mkv", "libvpx-vp9", None),
        ("m.avi", "mpeg4", None),
    ],
)
def test_other_codecs_account_for_every_frame_too(tmp_path, name, codec, options):
    path = write_video(tmp_path / name, 30, codec=codec, codec_options=options, time_base=Fraction(1, 25))
    # The container's own few bytes in front of the packet stay.
    frames, failures, _ = read(overwrite(path, [15], lambda data: data[:12] + noise(data[12:])))
    assert len(frames) + len(failures) == 30
    assert 1 <= len(failures) <= 15


def test_damage_in_a_picture_decoded_by_several_threads_is_counted_once(tmp_path):
    options = {"preset": "ultrafast", **NO_B_FRAMES}
    path = write_video(tmp_path / "large.mp4", 16, size_hw=(1200, 1920), codec_options=options, draw=plain)
    frames, failures, _ = read(overwrite(path, [8, 9], noise))
    assert [failure.index for failure in failures] == [8, 9]
    assert len(frames) == 14


def test_a_raw_stream_without_times_accounts_for_a_lost_packet(tmp_path):
    path = write_video(tmp_path / "clip.h264", 100, codec_options=NO_B_FRAMES)
    start = path.read_bytes().find(b"\x00\x00\x01", len(path.read_bytes()) // 2)
    data = bytearray(path.read_bytes())
    data[start + 4 : start + 10] = b"\xff" * 6
    path.write_bytes(bytes(data))
    frames, failures, _ = read(path)
    assert len(frames) + len(failures) == 100
    assert 1 <= len(failures) <= 2


def test_a_truncated_mp4_gives_what_is_there_and_names_how_many_are_missing(tmp_path):
    path = write_video(
        tmp_path / "clip.mp4",
        60,
        codec_options=NO_B_FRAMES,
        container_options={"movflags": "faststart"},
        draw=rough,
    )
    whole = [place for place in packets_of(path) if sum(place) <= 0.7 * path.stat().st_size]
    frames, failures, source = read(cut(path, 0.7))
    assert len(frames) == len(whole) > 10
    assert len(frames) + len(failures) == 60
    assert failures[-1].reason == "missing: the file ends early"
    assert "frames are missing" in source.stats.note


@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_a_truncated_file_without_an_index_says_where_it_ends(tmp_path, suffix):
    path = write_video(tmp_path / f"clip.{suffix}", 60, codec_options=NO_B_FRAMES)
    frames, failures, source = read(cut(path, 0.6))
    assert len(frames) > 10
    assert len(failures) <= 1
    assert "ends early: at" in source.stats.note
    assert "of 2.4" in source.stats.note


def test_a_recording_that_was_cut_off_before_its_end_is_played_to_there(tmp_path):
    path = write_video(tmp_path / "clip.ts", 60, codec_options=B_FRAMES)
    frames, failures, _ = read(cut(path, 0.6))
    assert len(frames) > 20
    numbers = [number_on(frame.image) for frame in frames]
    assert numbers == sorted(set(numbers))
    assert numbers[:20] == list(range(20))
    assert len(failures) <= 2


def test_a_half_picture_at_the_end_is_a_failure_even_if_the_codec_does_not_notice(tmp_path):
    path = write_video(
        tmp_path / "clip.avi", 10, codec="mjpeg", pix_fmt="yuvj420p", time_base=Fraction(1, 25), draw=rough
    )
    start, size = packets_of(path)[7]
    path.write_bytes(path.read_bytes()[: start + 8 + size // 2])
    frames, failures, _ = read(path)
    assert [number_on(frame.image) for frame in frames] == list(range(7))
    assert [(failure.index, failure.reason) for failure in failures] == [(7, "incomplete packet")]


def test_an_mp4_cut_off_before_its_index_is_refused_with_the_reason(tmp_path):
    message = refusal(cut(write_video(tmp_path / "clip.mp4"), 0.9))
    assert "moov" in message
    assert "copy it again" in message


def test_a_file_that_is_not_there_is_refused_with_the_nearest_name(tmp_path):
    write_video(tmp_path / "street.mp4", 2)
    assert "did you mean 'street.mp4'?" in refusal(tmp_path / "stret.mp4")
    assert "check the path" in refusal(tmp_path / "nowhere" / "x.mp4")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in refusal(tmp_path / "empty.mp4")


@pytest.mark.parametrize("name", ["text.mp4", "text.txt", "text"])
def test_a_text_file_is_refused_whatever_its_name(tmp_path, name):
    (tmp_path / name).write_text("no video\n" * 200)
    assert "not a video" in refusal(tmp_path / name)


def test_a_playlist_does_not_reach_the_network(tmp_path):
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/1.ts\n")
    assert "list.m3u8 is a playlist" in refusal(tmp_path / "list.m3u8")


def write_sound(path, cover=None):
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        if cover is not None:
            stream = container.add_stream("mjpeg", rate=1)
            stream.height, stream.width, stream.pix_fmt = SIZE_HW[0], SIZE_HW[1], "yuvj420p"
            stream.disposition = av.stream.Disposition.attached_pic
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cover, format="rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    return path


def test_a_sound_file_is_refused(tmp_path):
    assert "no video stream (it holds audio)" in refusal(write_sound(tmp_path / "song.m4a"))


def test_a_cover_picture_is_no_video(tmp_path):
    assert "no video stream" in refusal(write_sound(tmp_path / "song.mp4", cover=picture(0)))


def test_a_video_of_which_nothing_can_be_decoded_is_refused(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 10)
    assert "none of the 10 frames" in refusal(overwrite(path, range(10), noise))


def test_a_video_without_frames_is_refused(tmp_path):
    path = tmp_path / "none.mp4"
    with av.open(str(path), "w", options={"movflags": "empty_moov"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = SIZE_HW
        container.start_encoding()
    assert "without frames" in refusal(path)
