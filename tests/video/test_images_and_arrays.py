"""Pictures without a clock: folders, patterns, single images and arrays in memory."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support.making_videos import number_on, picture, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame
from streamdeq.video import open_source
from streamdeq.video.images import BAD_PICTURE, TRANSPOSED, read_rgb, upright_size_hw


def save(path, number=0, size_hw=(64, 96), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(number, size_hw)).save(path, **options)
    return path


def read(spec, **options):
    with open_source(spec, **options) as source:
        return list(source), source


def test_a_folder_is_read_in_the_order_people_count(tmp_path):
    for number in (10, 9, 2, 1, 100):
        save(tmp_path / f"Frame{number}.png", number)
    (tmp_path / "notes.txt").write_text("no image")
    items, source = read(tmp_path)
    assert [number_on(item.image) for item in items] == [1, 2, 9, 10, 100]
    assert (source.kind, source.name, source.frames, source.size_hw) == ("images", tmp_path.name, 5, (64, 96))


def test_images_have_a_clock_of_the_given_rate(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", number)
    items, source = read(tmp_path, fps=30000 / 1001)
    assert source.time_base == Fraction(1001, 30000)
    assert [item.pts for item in items] == [0, 1, 2]
    assert items[2].time_s == float(2 * source.time_base)
    assert read(tmp_path)[1].fps == 25.0


def test_a_broken_image_is_a_failure_with_its_name_and_sizes_may_differ(tmp_path):
    save(tmp_path / "1.png", 1)
    (tmp_path / "2.png").write_bytes(save(tmp_path / "2.png", 2).read_bytes()[:200])
    (tmp_path / "3.jpg").write_text("no image")
    save(tmp_path / "4.png", 4, size_hw=(70, 120))
    items, source = read(tmp_path)
    assert [type(item) for item in items] == [Frame, Failure, Failure, Frame]
    assert items[1].reason.startswith("2.png: ")
    assert items[2].reason == "3.jpg: not an image that can be read"
    assert items[3].image.shape == (70, 120, 3)
    assert items[3].index == 3
    assert (source.stats.frames, source.stats.failed) == (2, 2)


def test_a_pattern_reaches_into_folders(tmp_path):
    save(tmp_path / "a" / "left_1.png", 1)
    save(tmp_path / "b" / "left_2.png", 2)
    save(tmp_path / "b" / "right_3.png", 3)
    items, _ = read(tmp_path / "**" / "left_*.png")
    assert [number_on(item.image) for item in items] == [1, 2]


def test_a_folder_whose_name_looks_like_a_pattern_is_a_folder(tmp_path):
    save(tmp_path / "new [2]" / "1.png", 1)
    assert len(read(tmp_path / "new [2]")[0]) == 1


def test_one_image_is_a_film_of_one_frame(tmp_path):
    items, source = read(save(tmp_path / "photo.jpg", 5, quality=95))
    assert [number_on(item.image) for item in items] == [5]
    assert source.frames == 1


def test_a_photo_is_turned_upright_by_its_exif_tag(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    items, source = read(save(tmp_path / "photo.png", 5, exif=exif))
    assert source.size_hw == (96, 64)
    assert np.array_equal(items[0].image, np.rot90(picture(5), -1))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_the_size_of_a_picture_is_known_without_its_pixels_whichever_way_it_was_held(tmp_path, suffix):
    for orientation in range(1, 10):  # 9 means nothing, and turns nothing
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = save(tmp_path / f"{orientation}.{suffix}", 5, exif=exif)
        assert (
            upright_size_hw(path) == read_rgb(path).shape[:2] == ((96, 64) if orientation in TRANSPOSED else (64, 96))
        )


@pytest.mark.parametrize("last", [True, False])
def test_a_png_may_say_how_it_was_held_before_or_after_its_pixels(tmp_path, last):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "photo.png", 5, exif=exif)
    data = path.read_bytes()
    begin = data.index(b"eXIf") - 4
    end = begin + 12 + int.from_bytes(data[begin : begin + 4])
    chunk, others = data[begin:end], data[:begin] + data[end:]
    at = others.index(b"IEND" if last else b"IDAT") - 4
    path.write_bytes(others[:at] + chunk + others[at:])
    assert upright_size_hw(path) == read_rgb(path).shape[:2] == (96, 64)


def test_the_size_of_a_png_is_read_from_its_header(tmp_path):
    path = save(tmp_path / "spoilt.png", 5)
    data = path.read_bytes()
    begin = data.index(b"IDAT") + 4
    path.write_bytes(data[:begin] + bytes(100) + data[begin + 100 :])
    assert upright_size_hw(path) == (64, 96)
    with pytest.raises(BAD_PICTURE):
        read_rgb(path)
    path.write_bytes(data[: begin + 100])
    with pytest.raises(BAD_PICTURE):  # what is cut off has no tag to trust
        upright_size_hw(path)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    suffix = "tiff" if mode == "CMYK" else "png"
    Image.fromarray(picture(6)).convert(mode).save(tmp_path / f"x.{suffix}")
    items, _ = read(tmp_path)
    assert items[0].image.shape == (64, 96, 3)
    assert items[0].image.dtype == np.uint8
    assert number_on(items[0].image) == 6


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    grey = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    items, _ = read(tmp_path)
    assert np.array_equal(items[0].image[..., 1], grey >> 8)


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    with pytest.raises(StreamdeqError, match="no images"):
        open_source(tmp_path)
    write_video(tmp_path / "clip.mp4", 2)
    with pytest.raises(StreamdeqError, match=r"it holds \.mp4 files: give one of them"):
        open_source(tmp_path)


def test_a_folder_of_broken_images_is_refused(tmp_path):
    (tmp_path / "1.png").write_text("no image")
    with pytest.raises(StreamdeqError, match="none of the 1 images"):
        open_source(tmp_path)


def test_a_pattern_that_matches_nothing_is_refused(tmp_path):
    with pytest.raises(StreamdeqError, match="nothing matches it"):
        open_source(tmp_path / "*.png")


@pytest.mark.parametrize("form", [list, np.stack, iter], ids=["list", "array", "generator"])
def test_arrays_come_as_they_are(form):
    pictures = [picture(number) for number in range(4)]
    items, source = read(form(pictures), fps=50)
    assert all(np.array_equal(item.image, wanted) for item, wanted in zip(items, pictures, strict=True))
    assert [item.time_s for item in items] == [0, 0.02, 0.04, 0.06]
    assert source.frames == (None if form is iter else 4)


@pytest.mark.parametrize(
    ("array", "came"),
    [
        (np.full((4, 4, 3), 2, np.float32), r"float32 \(4, 4, 3\)"),
        (np.zeros(4, np.uint8), r"uint8 \(4,\)"),
        (np.zeros((4, 4, 5), np.uint8), r"uint8 \(4, 4, 5\)"),
        (np.zeros((0, 4, 3), np.uint8), r"uint8 \(0, 4, 3\)"),
        ([[0]], "list"),
    ],
)
def test_an_array_of_another_kind_is_refused_by_its_number(array, came):
    with open_source([picture(0), array]) as source, pytest.raises(StreamdeqError, match=f"frame 1.*{came}"):
        list(source)


def test_no_arrays_at_all_is_an_error():
    with open_source(iter([])) as source, pytest.raises(StreamdeqError, match="no frame came from arrays"):
        list(source)


@pytest.mark.parametrize("fps", [0, -1, 1e9, float("nan")])
def test_an_impossible_rate_is_refused(fps):
    with pytest.raises(StreamdeqError, match="frames per second"):
        open_source([picture(0)], fps=fps)


def test_a_source_is_given_back_and_what_is_none_is_refused():
    source = open_source([picture(0)])
    assert open_source(source) is source
    with pytest.raises(StreamdeqError, match="no video"):
        open_source(7.5)
