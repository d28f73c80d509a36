"""A webcam with a zone: says how many people (or cars, …) are in it, whenever that changes. Needs streamdeq[track].

python examples/webcam_zone.py                                         # camera 0, the lower half of its picture
python examples/webcam_zone.py rtsp://camera/stream --zone 0.1,0.5 0.9,0.5 0.9,1 0.1,1
"""

import argparse

import numpy as np
import supervision as sv

import streamdeq


def corner(text: str) -> tuple[float, float]:
    """x and y, in shares of the picture's width and height."""
    x, y = text.split(",")
    return float(x), float(y)


def main(arguments: list[str] | None = None) -> None:
    """Runs until the source ends or Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", default="0", help="a camera's number, an address, a film")
    parser.add_argument("--model", default="people-s", help="one for boxes")
    parser.add_argument("--conf", type=float, default=0.5)
    parser.add_argument("--budget-ms", type=float, default=60.0, help="a frame's answer is there after so long")
    parser.add_argument("--zone", type=corner, nargs="+", default=[(0, 0.5), (1, 0.5), (1, 1), (0, 1)])
    told = parser.parse_args(arguments)

    model = streamdeq.load(told.model)
    zone, before = None, None
    try:
        for found in model.track(told.source, stream=True, conf=told.conf, budget_ms=told.budget_ms):
            if zone is None:
                height, width = found.frame_hw
                zone = sv.PolygonZone(np.rint(np.multiply(told.zone, (width, height))).astype(int))
            inside = zone.trigger(found.to_supervision())
            if (count := int(inside.sum())) != before:
                who = ", ".join(f"{name} {number}" for name, number in zip(found.names, found.ids, strict=True))
                print(f"{found.status.time_s:.2f} s: {count} in the zone; seen: {who or 'nobody'}", flush=True)
                before = count
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
