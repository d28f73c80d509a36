"""A closed loop for a lab animal: a packet leaves when a key point enters a region, and its delay is measured.

python examples/closed_loop.py 0 --model mouse-s --point nose_top --region 300,100,400,200 --to 127.0.0.1:5005

What listens (a microcontroller's bridge, a stimulus program) gets the text "NAME FRAME X Y" by UDP.
"""

import argparse
import socket
import time

import numpy as np

import streamdeq
from streamdeq.values.frame import Frame
from streamdeq.video import open_source


def main(arguments: list[str] | None = None) -> None:
    """Runs until the camera ends or Ctrl-C; then says how long frames took from arriving to the action."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a camera's number, an address, a film")
    parser.add_argument("--model", default="mouse-s", help="one for key points")
    parser.add_argument("--point", default="nose_top")
    parser.add_argument("--region", default="0,0,100,100", help="left,top,right,bottom in pixels")
    parser.add_argument("--least-score", type=float, default=0.2)
    parser.add_argument("--budget-ms", type=float, default=30.0, help="the answer is taken after so long at the latest")
    parser.add_argument("--to", default="127.0.0.1:5005", metavar="HOST:PORT")
    told = parser.parse_args(arguments)
    left, top, right, bottom = map(float, told.region.split(","))
    host, _, port = told.to.rpartition(":")

    model, inside, delays = streamdeq.load(told.model), False, []
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with out, open_source(told.source) as source, model.stream(budget_ms=told.budget_ms) as stream:
        try:
            for item in source:
                arrived = time.monotonic()  # of a film; a camera's frames say themselves when they arrived
                poses = stream.take(item)
                if poses is None or not isinstance(item, Frame) or not len(poses):
                    continue  # a damaged frame, or none for a while
                (x, y), score = poses.point(told.point)[0], poses.scores[0, poses.names.index(told.point)]
                was, inside = inside, score >= told.least_score and left <= x <= right and top <= y <= bottom
                if inside and not was:
                    out.sendto(f"{told.point} {item.index} {x:.1f} {y:.1f}".encode(), (host, int(port)))
                    delays.append(1000 * (time.monotonic() - (item.captured_s or arrived)))
        except KeyboardInterrupt:
            pass
    print(f"{stream.stats.processed} frames, {stream.stats.dropped} dropped, {len(delays)} actions")
    if delays:
        print("delay: median {:.1f} ms, 95 % {:.1f} ms".format(*np.percentile(delays, (50, 95))))


if __name__ == "__main__":
    main()
