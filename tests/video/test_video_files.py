"""Sound video files of every kind: each frame comes once, in order, upright, with its own time and colours."""

from fractions import Fraction

import av
import numpy as np
import pytest
from support.making_videos import SIZE_HW, TICK, mean_error, number_on, picture, plain, write_video

from streamdeq.values.frame import Frame
from streamdeq.video.files import video_file

B_FRAMES = {"bf": "3", "b_strategy": "0"}


def read(path, **options):
    """All items of a file and its source, closed."""
    with video_file(path, **options) as source:
        items = list(source)
    return items, source


def numbers(items):
    return [number_on(item.image) for item in items]


def test_every_frame_comes_once_in_the_order_shown_although_b_frames_are_stored_out_of_order(tmp_path):
    path = write_video(tmp_path / "b.mp4", 40, codec_options=B_FRAMES)
    with av.open(str(path)) as container:
        stored = [packet.pts for packet in container.demux(video=0) if packet.size]
    items, source = read(path)
    assert stored != sorted(stored)
    assert numbers(items) == [item.index for item in items] == list(range(40))
    assert (source.stats.frames, source.stats.failed, source.stats.note) == (40, 0, "")


def test_a_source_tells_what_it_is_before_it_is_read(tmp_path):
    with video_file(write_video(tmp_path / "clip.mp4", 20)) as source:
        assert (source.name, source.kind, source.live) == ("clip.mp4", "video", False)
        assert (source.fps, source.frames, source.size_hw, source.time_base) == (25.0, 20, SIZE_HW, TICK)


def test_variable_frame_rate_keeps_every_time_to_the_tick(tmp_path):
    pts = [0, 512, 600, 2000, 2001, 9000, 9512, 20000]
    items, _ = read(write_video(tmp_path / "vfr.mp4", len(pts), pts=pts))
    assert [item.pts for item in items] == pts
    assert [item.time_s for item in items] == [float(tick * TICK) for tick in pts]
    assert {item.time_base for item in items} == {TICK}


@pytest.mark.parametrize("suffix", ["mkv", "mov", "ts", "flv", "avi"])
def test_other_containers_start_at_zero_seconds_and_keep_the_rate(tmp_path, suffix):
    path = write_video(tmp_path / f"clip.{suffix}", 30, time_base=Fraction(1, 25), codec_options=B_FRAMES)
    items, source = read(path)
    assert numbers(items) == list(range(30))
    assert [item.time_s for item in items] == pytest.approx([n / 25 for n in range(30)], abs=1e-3)
    assert source.stats.failed == 0


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("ten_bits.mp4", "libx264", "yuv420p10le"),
        ("ten_bits_444.mkv", "libx264", "yuv444p10le"),
        ("sixteen_bits.mkv", "ffv1", "gbrp16le"),
        ("full_range.mkv", "mjpeg", "yuvj420p"),
        ("film.mkv", "libx265", "yuv420p"),
        ("web.webm", "libvpx-vp9", "yuv420p"),
        ("alpha.mkv", "ffv1", "bgra"),
        ("still.apng", "apng", "rgb24"),
    ],
)
def test_any_bit_depth_and_pixel_format_becomes_the_same_rgb(tmp_path, name, codec, pix_fmt):
    options = {"libx264": {"crf": "4"}, "libx265": {"x265-params": "log-level=none:crf=4"}, "mjpeg": {"qscale": "2"}}
    path = write_video(tmp_path / name, 5, codec=codec, pix_fmt=pix_fmt, codec_options=options.get(codec))
    items, _ = read(path)
    assert numbers(items) == list(range(5))
    assert items[2].image.dtype == np.uint8
    assert items[2].image.flags.c_contiguous
    # Chroma at half size smears the edges of the gradient's squares; a wrong matrix or range is off by 6 and more.
    assert mean_error(items[2].image, picture(2)) < 3


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx264", "gray"), ("ffv1", "gray"), ("ffv1", "gray16le")])
def test_a_grey_video_becomes_three_equal_channels(tmp_path, codec, pix_fmt):
    items, _ = read(write_video(tmp_path / "grey.mkv", 5, codec=codec, pix_fmt=pix_fmt))
    red, green, blue = np.moveaxis(items[3].image.astype(int), 2, 0)
    assert numbers(items) == list(range(5))
    assert np.abs(red - green).max() <= 1
    assert np.abs(red - blue).max() <= 1


@pytest.mark.parametrize(("codec", "pix_fmt"), [("libx264", "yuv444p"), ("ffv1", "yuv420p"), ("libvpx-vp9", "yuv420p")])
@pytest.mark.parametrize("size_hw", [(65, 97), (64, 101), (67, 96)])
def test_odd_sizes_keep_every_pixel(tmp_path, codec, pix_fmt, size_hw):
    items, source = read(write_video(tmp_path / "odd.mkv", 3, codec=codec, pix_fmt=pix_fmt, size_hw=size_hw))
    assert source.size_hw == size_hw
    assert [item.image.shape for item in items] == [(*size_hw, 3)] * 3
    assert numbers(items) == [0, 1, 2]


