"""Memory and operations: recomputing keeps gradients and saves memory, and a plan says what a step really takes."""

from dataclasses import replace

import pytest
import torch
from support.small_runs import command

from streamdeq.codec import override
from streamdeq.errors import StreamdeqError
from streamdeq.implicit import Unroll
from streamdeq.implicit.recompute import recomputed
from streamdeq.models.architecture import PRESETS, Architecture
from streamdeq.models.mdeq import MDEQ
from streamdeq.tasks import build_network
from streamdeq.training.compute import problem
from streamdeq.training.footprint import GIB, Footprint, Live, footprint, published
from streamdeq.training.recipe import Recipe
from streamdeq.training.recipes import RECIPES
from streamdeq.training.setup import spec_of

SMALL = ["architecture.channels=8,16", "architecture.groups=4", "crop_hw=64,128", "architecture.dropout=0.2"]


def small(name: str = "cityscapes-xl-ur", *settings: str) -> Recipe:
    return override(RECIPES[name], [*SMALL, *settings])


def test_gradients_are_the_same_whether_activations_are_kept_or_computed_again():
    torch.manual_seed(0)
    backbone = MDEQ(Architecture((8, 16), groups=4, expansion=2, dropout=0.3)).double().train()
    images = torch.randn(2, 3, 32, 48, dtype=torch.float64)
    gradients = []
    for change in (lambda f: f, recomputed):
        torch.manual_seed(1)  # dropout masks
        f, zeros = problem(backbone_as_network(backbone), images)
        z = Unroll(5)(change(f), zeros, 7)
        backbone.zero_grad()
        sum(m.square().sum() for m in z.maps).backward()
        gradients.append({name: p.grad.clone() for name, p in backbone.named_parameters() if p.grad is not None})
    kept, again = gradients
    assert kept.keys() == again.keys()
    for name, gradient in kept.items():
        assert torch.linalg.norm(again[name] - gradient) <= 1e-6 * torch.linalg.norm(gradient)


def backbone_as_network(backbone: MDEQ) -> torch.nn.Module:
    network = torch.nn.Module()
    network.backbone = backbone
    return network


def peak(recipe: Recipe, depth: int, rows: int = 1) -> int:
    """Bytes of real tensors alive at the most in a step of so many samples, gradients included."""
    torch.manual_seed(0)
    network = build_network(spec_of(recipe, published(recipe)))
    with Live() as live:
        f, zeros = problem(network, torch.zeros(rows, 3, *recipe.crop_hw))
        f = recomputed(f) if recipe.checkpoint else f
        network.head(Unroll()(f, zeros, depth)).float().mean().backward()  # nobody holds the latent meanwhile
    return live.peak


def test_twenty_graded_unrollings_take_at_most_twice_the_memory_of_one():
    recipe = small()
    assert peak(recipe, 20) <= 2 * peak(recipe, 1)
    assert peak(replace(recipe, checkpoint=False), 20) > 4 * peak(recipe, 1)


@pytest.fixture(scope="module")
def said() -> Footprint:
    return footprint(small("cityscapes-xl-sur"))


def test_a_plan_says_what_a_real_step_takes(said):
    weights = 2 * 4 * said.parameters  # and momentum, which a step without an optimiser has not
    assert 8 * said.sample + said.fixed - weights == pytest.approx(peak(small(), 20, 8), rel=0.02)


@pytest.mark.slow
def test_the_operations_of_the_largest_are_those_of_its_authors():
    recipe = override(RECIPES["cityscapes-xl-ur"], ["crop_hw=128,256", "unroll=3"])
    said = footprint(recipe)
    assert recipe.architecture.channels == PRESETS["xl"].channels
    assert said.parameters / 1e6 == pytest.approx(79.55, abs=0.005)
    assert said.f_flops / 1e9 == pytest.approx(14.7, abs=0.1)
    # Three applications, each once more for its gradient, and twice for that; the first needs none of the zeros.
    assert 11.5 < said.flops / said.f_flops < 12.5


def test_what_fits_is_what_is_left_beside_the_weights(said):
    said = replace(said, sample=GIB, fixed=2 * GIB)
    assert [said.fits(gib) for gib in (1, 16, 24)] == [0, 12, 19]


def test_the_command_prints_it_without_data_and_without_weights(capsys):
    assert command("mpii-xl-ur", *SMALL[:2], "--plan", "size=32", "crop_hw=32,32", "unroll=1") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mpii-xl-ur: ")
    assert lines[3].endswith("GiB per sample in float32, recomputed")
    assert lines[-1] == "141 GiB: 256 of a batch of 256 at once"
    assert command("street-depth-s", "--plan") == 2
    assert "--plan: expected --data, whose classes depth is for" in capsys.readouterr().err


def test_implicit_training_has_nothing_to_recompute():
    with pytest.raises(StreamdeqError, match="checkpoint must be false with implicit training; got true"):
        small("cityscapes-xl-il", "checkpoint=true")
