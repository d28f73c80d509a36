"""The backbone: any widths and scales, published sizes, and what is constant over a solve."""

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import PRESETS, Architecture
from streamdeq.models.cells import dropout_mask
from streamdeq.models.mdeq import MDEQ, Network
from streamdeq.tasks.segmentation.head import SegmentationHead

SMALL = Architecture((8, 16), groups=4, expansion=2)


def backbone(arch: Architecture = SMALL, seed: int = 0) -> MDEQ:
    torch.manual_seed(seed)
    return MDEQ(arch)


def picture(rows: int = 1, hw: tuple[int, int] = (32, 64)) -> torch.Tensor:
    return torch.randn(rows, 3, *hw, generator=torch.Generator().manual_seed(7))


def noise(like: Latent) -> Latent:
    """A state in which every part of the cell has something to do (at zeros its convolutions have not)."""
    generator = torch.Generator().manual_seed(8)
    return like.map(lambda m: torch.randn(m.shape, generator=generator))


def equal(a: Latent, b: Latent) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.maps, b.maps, strict=True))


# -- sizes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [(8,), (8, 16), (16, 8, 24), (8, 8, 8, 8, 8)])
@torch.no_grad()
def test_any_channel_list_and_number_of_scales_runs_and_trains(channels: tuple[int, ...]) -> None:
    arch = Architecture(channels, groups=4, expansion=2)
    model = backbone(arch)
    x = picture(2, (arch.stride, 2 * arch.stride))
    with torch.enable_grad():
        injection = model.inject(x)
        f = model.bind(injection)
        z = f(f(model.zeros(injection)))
        z.norm().sum().backward()
    assert z.shapes == arch.shapes((arch.stride, 2 * arch.stride))
    assert z.shapes[0] == (channels[0], arch.stride // 4, arch.stride // 2)
    assert z.isfinite().all()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def expected_parameters(arch: Architecture, classes: int) -> int:
    """Counted from the description of the published network, not from the code."""
    total = 0
    first, widths = arch.channels[0], arch.channels
    total += (27 * first + 2 * first) + (9 * first * first + 2 * first) + (first * first + 2 * first)  # stem
    for target, c in enumerate(widths):
        hidden = arch.expansion * c
        total += (9 * c * hidden + hidden) + 2 * hidden + (9 * hidden * c + c) + 2 * c + 2 * c  # residual block
        total += (c * c + c) + 2 * c  # after fusion
        for source, s in enumerate(widths):
            if source > target:
                total += s * c + 2 * c
            elif source < target:
                total += (target - source - 1) * (9 * s * s + 2 * s) + 9 * s * c + 2 * c
    width = sum(widths)
    return total + (width * width + width) + 2 * width + (width * classes + classes)  # head


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_presets_have_the_published_number_of_parameters(name: str) -> None:
    arch = PRESETS[name]
    # Really built: half a second for XL; on the meta device torch imports 900 modules first.
    network = Network(MDEQ(arch), SegmentationHead(arch.channels, 19))
    count = sum(p.numel() for p in network.parameters())
    assert count == expected_parameters(arch, 19)
    if name == "xl":
        assert round(count / 1e6, 2) == 79.55


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": ()}, "at least one scale"),
        ({"channels": (8, 12), "groups": 8}, r"multiples of groups \(8\); got 12"),
        ({"channels": (8, 0)}, "multiples of groups"),
        ({"channels": (9,), "groups": 3}, "groups must be even"),
        ({"channels": (8,), "expansion": 0}, "expansion must be >= 1"),
        ({"channels": (8,), "dropout": 1.0}, r"dropout in \[0, 1\)"),
    ],
)
def test_an_architecture_that_cannot_be_built_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(StreamdeqError, match=message):
        Architecture(**arguments)


def test_an_unknown_cell_shows_the_choices() -> None:
    with pytest.raises(StreamdeqError, match="unknown cell 'mdec'; did you mean 'mdeq'"):
        MDEQ(Architecture((8,), cell="mdec"))


@pytest.mark.parametrize("canvas_hw", [(31, 32), (32, 40), (0, 32)])
def test_a_canvas_that_no_stride_fits_is_refused(canvas_hw: tuple[int, int]) -> None:
    with pytest.raises(StreamdeqError, match="multiples of 32"):
        Architecture((8, 8, 8, 8)).shapes(canvas_hw)


# -- constant over a solve -------------------------------------------------------------------------------------


