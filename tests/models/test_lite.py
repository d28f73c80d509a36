"""The cheaper cell, and injections below the highest scale."""

from dataclasses import replace

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import MDEQ

LITE = Architecture((8, 16, 24), groups=4, expansion=2, cell="lite", injected=3)


def backbone(arch: Architecture = LITE) -> MDEQ:
    torch.manual_seed(0)
    model = MDEQ(arch).double()
    with torch.no_grad():  # as if trained: at first every kernel is close to zero
        for name, p in model.named_parameters():
            if p.ndim > 1 and not name.endswith("weight_g"):
                p.mul_(20)
    return model


def picture(rows: int = 1, hw: tuple[int, int] = (32, 64)) -> torch.Tensor:
    return torch.randn(rows, 3, *hw, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def noise(like: Latent) -> Latent:
    generator = torch.Generator().manual_seed(8)
    return like.map(lambda m: torch.randn(m.shape, generator=generator, dtype=m.dtype))


@pytest.mark.parametrize("channels", [(8,), (8, 16), (8, 8, 8, 8, 8)])
def test_any_number_of_scales_runs_and_trains_every_parameter(channels):
    arch = Architecture(channels, groups=4, expansion=2, cell="lite", injected=len(channels))
    model = backbone(arch)
    injection = model.inject(picture(2, (arch.stride, 2 * arch.stride)))
    f = model.bind(injection)
    z = f(f(model.zeros(injection)))
    z.norm().sum().backward()
    assert z.shapes == arch.shapes((arch.stride, 2 * arch.stride))
    assert z.isfinite().all()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_one_application_carries_every_scale_to_every_other():
    model = backbone()
    injection = tuple(x.detach() for x in model.inject(picture()))
    f, z = model.bind(injection), noise(model.zeros(injection))
    with torch.no_grad():
        reference = f(z)
        for source in range(3):
            maps = list(z.maps)
            maps[source] = maps[source] + torch.randn_like(maps[source])
            moved = f(Latent(tuple(maps)))
            assert all(not torch.allclose(a, b) for a, b in zip(moved.maps, reference.maps, strict=True))


@torch.no_grad()
def test_a_new_frame_reaches_every_scales_block_in_one_application_only_when_injected_there():
    for arch, reached in ((LITE, 3), (replace(LITE, injected=2), 2), (replace(LITE, injected=1), 1)):
        injection = backbone(arch).inject(picture())
        assert [x is not None for x in injection] == [i < reached for i in range(3)]
        for x, shape in zip(injection[:reached], arch.shapes((32, 64)), strict=False):
            assert x.shape[1:] == shape


@torch.no_grad()
def test_the_published_cell_takes_an_injection_at_every_scale_too():
    published = Architecture((8, 16, 24), groups=4, expansion=2)
    everywhere = backbone(replace(published, injected=3))
    injection = everywhere.inject(picture())
    f, z = everywhere.bind(injection), everywhere.zeros(injection)
    blind = everywhere.bind((injection[0], None, None))
    assert not torch.allclose(f(z).maps[2], blind(z).maps[2])


@torch.no_grad()
def test_rows_do_not_see_each_other():
    model = backbone().eval()
    x = picture(3)
    injection = model.inject(x)
    together = model.bind(injection)(noise(model.zeros(injection)))
    for row in range(3):
        alone = tuple(m[row : row + 1] for m in injection)
        z = noise(model.zeros(injection))[row : row + 1]
        for a, b in zip(model.bind(alone)(z).maps, together.maps, strict=True):
            torch.testing.assert_close(a, b[row : row + 1], rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_folding_changes_nothing():
    model = backbone()
    model.inject(picture(4))  # statistics that are not 0 and 1
    model.eval()
    injection = model.inject(picture())
    before = model.bind(injection)(noise(model.zeros(injection)))
    model.fold()
    again = model.inject(picture())
    after = model.bind(again)(noise(model.zeros(again)))
    for a, b in zip((*injection, *before.maps), (*again, *after.maps), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    assert not any(name.endswith("weight_g") for name in model.state_dict())


@torch.no_grad()
def test_dropout_is_drawn_once_per_solve_and_not_at_inference():
    model = backbone(replace(LITE, dropout=0.5))
    injection = model.inject(picture())
    z = noise(model.zeros(injection))
    f, g = model.bind(injection), model.bind(injection)
    assert torch.equal(f(z).maps[0], f(z).maps[0])
    assert not torch.equal(f(z).maps[0], g(z).maps[0])
    model.eval()
    assert torch.equal(model.bind(injection)(z).maps[0], model.bind(injection)(z).maps[0])


def test_it_has_a_fraction_of_the_published_cells_parameters_at_equal_width():
    mdeq = replace(LITE, cell="mdeq", injected=1)
    count = {a.cell: sum(p.numel() for p in MDEQ(a).fullstage.parameters()) for a in (LITE, mdeq)}
    assert count["lite"] < count["mdeq"] / 4


@pytest.mark.parametrize("injected", [0, 4])
def test_there_are_injections_for_the_scales_there_are(injected):
    with pytest.raises(StreamdeqError, match=f"injected must be 1 to 3, the scales; got {injected}"):
        replace(LITE, injected=injected)
