"""Really encoded files for the tests of the video room, and pictures that carry a number through any codec."""

from fractions import Fraction

import av
import numpy as np

BITS = 12
CELL = 8
SIZE_HW = (64, BITS * CELL)
TICK = Fraction(1, 12800)
FRAME_TICKS = 512  # 25 frames per second


def picture(number, size_hw=SIZE_HW):
    """RGB (H, W, 3) uint8: a colour gradient with `number` as a row of black and white squares on top."""
    height, width = size_hw
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([columns * 255 // width, rows * 255 // height, np.full_like(rows, 90)], axis=2).astype(np.uint8)
    for bit in range(BITS):
        image[: 2 * CELL, bit * CELL : (bit + 1) * CELL] = 255 * (number >> bit & 1)
    return image


def number_on(image):
    """The number that `picture` put on it."""
    middle = image[CELL, CELL // 2 : BITS * CELL : CELL].mean(axis=1)
    return sum(1 << bit for bit, value in enumerate(middle) if value > 127)


def plain(number, size_hw):
    """`picture` on black: quick to make at large sizes."""
    image = np.zeros((*size_hw, 3), np.uint8)
    image[: 2 * CELL, : BITS * CELL] = picture(number)[: 2 * CELL]
    return image


def rough(number, size_hw=SIZE_HW):
    """`picture` over noise: its packets have some weight."""
    image = np.random.default_rng(number).integers(0, 256, (*size_hw, 3), dtype=np.uint8)
    image[: 2 * CELL, : BITS * CELL] = picture(number)[: 2 * CELL]
    return image


def write_video(
    path,
    count=20,
    *,
    codec="libx264",
    pix_fmt="yuv420p",
    size_hw=SIZE_HW,
    pts=None,
    time_base=TICK,
    rotation=None,
    codec_options=None,
    container_options=None,
    color=None,
    draw=picture,
):
    """Encode pictures 0 … count-1; `pts` in units of `time_base`, 25 frames per second by default.

    `color` is (matrix, range) as FFmpeg's numbers: pixels are converted to it and the stream tagged.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=codec_options or {})
        stream.height, stream.width = size_hw
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        if rotation is not None:
            stream.set_display_rotation(*rotation)
        if color is not None:
            stream.codec_context.colorspace, stream.codec_context.color_range = color
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(draw(number, size_hw), format="rgb24")
            if color is not None:
                frame = frame.reformat(format=pix_fmt, dst_colorspace=color[0], dst_color_range=color[1])
            frame.pts = pts[number] if pts is not None else round(number / 25 / time_base)
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packets_of(path):
    """(position, size) in the file of every video packet, in the file's order."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]


def overwrite(path, numbers, content):
    """Damage the packets with these numbers: `content(old bytes) -> new bytes` of the same length."""
    data = bytearray(path.read_bytes())
    places = packets_of(path)
    for number in numbers:
        start, size = places[number]
        data[start : start + size] = content(bytes(data[start : start + size]))
    path.write_bytes(bytes(data))
    return path


def cut(path, share):
    """Keep the first `share` of a file's bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def decoded(path):
    """What a plain player sees: (exact time in seconds, RGB picture) of every frame."""
    with av.open(str(path)) as container:
        return [(frame.pts * frame.time_base, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def interrupted(items, error):
    """`items`, and then `error` is raised."""
    yield from items
    raise error


def mean_error(image, wanted):
    return np.abs(image.astype(int) - wanted.astype(int)).mean()
