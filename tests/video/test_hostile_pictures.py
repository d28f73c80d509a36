"""Pictures and films that Pillow's and PyAV's readers stumble over are read or refused, whatever those raise."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from support.making_videos import number_on, picture

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import open_source

PAGES = [Image.fromarray(np.full((16, 24, 3), 40 * k, np.uint8)) for k in range(1, 4)]


def taken(path: Path) -> int | None:
    """How many frames it has; None if it is refused."""
    try:
        with open_source(path) as source:
            return sum(isinstance(item, Frame) for item in source)
    except StreamdeqError:
        return None


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow
@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tiff"])
def test_an_animation_that_is_cut_or_blotted_anywhere_is_read_or_refused(tmp_path: Path, ending: str):
    path = tmp_path / f"pages.{ending}"
    PAGES[0].save(path, save_all=True, append_images=PAGES[1:], duration=40)
    whole = path.read_bytes()
    assert taken(path) == 3
    for place in range(1, len(whole), max(1, len(whole) // 60)):
        for content in (whole[:place], whole[:place] + b"\xff" + whole[place + 1 :]):
            path.write_bytes(content)
            taken(path)


def test_a_page_without_a_width_is_no_bug(tmp_path: Path):
    path = tmp_path / "pages.tiff"
    PAGES[0].save(path, save_all=True, append_images=PAGES[1:])
    content = bytearray(path.read_bytes())
    last = max(content.rfind(b"\x00\x01\x03\x00"), content.rfind(b"\x00\x01\x04\x00"))  # tag 256, a whole number
    content[last : last + 2] = b"\xff\x7f"
    path.write_bytes(content)
    assert taken(path) in (None, 1)  # FFmpeg, asked where Pillow does not understand, reads the first


def test_a_film_whose_pictures_carry_exif_is_read_upright(tmp_path: Path):
    """FFmpeg hands EXIF on with each picture, as data of a kind that PyAV has no name for."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    path = tmp_path / "camera.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj420p"
        for number in range(3):
            jpeg = io.BytesIO()
            turned = Image.fromarray(picture(number))
            turned.save(jpeg, "JPEG", exif=exif, quality=95)
            packet = av.Packet(jpeg.getvalue())
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            packet.time_base = Fraction(1, 25)
            container.mux(packet)
    with open_source(path) as source:
        images = [item.image for item in source if isinstance(item, Frame)]
    assert [image.shape for image in images] == [(96, 64, 3)] * 3
    assert [number_on(np.rot90(image)) for image in images] == [0, 1, 2]
