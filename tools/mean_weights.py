"""The mean of two weights files of one network, such as before and after fine-tuning (Wortsman et al. 2022, WiSE-FT).

    python tools/mean_weights.py runs/camvid-s-0/model.safetensors runs/camvid-s-tune-0/model.safetensors --out OUT

Name and recipe are the first file's; steps and seconds of training add up. Prints what it wrote.
"""

import argparse
from pathlib import Path

from torch import Tensor

from streamdeq.models.checkpoint import load_tensors, read_weights, save_weights
from streamdeq.tasks import build_network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    spec, first = read_weights(asked.first)
    other, second = read_weights(asked.second)
    network = build_network(spec)
    load_tensors(network, {name: mean(tensor, second[name]) for name, tensor in first.items()}, str(asked.first))
    spent = spec.provenance, other.provenance
    about = f"mean of {spec.name} ({spent[0].trained_with}) and {other.name} ({spent[1].trained_with})"
    steps, seconds = sum(one.steps for one in spent), sum(one.seconds for one in spent)
    save_weights(asked.out, network, spec.with_provenance(trained_with=about, steps=steps, seconds=seconds))
    print(f"{asked.out}: {about}")


def mean(a: Tensor, b: Tensor) -> Tensor:
    """In float32; counters as in `a`."""
    return (a.float() + b.float()) / 2 if a.is_floating_point() else a


if __name__ == "__main__":
    main()
