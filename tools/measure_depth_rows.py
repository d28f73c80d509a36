"""What depth a picture's rows alone tell: the best constant per row, fitted on one split and scored on another.

    .venv/bin/python tools/measure_depth_rows.py synthetic:labels=depth,clips=48,frames=6

A model of depth has to beat this: in a street, low in the picture is near.
"""

import argparse

import numpy as np

from streamdeq.data.open import open_dataset
from streamdeq.tasks.depth import Depth
from streamdeq.tasks.depth.metric import DepthMetric
from streamdeq.values.status import Start, Status


def best_rows(depths_m: np.ndarray) -> np.ndarray:
    """(N, H, W) metres, NaN where nothing is labelled → (H,) the constants of least mean |c − depth| / depth.

    That is the median of a row's depths, each weighted with its inverse; a row without labels takes its neighbour's.
    """
    rows = np.full(depths_m.shape[1], np.nan)
    for row in range(len(rows)):
        known = depths_m[:, row][~np.isnan(depths_m[:, row])]
        if known.size:
            ordered = np.sort(known)
            weights = np.cumsum(1 / ordered)
            rows[row] = ordered[np.searchsorted(weights, weights[-1] / 2)]
    seen = np.flatnonzero(~np.isnan(rows))
    return np.interp(np.arange(len(rows)), seen, rows[seen]).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--fit", default="train")
    parser.add_argument("--score", default="val")
    parser.add_argument("--score-data", help="Where the frames to score are, if not the same.")
    parser.add_argument("--begin", type=int, default=0, help="The first frame of a clip that is scored.")
    chosen = parser.parse_args()
    fit = open_dataset(chosen.data, chosen.fit, "depth")
    rows = best_rows(np.stack([clip.target(t) for clip, t in fit.samples]))
    metric, status = DepthMetric(), Status(0, 0.0, 0, 0, 0.0, Start.COLD)
    for clip, t in open_dataset(chosen.score_data or chosen.data, chosen.score, "depth").samples:
        if t < chosen.begin:
            continue
        target = clip.target(t)
        answer = np.repeat(rows[:, None], target.shape[1], axis=1)
        metric.update(Depth(status=status, depth_m=answer), target)
    print(", ".join(f"{name} {value:.2f}" for name, value in metric.compute().items()))


if __name__ == "__main__":
    main()
