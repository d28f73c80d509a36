"""Shot changes, measured: how well they are found, and how long the answers suffer from them. Writes docs/cuts/.

    .venv/bin/python tools/measure_cuts.py camvid-s --data ../shared/data/camvid --out docs/cuts

Prints the tables of docs/cuts.md, writes them as JSON and draws the figures (`streamdeq.evaluation.cuts`). One thread;
about 15 minutes on a core. `--only detection|recovery` does one half, `--every N` makes a cut at every N-th frame of
CamVid's sequence. `--only jump` prints one figure and writes nothing: in which frame after a cut one step a frame is
enough again.
"""

import argparse
from pathlib import Path

import torch

import streamdeq
from streamdeq.cli.demo import find_clip
from streamdeq.evaluation.cuts import report, study
from streamdeq.evaluation.cuts.cases import EVERY
from streamdeq.evaluation.cuts.clips import CutClip
from streamdeq.evaluation.cuts.recovery import WITHIN, recover
from streamdeq.evaluation.reporting.chart import save
from streamdeq.evaluation.reporting.table import Markdown, write_json
from streamdeq.streaming.cut import KeepGoing
from streamdeq.training.log import surroundings
from streamdeq.values.frame import Frame
from streamdeq.video import open_source


def main() -> None:
    asked = _arguments()
    torch.set_num_threads(1)
    model = streamdeq.load(asked.model)
    if asked.only == "jump":
        cases = study.camvid_cases(asked.data, asked.every)
        _, row = report.recovery_rows("CamVid val", len(cases), recover(model, cases, 1, (KeepGoing(),)))
        frames = "not within the frames scored" if row["recovered"] is None else f"in frame {row['recovered'] + 1}"
        print(f"after a cut from another clip, one step a frame: back within {WITHIN} points {frames}")
        return
    street = streamdeq.load(asked.street)
    with open_source(str(find_clip())) as items:
        images = tuple(item.image for item in items if isinstance(item, Frame))
    demo = CutClip("demo clip", images, (30, 76, 137, 187, 242))
    about = {"model": model.spec.name, "surroundings": surroundings(model.functions.device)}
    if asked.only != "recovery":
        rows = []
        for row, [clip, *_], [trace, *_] in study.detect(model, street, asked.data, demo):
            rows.append(row)
            if clip is demo and row["detector"] != "picture":
                count = int(row["detector"].split()[1])
                save(report.residual_chart(clip, trace, count), asked.out / f"residuals-{count}.png")
        print("\n".join(Markdown().table(report.detection_cells(rows))))
        write_json(about | {"rows": rows}, asked.out / "detection.json")
    if asked.only != "detection":
        every = []
        for rows in study.recover_all(model, street, asked.data, demo, asked.every):
            name, count = rows[0]["films"], rows[0]["iterations"]
            print(f"\n{name}, {rows[0]['cuts']} cuts; {rows[0]['metric']} at {count} per frame\n")
            print("\n".join(Markdown().table(report.recovery_cells(rows))))
            save(report.recovery_chart(rows), asked.out / f"recovery-{name.lower().replace(' ', '-')}-{count}.png")
            every += rows
        write_json(about | {"rows": every}, asked.out / "recovery.json")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a packaged model, or a weights file")
    parser.add_argument("--data", required=True, help="CamVid's folder")
    parser.add_argument("--street", default="street-s", help="a model of the rendered street's classes")
    parser.add_argument("--out", type=Path, help="folder for figures and JSON")
    parser.add_argument("--every", type=int, default=EVERY)
    parser.add_argument("--only", choices=("detection", "recovery", "jump"))
    asked = parser.parse_args()
    if asked.out is None and asked.only != "jump":
        parser.error("--out is needed, but for --only jump")
    return asked


if __name__ == "__main__":
    main()
