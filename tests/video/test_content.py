"""What is in a file decides how it is read, not how it is called; what is left out is told."""

import shutil
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from support.making_videos import number_on, picture, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.video import open_source
from streamdeq.video.images import read_rgb

DELAYS_MS = [100, 200, 300, 400]


def sequence(path, form, **options):
    images = [Image.fromarray(picture(number)) for number in range(4)]
    images[0].save(path, form, save_all=True, append_images=images[1:], **options)
    return path


def read(path, **options):
    with open_source(path, **options) as source:
        return list(source), source


@pytest.mark.parametrize("form", ["WEBP", "PNG", "AVIF", "GIF"])
@pytest.mark.parametrize("name", ["right", "a.png", "a.mp4", "noext"])
def test_an_animation_gives_all_its_frames_at_their_times_whatever_it_is_called(tmp_path, form, name):
    name = f"a.{form.lower()}" if name == "right" else name
    options = {"lossless": True} if form == "WEBP" else {}
    items, source = read(sequence(tmp_path / name, form, duration=DELAYS_MS, **options))
    assert [number_on(item.image) for item in items] == [0, 1, 2, 3]
    assert [item.time_s for item in items] == pytest.approx([0, 0.1, 0.3, 0.6])
    assert source.frames == 4


def test_every_page_of_a_tiff_is_a_frame_and_smaller_copies_are_none(tmp_path):
    items, source = read(sequence(tmp_path / "scan.tif", "TIFF"), fps=10)
    assert [number_on(item.image) for item in items] == [0, 1, 2, 3]
    assert [item.time_s for item in items] == [0, 0.1, 0.2, 0.3]
    assert (source.fps, source.frames, source.size_hw) == (10, 4, (64, 96))
    large, small = Image.fromarray(picture(7)), Image.fromarray(picture(7)).resize((48, 32))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    large.save(tmp_path / "pyramid.tif", save_all=True, append_images=[small])
    assert len(read(tmp_path / "pyramid.tif")[0]) == 1


def test_a_film_called_a_picture_is_a_film_and_a_picture_called_a_film_a_picture(tmp_path):
    film = write_video(tmp_path / "film.mp4", 5)
    shutil.copy(film, tmp_path / "film.png")
    assert [number_on(item.image) for item in read(tmp_path / "film.png")[0]] == list(range(5))
    Image.fromarray(picture(9)).save(tmp_path / "photo.mp4", "PNG")
    assert [number_on(item.image) for item in read(tmp_path / "photo.mp4")[0]] == [9]


@pytest.mark.parametrize("name", ["a.mjpeg", "a.mjpg", "a.jpg", "a.png", "a.mp4", "noext"])
def test_jpegs_one_after_another_are_a_film_whatever_it_is_called(tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        for number in range(4):
            Image.fromarray(picture(number)).save(file, "JPEG", quality=95)
    items, source = read(tmp_path / name)
    assert [number_on(item.image) for item in items] == [0, 1, 2, 3]
    assert [item.time_s for item in items] == pytest.approx([0, 0.04, 0.08, 0.12])
    assert source.stats.note == ""


def test_a_photograph_with_a_preview_or_a_second_view_is_one_picture(tmp_path):
    first, second = (Image.fromarray(picture(number)) for number in (5, 6))
    preview = BytesIO()
    second.save(preview, "JPEG")
    exif = b"\xff\xe1" + (len(preview.getvalue()) + 8).to_bytes(2) + b"Exif\0\0" + preview.getvalue()
    plain = BytesIO()
    first.save(plain, "JPEG", quality=95)
    (tmp_path / "preview.jpg").write_bytes(plain.getvalue()[:2] + exif + plain.getvalue()[2:])
    first.save(tmp_path / "stereo.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    for name in ("preview.jpg", "stereo.jpg"):
        assert [number_on(item.image) for item in read(tmp_path / name)[0]] == [5]


def test_what_is_neither_says_what_it_was_taken_for(tmp_path):
    (tmp_path / "x.png").write_text("no image")
    with pytest.raises(StreamdeqError, match="none of the 1 images"):
        open_source(tmp_path / "x.png")


def test_a_folder_takes_every_kind_of_image_and_tells_what_it_leaves_out(tmp_path):
    for number, (suffix, form) in enumerate(
        [("jpg", "JPEG"), ("jfif", "JPEG"), ("jp2", "JPEG2000"), ("gif", "GIF"), ("png", "PNG"), ("JPG", "JPEG")]
    ):
        Image.fromarray(picture(number)).save(tmp_path / f"{number}.{suffix}", form)
    (tmp_path / "6.heic").write_bytes(b"x" * 50)
    (tmp_path / "7.heic").write_bytes(b"x" * 50)
    (tmp_path / "notes").touch()
    (tmp_path / ".hidden").touch()
    items, source = read(tmp_path)
    assert [number_on(item.image) for item in items] == list(range(6))
    assert source.stats.note == f"left out of {tmp_path.name}, for they are no images: 2 .heic, 1 notes"


def test_an_animation_among_the_pictures_of_a_folder_gives_its_first_frame_and_that_is_told(tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    Image.fromarray(picture(7)).save(folder / "a.png")
    sequence(folder / "b.gif", "GIF", duration=100)
    sequence(folder / "c.tif", "TIFF")
    items, source = read(folder)
    assert [number_on(item.image) for item in items] == [7, 0, 0]
    assert source.stats.note == "of 2 images with several frames, such as b.gif, the first frame is taken"


@pytest.mark.parametrize("depth", [12, 10, 14])
def test_a_grey_picture_is_as_bright_as_its_declared_depth_says(tmp_path, depth):
    white = 2**depth - 1
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((8, 8), white, np.uint16)).save(path, tiffinfo={258: depth})
    data = bytearray(path.read_bytes())
    entry = data.index((258).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    data[entry + 8 : entry + 10] = (16).to_bytes(2, "little")
    path.write_bytes(data)
    assert read_rgb(path).max() == 255 >> (16 - depth)  # declared as 16 bits it is what it says


def test_twelve_bits_of_jpeg2000_are_white_where_they_are_full(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "deep.jp2"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("jpeg2000", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 64, "gray12le"
        frame = av.VideoFrame.from_ndarray(np.full((64, 64), 65535, np.uint16), format="gray16le")
        container.mux(stream.encode(frame.reformat(format="gray12le")))
        container.mux(stream.encode(None))
    assert read_rgb(path).min() > 250


def test_a_picture_with_more_pixels_than_allowed_is_not_decoded(tmp_path):
    Image.new("1", (6000, 6001)).save(tmp_path / "bomb.png")
    items, source = read(write_and_add(tmp_path), max_pixels=6_000_000)
    assert [type(item).__name__ for item in items] == ["Frame", "Failure"]
    assert "6000×6001 pixels are more than 6 million" in items[1].reason
    assert source.stats.failed == 1


def write_and_add(folder):
    Image.fromarray(picture(1)).save(folder / "a.png")
    return folder
