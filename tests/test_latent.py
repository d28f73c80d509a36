"""The latent is one vector per row, whatever its scales, and no row hears of another."""

import math

import pytest
import torch
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent, per_row

SHAPES = ((3, 4, 6), (5, 2, 3), (2, 1, 1))


def noise(rows: int, seed: int, shapes=SHAPES) -> Latent:
    generator = torch.Generator().manual_seed(seed)
    return Latent(tuple(torch.randn(rows, *s, generator=generator, dtype=torch.float64) for s in shapes))


@pytest.fixture
def a():
    return noise(3, seed=1)


@pytest.fixture
def b():
    return noise(3, seed=2)


def equal(left: Latent, right: Latent) -> bool:
    return all(torch.equal(x, y) for x, y in zip(left.maps, right.maps, strict=True))


def test_flat_and_unflat_are_inverse(a):
    assert a.flat().shape == (3, 3 * 4 * 6 + 5 * 2 * 3 + 2)
    assert equal(a.unflat(a.flat()), a)


def test_flat_is_the_same_for_every_memory_layout(a):
    last = a.map(lambda m: m.contiguous(memory_format=torch.channels_last))
    assert torch.equal(last.flat(), a.flat())


def test_unflat_gives_the_shape_of_a_row_to_any_number_of_rows(a):
    assert a.unflat(torch.zeros(7, a.flat().shape[1])).rows == 7


def test_no_rows_are_rows_too(a):
    none = a[:0]
    assert none.rows == 0
    assert none.unflat(none.flat()).shapes == SHAPES
    assert none.norm().shape == none.dot(none).shape == none.isfinite().shape == (0,)


def test_arithmetic_is_that_of_the_flat_vectors(a, b):
    assert torch.equal((a + b).flat(), a.flat() + b.flat())
    assert torch.equal((a - b).flat(), a.flat() - b.flat())
    assert torch.equal((a * 2.5).flat(), a.flat() * 2.5)
    assert torch.equal((2.5 * a).flat(), a.flat() * 2.5)


def test_a_tensor_of_factors_scales_every_row_by_its_own(a):
    factors = torch.tensor([2.0, 0.0, -1.0], dtype=torch.float64)
    assert torch.equal((a * factors).flat(), a.flat() * factors[:, None])


def test_dot_and_norm_are_row_wise_and_over_all_scales(a, b):
    torch.testing.assert_close(a.dot(b), (a.flat() * b.flat()).sum(1))
    torch.testing.assert_close(a.norm(), a.flat().norm(dim=1))
    torch.testing.assert_close(a.dot(a).sqrt(), a.norm())


def test_the_norm_of_ones_is_the_root_of_their_number():
    ones = Latent((torch.ones(2, 3, 4, 4), torch.ones(2, 1, 4, 4)))
    assert ones.norm().tolist() == [8.0, 8.0]
    assert math.prod(ones.maps[0].shape[1:]) + 16 == 64


def test_lerp_takes_a_number_or_one_per_row(a, b):
    torch.testing.assert_close(a.lerp(b, 0.25).flat(), 0.75 * a.flat() + 0.25 * b.flat())
    weights = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    mixed = a.lerp(b, weights)
    assert equal(mixed[:1], a[:1])
    assert equal(mixed[2:], b[2:])
    torch.testing.assert_close(mixed.flat()[1], (a.flat()[1] + b.flat()[1]) / 2)


def test_where_chooses_rows_and_lets_nothing_of_the_other_through(a, b):
    b.maps[1][0] = float("nan")
    mask = torch.tensor([True, False, True])
    chosen = a.where(mask, b)
    assert equal(chosen[0:1], a[0:1])
    assert equal(chosen[1:2], b[1:2])
    assert chosen.isfinite().all()


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("scale", [0, 2])
def test_one_bad_entry_makes_its_row_not_finite_and_only_its_row(a, poison, scale):
    a.maps[scale][1].view(-1)[-1] = poison
    assert a.isfinite().tolist() == [True, False, True]


def test_infinities_of_both_signs_do_not_cancel(a):
    a.maps[0][2, 0, 0, :2] = torch.tensor([float("inf"), float("-inf")])
    assert a.isfinite().tolist() == [True, True, False]


def test_rows_are_selected(a):
    picked = a[torch.tensor([2, 0])]
    assert torch.equal(picked.flat(), a.flat()[[2, 0]])


def test_a_slice_is_a_view_and_an_index_a_copy(a):
    a[1:2].maps[0].fill_(7)
    assert (a.maps[0][1] == 7).all()
    a[torch.tensor([0])].maps[0].fill_(7)
    assert not (a.maps[0][0] == 7).any()


def test_zeros_take_dtype_and_device_of_their_example():
    z = Latent.zeros(SHAPES, 2, torch.empty((), dtype=torch.float64))
    assert z.shapes == SHAPES
    assert z.rows == 2
    assert {m.dtype for m in z.maps} == {torch.float64}
    assert not z.flat().any()


def test_a_latent_is_a_pytree_of_its_maps(a):
    leaves, layout = pytree.tree_flatten(a)
    assert [tuple(m.shape[1:]) for m in leaves] == list(SHAPES)
    assert equal(pytree.tree_unflatten(leaves, layout), a)
    assert equal(pytree.tree_map(torch.neg, a), a * -1.0)


def test_latents_of_different_numbers_of_scales_do_not_mix(a):
    with pytest.raises(ValueError, match="zip"):
        _ = a + noise(3, 1, SHAPES[:2])


def test_detach_clone_and_to_go_over_all_maps(a):
    tracked = a.map(lambda m: m.requires_grad_())
    assert not any(m.requires_grad for m in tracked.detach().maps)
    copy = a.detach().clone()
    copy.maps[0].zero_()
    assert a.maps[0].any()
    assert {m.dtype for m in a.to(torch.float32).maps} == {torch.float32}


def test_per_row_broadcasts_over_everything_behind_the_row_axis():
    assert per_row(torch.arange(3), torch.zeros(3, 2, 4, 4)).shape == (3, 1, 1, 1)
    assert per_row(torch.arange(3), torch.zeros(3)).shape == (3,)
