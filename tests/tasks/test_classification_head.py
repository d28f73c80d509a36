"""The classification head is the published one, folds exactly, learns, and takes its widths from the description."""

import re
from pathlib import Path

import pytest
import torch
from support.golden_file import GoldenFile, close
from torch import nn

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import PRESETS, Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.solvers import Evaluations, Picard, solve
from streamdeq.tasks import build_network
from streamdeq.tasks.classification.head import ClassificationHead, Widths

GOLDEN = Path(__file__).parent.parent / "golden" / "classifier_f64.safetensors"


@pytest.fixture(scope="module")
def golden() -> GoldenFile:
    return GoldenFile(GOLDEN)


@torch.no_grad()
def answer(golden: GoldenFile, iterations: int) -> tuple[ClassificationHead, Latent]:
    """The head, and the latent of the golden frames after that many applications from zeros."""
    network = golden.network()
    injection = network.backbone.inject(golden["frames"])
    start = network.backbone.zeros(injection)
    z = solve(network.backbone.bind(injection), Picard(), start, Evaluations(iterations)).answer
    assert isinstance(network.head, ClassificationHead)
    return network.head, z


def small(channels: tuple[int, ...] = (8, 16), classes: int = 3, seed: int = 0) -> ClassificationHead:
    torch.manual_seed(seed)
    return ClassificationHead(channels, classes, Widths(tuple(c // 2 for c in channels), 12))


def latent(channels: tuple[int, ...] = (8, 16), rows: int = 4, seed: int = 1) -> Latent:
    torch.manual_seed(seed)
    return Latent(tuple(torch.randn(rows, c, 8 // 2**i, 12 // 2**i) for i, c in enumerate(channels)))


@torch.no_grad()
def test_logits_are_the_published_ones_at_every_number_of_steps(golden):
    compared = {"frames", *(f"model.{name}" for name in golden.parameters)}  # the network takes exactly these
    for key in golden:
        if match := re.fullmatch(r"unrolled\.(\d+)\.logits", key):
            head, z = answer(golden, int(match[1]))
            close(head(z), golden[key], 1e-9)
            compared.add(key)
    assert compared == set(golden)
    assert len([key for key in compared if key.startswith("unrolled")]) == 3


@torch.no_grad()
def test_folding_changes_nothing_but_the_time(golden):
    head, z = answer(golden, 2)
    expected = head(z)
    head.fold()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in head.modules())
    close(head(z), expected, 1e-12)
    head.fold()
    close(head(z), expected, 1e-12)


@torch.no_grad()
def test_a_row_does_not_depend_on_its_mates(golden):
    head, z = answer(golden, 1)
    for row in range(2):
        alone = head(Latent(tuple(m[row : row + 1] for m in z.maps)))
        close(alone, golden["unrolled.1.logits"][row : row + 1], 1e-9)


def test_the_loss_is_the_cross_entropy_of_the_logits_and_reaches_every_parameter():
    head, z, target = small().eval(), latent(), torch.tensor([0, 2, 1, 2])
    loss = head.losses(z, target)["cross_entropy"]
    picked = head(z).log_softmax(1)[range(4), target]
    assert loss.item() == pytest.approx(-picked.mean().item())
    loss.backward()
    assert [name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_class_weights_weigh_the_loss():
    head, z = small().eval(), latent(rows=2)
    logs = head(z).log_softmax(1)
    loss = head.losses(z, torch.tensor([0, 1]), torch.tensor([3.0, 1.0, 1.0]))["cross_entropy"]
    assert loss.item() == pytest.approx(-(3 * logs[0, 0] + logs[1, 1]).item() / 4)


def test_a_scale_as_wide_as_its_bottleneck_has_no_shortcut_convolution():
    head = ClassificationHead((8, 16), 3, Widths((2, 8), 12))
    names = {name.rpartition(".")[0] for name, _ in head.named_parameters() if "incre_modules" in name}
    assert not any(name.startswith("incre_modules.0.0.downsample") for name in names)
    assert "incre_modules.1.0.downsample.0" in names


def test_a_single_scale_is_classified():
    head = small((8,))
    assert head(latent((8,))).shape == (4, 3)


@pytest.mark.parametrize(
    ("preset", "widths"),
    [("small", (24, 48, 96, 192)), ("large", (32, 64, 128, 256)), ("xl", (32, 64, 128, 256))],
)
def test_published_backbones_get_their_published_head(preset, widths):
    assert Widths.published(PRESETS[preset].channels) == Widths(widths, 2048)


def spec(**head: object) -> ModelSpec:
    arch = Architecture((8, 16), groups=2, expansion=1)
    return ModelSpec("t", "classification", arch, ("a", "b"), ((0, 0, 0), (1, 1, 1)), 32, head=head)


def test_the_description_carries_the_widths_and_builds_the_same_head():
    given = ModelSpec.from_json(spec(head_channels=(3, 5), final_channels=7).to_json())
    head = build_network(given).head
    assert {k: tuple(v.shape) for k, v in head.state_dict().items()} == {
        k: tuple(v.shape) for k, v in ClassificationHead((8, 16), 2, Widths((3, 5), 7)).state_dict().items()
    }
    assert build_network(spec()).head.classifier.weight.shape == (2, 2048)  # type: ignore[union-attr]


def test_a_description_from_before_heads_had_settings_still_reads():
    text = spec().to_json().replace('"head": {}, ', "")
    assert '"head"' not in text
    assert ModelSpec.from_json(text) == spec()


def test_wrong_head_settings_are_one_sentence():
    with pytest.raises(StreamdeqError, match=r"unknown setting .* 'final_chanels'; did you mean"):
        build_network(spec(final_chanels=3))
    with pytest.raises(StreamdeqError, match=r"one width per scale \(2\); got 3"):
        build_network(spec(head_channels=(1, 2, 3)))