@pytest.mark.parametrize("color", [(1, 1), (5, 1), (1, 2), (5, 2)], ids=["709", "601", "709-full", "601-full"])
def test_colour_tags_are_honoured(tmp_path, color):
    flat = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    path = write_video(
        tmp_path / "c.mp4", 1, color=color, codec_options={"crf": "1"}, draw=lambda number, size_hw: flat
    )
    items, _ = read(path)
    assert mean_error(items[0].image[8::16, 8::16], flat[8::16, 8::16]) < 1.5


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_phone_video_comes_upright_whichever_way_it_was_held(tmp_path, degrees, mirrored):
    path = write_video(tmp_path / "phone.mp4", 2, rotation=(degrees, mirrored), codec_options={"crf": "4"})
    items, source = read(path)
    wanted = np.rot90(picture(1), degrees // 90)
    wanted = wanted[:, ::-1] if mirrored else wanted
    assert source.size_hw == wanted.shape[:2]
    assert items[1].image.flags.c_contiguous
    assert mean_error(items[1].image, wanted) < 4


def test_a_raw_stream_without_time_stamps_counts_frames_instead(tmp_path):
    path = write_video(tmp_path / "raw.h264", 30, codec_options=B_FRAMES)
    items, source = read(path, fps=10.0)
    assert numbers(items) == list(range(30))
    assert [item.pts for item in items] == [None] * 30
    assert [item.time_s for item in items] == [n / 10 for n in range(30)]
    assert source.stats.failed == 0


def test_frames_before_the_start_of_an_edit_list_are_not_part_of_the_film(tmp_path):
    pts = [(number - 5) * 512 for number in range(20)]
    items, source = read(write_video(tmp_path / "edit.mp4", 20, pts=pts, codec_options={"bf": "0"}))
    assert numbers(items) == list(range(5, 20))
    assert items[0].time_s == 0.0
    assert source.stats.failed == 0


def test_a_change_of_size_in_the_middle_arrives_with_its_own_size(tmp_path):
    path = tmp_path / "two_sizes.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuvj420p"
        for number in range(10):
            size_hw = (64, 96) if number < 4 else (80, 130)
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.height, encoder.width = size_hw
            encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
            frame = av.VideoFrame.from_ndarray(picture(number, size_hw), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            for packet in [*encoder.encode(frame), *encoder.encode(None)]:
                packet.stream = stream
                container.mux(packet)
    items, _ = read(path)
    assert [item.image.shape[:2] for item in items] == [(64, 96)] * 4 + [(80, 130)] * 6
    assert numbers(items) == list(range(10))


def test_two_recordings_behind_one_another_in_a_transport_stream_lose_nothing(tmp_path):
    first = write_video(tmp_path / "1.ts", 12, time_base=Fraction(1, 25))
    second = write_video(tmp_path / "2.ts", 12, time_base=Fraction(1, 25), size_hw=(80, 128))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    items, source = read(joined)
    assert numbers(items) == list(range(12)) * 2
    assert {item.image.shape[:2] for item in items[12:]} == {(80, 128)}
    assert source.stats.failed == 0


def test_reference_pictures_that_vp8_never_shows_are_no_losses(tmp_path):
    shown = write_video(tmp_path / "all.webm", 12, codec="libvpx", codec_options={"auto-alt-ref": "0"})
    path = tmp_path / "hidden.webm"
    with av.open(str(shown)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            data = bytearray(bytes(packet))
            if number == 6:
                data[0] &= ~0x10  # show_frame
            copy = av.Packet(bytes(data))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.stream = packet.is_keyframe, stream
            target.mux(copy)
    items, source = read(path)
    assert numbers(items) == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert source.stats.failed == 0


def test_large_pictures_are_decoded_by_several_threads_to_the_same_frames(tmp_path):
    path = write_video(tmp_path / "4k.mp4", 12, size_hw=(1200, 1920), draw=plain, codec_options={"preset": "ultrafast"})
    items, _ = read(path)
    assert numbers(items) == list(range(12))


def test_time_spent_decoding_is_told_and_leaves_out_what_the_consumer_does(tmp_path):
    import time

    spent, slept, began = 0.0, 0.0, time.perf_counter()
    with video_file(write_video(tmp_path / "clip.mp4", 5)) as source:
        for item in source:
            slept -= time.perf_counter()
            time.sleep(0.1)
            slept += time.perf_counter()
            assert isinstance(item, Frame)
            assert item.decode_s > 0
            spent += item.decode_s
    assert spent <= time.perf_counter() - began - slept


def test_a_name_with_a_colon_is_a_file_and_no_address(tmp_path):
    items, _ = read(write_video(tmp_path / "http:clip.mp4", 3))
    assert len(items) == 3
