"""A test camera: publishes a rendered street as H.264 in MPEG-TS to an address, again and again, until it is stopped.

python deploy/camera.py tcp://127.0.0.1:5000
python deploy/camera.py rtsp://127.0.0.1:8554/live --size 360x640 --fps 15
"""

import argparse
import sys
import time
from itertools import count

import av

from streamdeq.data.synthetic.spec import StreetSpec
from streamdeq.data.synthetic.street import StreetFrames

ENCODING = {"preset": "ultrafast", "tune": "zerolatency", "g": "20", "bf": "0"}
#: Frames of the street, which then begins anew.
FRAMES = 100


def publish(url: str, size_hw: tuple[int, int], fps: int) -> None:
    """Until whoever listens is gone (OSError)."""
    street = StreetFrames(StreetSpec(frames=FRAMES, size_hw=size_hw, fps=float(fps)), "test", 0)
    form = "rtsp" if url.startswith("rtsp") else "mpegts"
    with av.open(url, "w", format=form, options={"rtsp_transport": "tcp"} if form == "rtsp" else {}) as output:
        stream = output.add_stream("libx264", rate=fps, options=ENCODING)
        stream.height, stream.width = size_hw
        stream.pix_fmt = "yuv420p"
        began = time.monotonic()
        for number in count():
            picture = av.VideoFrame.from_ndarray(street.read(number % FRAMES), format="rgb24")
            picture.pts = number
            for packet in stream.encode(picture):
                output.mux(packet)
            time.sleep(max(0.0, began + (number + 1) / fps - time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--size", default="180x320", help="height x width")
    parser.add_argument("--fps", type=int, default=10)
    given = parser.parse_args()
    height, width = map(int, given.size.split("x"))
    while True:
        try:
            publish(given.url, (height, width), given.fps)
        except OSError as error:
            print(f"camera: {error}; trying again", file=sys.stderr)
        time.sleep(1)


if __name__ == "__main__":
    main()