def test_dropout_masks_are_per_row_and_channel_zero_or_scaled() -> None:
    torch.manual_seed(0)
    mask = dropout_mask(400, torch.zeros(50, 3, 3, 3), 0.2)
    assert mask.shape == (400, 50, 1, 1)
    assert mask.unique().tolist() == pytest.approx([0.0, 1.25])
    assert mask.mean().item() == pytest.approx(1.0, abs=0.02)  # 20,000 draws: 6 standard deviations are 0.021
    rows = mask.flatten(1).unique(dim=0)
    assert len(rows) == 400  # no two rows share one


@torch.no_grad()
def test_dropout_is_drawn_once_per_solve_and_anew_for_the_next() -> None:
    model = backbone(Architecture((8, 16), groups=4, expansion=2, dropout=0.5)).train()
    injection = model.inject(picture(3))
    z = noise(model.zeros(injection))
    f, g = model.bind(injection), model.bind(injection)
    assert equal(f(z), f(z))
    assert equal(f(f(z)), f(f(z)))
    assert not equal(f(z), g(z))


@torch.no_grad()
def test_without_training_or_without_probability_nothing_is_dropped() -> None:
    dropping, plain = (backbone(Architecture((8, 16), groups=4, expansion=2, dropout=p)) for p in (0.5, 0.0))
    injection = plain.eval().inject(picture())
    z = noise(plain.zeros(injection))
    expected = plain.bind(injection)(z)
    assert equal(dropping.eval().bind(injection)(z), expected)
    assert equal(plain.train().bind(injection)(z), expected)
    assert not equal(dropping.train().bind(injection)(z), expected)


@torch.no_grad()
def test_weights_are_normalised_once_and_stay_what_they_were_for_the_whole_solve() -> None:
    model = backbone().eval()
    injection = model.inject(picture())
    f = model.bind(injection)
    z = noise(model.zeros(injection))
    expected = f(z)
    for name, parameter in model.named_parameters():
        if name.endswith(("weight_g", "weight_v")):
            parameter.mul_(torch.rand_like(parameter))
    assert equal(f(z), expected)
    assert not equal(model.bind(injection)(z), expected)


@torch.no_grad()
def test_only_the_direction_of_v_counts_and_g_is_the_kernels_length() -> None:
    conv = backbone().fullstage.branches[0].blocks[0].conv1
    before = conv.kernel()
    conv.weight_v.mul_(torch.linspace(0.5, 3, len(before)).reshape(-1, 1, 1, 1))
    torch.testing.assert_close(conv.kernel(), before)
    conv.weight_g.copy_(torch.arange(1.0, len(before) + 1).reshape(-1, 1, 1, 1))
    torch.testing.assert_close(conv.kernel().flatten(1).norm(dim=1), torch.arange(1.0, len(before) + 1))


# -- folding ---------------------------------------------------------------------------------------------------


def lived_in(network: Network) -> Network:
    """Statistics, scales and shifts as after training, not as at birth."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.5)
            module.running_var.uniform_(0.2, 3)
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.GroupNorm) and module.affine:
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_(std=0.3)
    return network.eval()


def relative(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("post_affine", [True, False])
@torch.no_grad()
def test_folded_for_inference_the_network_computes_the_same_to_1e5(post_affine: bool) -> None:
    arch = Architecture((16, 32, 64), groups=4, expansion=3, dropout=0.1, post_affine=post_affine)
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(lived_in(Network(MDEQ(arch), SegmentationHead(arch.channels, 5))))
    plain, folded = networks
    folded.backbone.fold()
    folded.head.fold()
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert not any("weight_g" in name for name in folded.state_dict())

    x = picture(2)
    injections = [network.backbone.inject(x) for network in networks]
    assert relative(injections[1][0], injections[0][0]) < 1e-5
    f, g = (network.backbone.bind(injections[0]) for network in networks)
    z = noise(plain.backbone.zeros(injections[0]))
    for _ in range(4):
        for a, b in zip(g(z).maps, f(z).maps, strict=True):
            assert relative(a, b) < 1e-5
        z = f(z)
    assert relative(folded.head(z), plain.head(z)) < 1e-5


def test_folding_twice_changes_nothing_more() -> None:
    model = backbone().eval()
    model.fold()
    once = {name: value.clone() for name, value in model.state_dict().items()}
    model.fold()
    assert model.state_dict().keys() == once.keys()
    assert all(torch.equal(value, once[name]) for name, value in model.state_dict().items())
