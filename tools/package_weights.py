"""Put a trained model into the package: its weights, with the figures of an evaluation in their description.

    .venv/bin/python tools/package_weights.py runs/camvid-s-0/model.safetensors eval.json

The evaluation is what `streamdeq eval MODEL --out eval.json` or `streamdeq compare … --out eval.json` wrote for exactly
these weights. Without one the description has no figures. What only the paper's experiment needs goes to `research/`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from streamdeq.evaluation.comparison.report import FORMAT as COMPARISON
from streamdeq.evaluation.protocol.rows import ScoreRow, best_single
from streamdeq.evaluation.protocol.score import Mode
from streamdeq.models.checkpoint import load_tensors, read_weights, save_weights
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec, Provenance
from streamdeq.models.transfer import transfer
from streamdeq.models.zoo import FOLDER, RESEARCH, RESEARCH_FOLDER
from streamdeq.registry import unknown
from streamdeq.tasks import build_network, build_task


def figures(report: dict, name: str) -> dict[str, float]:
    """The best single-frame figure, and streaming at the largest offset, by name."""
    single, streaming = (_compared if report["format"] == COMPARISON else _evaluated)(report, name)
    split = report["header"]["split"]
    metric, count, value = single
    told = {f"{metric} {split} single-frame ({count} iterations)": value}
    told |= {f"{metric} {split} streaming at {count}": value for count, value in streaming.items()}
    return {name: round(value, 2) for name, value in told.items()}


def _evaluated(report: dict, name: str) -> tuple[tuple[str, int, float], dict[int, float]]:
    rows = [ScoreRow(**row | {"mode": Mode(row["mode"])}) for row in report["rows"]]
    best, streamed = best_single(rows), [row for row in rows if row.mode is Mode.STREAMING and row.value is not None]
    if best is None or best.value is None:
        raise SystemExit(f"the evaluation has no single-frame figure of {name}; evaluate on frames with labels")
    last = max((row.offset or 0 for row in streamed), default=None)
    streaming = {row.iterations: row.value for row in streamed if row.offset == last and row.value is not None}
    return (best.metric, best.iterations, best.value), streaming


def _compared(report: dict, name: str) -> tuple[tuple[str, int, float], dict[int, float]]:
    [entry] = [entry for entry in report["comparison"]["entries"] if entry["name"] == name]
    streaming = {line["iterations"]: line["streaming"]["value"] for line in entry["lines"] if line["streaming"]}
    return (report["comparison"]["metric"], entry["best"], entry["single"]["value"]), streaming


def after(origin: Provenance, first: ModelSpec) -> Provenance:
    """What is said of weights that were trained on from others."""
    before = first.provenance
    return replace(
        origin,
        trained_with=f"{first.name} ({before.trained_with}), then {origin.trained_with}",
        steps=before.steps + origin.steps,
        seconds=before.seconds + origin.seconds,
    )


def kept(spec: ModelSpec, tensors: dict[str, Tensor], classes: list[str]) -> tuple[ModelSpec, Network]:
    """A model of some of its classes: the rows of the head that are theirs, and all else as it is."""
    if strange := [name for name in classes if name not in spec.classes]:
        raise SystemExit(unknown("class", strange[0], list(spec.classes)))
    palette = tuple(spec.palette[spec.classes.index(name)] for name in classes)
    fewer = replace(spec, classes=tuple(classes), palette=palette)
    network = build_network(fewer)
    account = transfer(network, fewer, tensors, spec, spec.name, build_task(fewer).class_rows)
    print(account.summary())
    return fewer, network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("report", type=Path, nargs="?")
    parser.add_argument("--name", help="What it is called in the package, if not what the weights say.")
    parser.add_argument("--licence", help="Of the data, if the weights do not say it already.")
    parser.add_argument("--after", type=Path, help="The weights that their training began with: its steps count too.")
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="Of its classes keep these, in this order.")
    parser.add_argument("--iterations", type=int, default=1, help="Per frame, where the user names none.")
    chosen = parser.parse_args()
    spec, tensors = read_weights(chosen.weights)
    if chosen.classes:
        spec, network = kept(spec, tensors, chosen.classes)
    else:
        network = build_network(spec)
        load_tensors(network, tensors, str(chosen.weights))
    name = chosen.name or spec.name
    metrics = figures(json.loads(chosen.report.read_text()), name) if chosen.report else {}
    origin = after(spec.provenance, read_weights(chosen.after)[0]) if chosen.after else spec.provenance
    spec = replace(spec, name=name, iterations=chosen.iterations, provenance=origin).with_provenance(
        metrics=metrics, licence=chosen.licence or origin.licence
    )
    file = (RESEARCH_FOLDER if name in RESEARCH else FOLDER) / f"{name}.safetensors"
    save_weights(file, network, spec)
    print(file, spec.provenance.metrics)


if __name__ == "__main__":
    main()
