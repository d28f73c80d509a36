"""Differences between ways of training are paired: seed by seed, resample by resample."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_models import tiny_spec

from streamdeq.data.synthetic.labels import PALETTE
from streamdeq.data.synthetic.scene import CLASSES
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.reproduce.item import Work
from streamdeq.evaluation.reproduce.run import Reproduction, Subjects
from streamdeq.evaluation.reproduce.settings import ItemSettings
from streamdeq.evaluation.reproduce.variants import (
    LESS,
    MORE,
    OPEN,
    Drawn,
    difference_cells,
    tables,
    unique,
    variants,
    verdict,
)
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import Provenance
from streamdeq.tasks import build_network


def test_a_difference_is_that_of_each_seed_and_each_resample():
    a = Drawn(np.array([3.0, 5.0]), np.array([[2.0, 3.0, 4.0], [4.0, 5.0, 6.0]]))
    b = Drawn(np.array([2.0, 2.0]), np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]))
    found = a.minus(b).to_plain()
    assert found == {"value": 2.0, "low": 2.0, "high": 2.0, "seeds": [1.0, 3.0]}  # the frames' share cancels out
    one = Drawn(np.array([1.0]), np.array([[0.0, 1.0, 2.0]]))
    assert a.minus(one).to_plain()["seeds"] == [3.0]  # of the means, where seeds cannot be paired


@pytest.mark.parametrize(("low", "high", "said"), [(0.1, 2, MORE), (-2, -0.1, LESS), (-1, 1, OPEN), (None, None, OPEN)])
def test_more_is_said_only_where_the_interval_does_not_hold_zero(low, high, said):
    assert verdict({"low": low, "high": high}) == said


def test_the_same_model_twice_is_refused_and_seeds_have_names():
    assert unique(["a", "b", "a"], [0, 0, 1]) == ["a, seed 0", "b", "a, seed 1"]
    with pytest.raises(StreamdeqError, match="a, seed 0 is there twice"):
        unique(["a", "a"], [0, 0])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two systems, one of them with two seeds."""
    folder, made = tmp_path_factory.mktemp("weights"), []
    spec = replace(tiny_spec(Architecture((4, 4), groups=2, expansion=1)), classes=CLASSES, palette=PALETTE, size=32)
    for name, seed in (("ours-sur", 0), ("ours-sur", 1), ("ours-ur", 0)):
        torch.manual_seed(10 * len(name) + seed)
        own = replace(spec, name=name, provenance=Provenance(recipe={"seed": seed}))
        made.append(str(folder / f"{name}-{seed}.safetensors"))
        save_weights(Path(made[-1]), build_network(own), own)
    return made


def test_systems_are_compared_on_the_same_frames(weights: list[str], tmp_path: Path):
    settings = ItemSettings((1, 2), (0, 2), clips=2, frames_per_clip=2, resamples=20)
    made = Reproduction(Subjects(tuple(weights), "synthetic:clips=2,frames=8,size=32x48"), settings, tmp_path)
    found = variants(Work(made.measured, settings, tmp_path))
    assert found["seeds"] == {"ours-sur": 2, "ours-ur": 1}
    sur, ur = (found["systems"][name] for name in ("ours-sur", "ours-ur"))
    assert sur["streaming"]["1"]["0"]["value"] == pytest.approx(sur["from_zeros"]["1"]["value"])
    for count in (1, 2):
        [between] = [one for one in found["differences"] if one["kind"] == "system" and one["iterations"] == count]
        expected = sur["streaming"][str(count)]["2"]["value"] - ur["streaming"][str(count)]["2"]["value"]
        assert between["value"] == pytest.approx(expected)
        assert between["low"] <= between["value"] <= between["high"] or between["low"] == between["high"]
    kinds = {one["kind"] for one in found["differences"]}
    assert kinds == {"system", "baseline", "from zeros", "offset"}
    scores, differences = tables(json.loads(json.dumps(found)))
    assert scores.splitlines()[0].startswith("| system | iterations | from zeros | +0 | +2 |")
    assert len(differences.splitlines()) == 2 + len(found["differences"])
    heading, *offsets = difference_cells(found, kind="offset", iterations=2)
    assert [line[:3] for line in offsets] == [["ours-sur", "2", "itself at +0"], ["ours-ur", "2", "itself at +0"]]
    assert len(heading) == len(offsets[0])
