"""Put a trained model into the package: its weights, with the figures of an evaluation in their description.

    .venv/bin/python tools/package_weights.py runs/camvid-s-0/model.safetensors eval.json

The evaluation is what `streamdeq eval MODEL --out eval.json` wrote for exactly these weights.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from streamdeq.models.checkpoint import load_tensors, read_weights, save_weights
from streamdeq.models.zoo import FOLDER
from streamdeq.tasks import build_network


def figures(report: dict) -> dict[str, float]:
    """The best single-frame figure, and streaming at the largest offset, by name."""
    rows = [row for row in report["rows"] if row["value"] is not None]
    best = max((row for row in rows if row["mode"] == "single"), key=lambda row: row["value"])
    split = report["header"]["split"]
    told = {f"{best['metric']} {split} single-frame ({best['iterations']} iterations)": best["value"]}
    offsets = [row["offset"] for row in rows if row["mode"] == "streaming"]
    for row in rows:
        if row["mode"] == "streaming" and row["offset"] == max(offsets):
            told[f"{row['metric']} {split} streaming at {row['iterations']}"] = row["value"]
    return {name: round(value, 2) for name, value in told.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("report", type=Path)
    parser.add_argument("--licence", help="Of the data, if the weights do not say it already.")
    parser.add_argument("--iterations", type=int, default=1, help="Per frame, where the user names none.")
    chosen = parser.parse_args()
    spec, tensors = read_weights(chosen.weights)
    network = build_network(spec)
    load_tensors(network, tensors, str(chosen.weights))
    spec = replace(spec, iterations=chosen.iterations).with_provenance(
        metrics=figures(json.loads(chosen.report.read_text())), licence=chosen.licence or spec.provenance.licence
    )
    save_weights(FOLDER / f"{spec.name}.safetensors", network, spec)
    print(FOLDER / f"{spec.name}.safetensors", spec.provenance.metrics)


if __name__ == "__main__":
    main()
