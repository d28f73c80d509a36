"""Augmentation: where pixels go, that image and labels go together, and that the draws are all there is to it."""

import numpy as np
import pytest
import torch

from streamdeq.data.augment.colour import Jitter, turn_hue
from streamdeq.data.augment.pictures import IMAGENET_MEAN_RGB, AreaCrop, Augmentation, together
from streamdeq.values.geometry import Geometry

STILL = Jitter(0.0, 0.0, 0.0, 0.0)


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def chequers(height: int, width: int, cell: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose colour tells the class of each pixel, up to blending at the borders of cells."""
    rows, columns = np.indices((height, width)) // cell
    target = ((rows * 5 + columns * 3) % 11).astype(np.uint8)
    image = np.repeat((target * 20)[..., None], 3, axis=2)
    return image, target


def test_at_scale_one_a_picture_of_the_working_size_passes_unchanged() -> None:
    image, target = chequers(96, 128)
    out, labels = Augmentation((96, 128), 96, (1.0, 1.0), 0.0, STILL)(image, target, rng(0))
    assert out.shape == (3, 96, 128)
    assert out.dtype == labels.dtype == torch.uint8
    np.testing.assert_array_equal(out.permute(1, 2, 0).numpy(), image)
    np.testing.assert_array_equal(labels.numpy(), target)


def test_a_certain_flip_mirrors_both() -> None:
    image, target = chequers(96, 128)
    out, labels = Augmentation((96, 128), 96, (1.0, 1.0), 1.0, STILL)(image, target, rng(0))
    np.testing.assert_array_equal(out.permute(1, 2, 0).numpy(), image[:, ::-1])
    np.testing.assert_array_equal(labels.numpy(), target[:, ::-1])


@pytest.mark.parametrize("seed", range(8))
def test_image_and_labels_go_to_the_same_place(seed: int) -> None:
    image, target = chequers(180, 240)
    out, labels = Augmentation((96, 128), 96, (0.6, 2.5), 0.5, STILL)(image, target, rng(seed))
    shown = labels != 255
    # Cells keep their interior: where a 5x5 neighbourhood has one class, the picture has exactly its colour.
    inner = torch.nn.functional.unfold(labels[None, None].float(), 5, padding=2)[0]
    same = (inner == inner[12]).all(dim=0).view(96, 128) & shown
    assert same.sum() > 0.2 * shown.sum()
    assert (out[0][same].int() - labels[same].int() * 20).abs().max() <= 1


def test_the_rest_of_a_small_picture_is_mean_and_ignored() -> None:
    image, target = chequers(96, 128)
    out, labels = Augmentation((96, 128), 96, (0.5, 0.5), 0.0, STILL)(image, target, rng(0))
    assert (labels[:48, :64] != 255).all()
    assert (labels[48:] == 255).all()
    assert (labels[:, 64:] == 255).all()
    assert out[:, 95, 127].tolist() == list(IMAGENET_MEAN_RGB)


def test_scale_two_shows_half_of_the_picture() -> None:
    rows, columns = np.indices((96, 128))
    image = np.stack((rows, columns, rows), axis=2).astype(np.uint8)
    target = np.zeros((96, 128), np.uint8)
    out, _ = Augmentation((96, 128), 96, (2.0, 2.0), 0.0, STILL)(image, target, rng(3))
    spans = out[:2].flatten(1).int()
    spans = (spans.max(dim=1).values - spans.min(dim=1).values).tolist()
    assert spans == [47, 63]


def test_steps_of_scale_are_drawn_equally_often_and_nothing_between_them() -> None:
    augmentation = Augmentation((96, 128), 96, (0.5, 2.1), 0.0, STILL, scale_step=0.1)
    scales = np.array([augmentation._scale(rng(seed)) for seed in range(1700)])
    values, counts = np.unique(scales.round(9), return_counts=True)
    np.testing.assert_allclose(values, np.linspace(0.5, 2.1, 17))
    assert counts.min() > 60  # 100 expected, standard deviation 10


def test_a_crop_by_area_is_a_stretched_window_of_that_area() -> None:
    rows, columns = np.indices((100, 120))
    image = np.stack((rows, columns, rows), axis=2).astype(np.uint8)
    crop = AreaCrop((64, 64), (0.2, 0.5), flip=0.5, jitter=STILL)
    flipped, shares, aspects = 0, [], []
    for seed in range(200):
        out, labels = crop(image, rows.astype(np.uint8), rng(seed))
        assert (out.shape, labels.shape) == ((3, 64, 64), (64, 64))
        down, right = (out[0, -1, 32] - out[0, 0, 32].int()).item() + 1, (out[1, 32, -1] - out[1, 32, 0].int()).item()
        flipped += right < 0
        shares.append(down * (abs(right) + 1) / 12_000)
        aspects.append((abs(right) + 1) / down)
        assert (labels[:, 0].int() - out[0, :, 0].int()).abs().max() <= 1
    assert 70 < flipped < 130
    assert 0.17 < min(shares) < 0.25 < 0.45 < max(shares) < 0.53
    assert 0.7 < min(aspects) < 0.85 < 1.2 < max(aspects) < 1.42


def test_a_crop_by_area_that_does_not_fit_is_the_square_in_the_middle() -> None:
    image, target = chequers(24, 240)
    out, _ = AreaCrop((24, 24), (0.9, 1.0), flip=0.0, jitter=STILL)(image, target, rng(0))
    np.testing.assert_array_equal(out.permute(1, 2, 0).numpy(), image[:, 108:132])


def test_the_same_draws_give_the_same_sample_and_others_another() -> None:
    image, target = chequers(180, 240)
    augmentation = Augmentation((96, 128), 96)
    first, again, other = (augmentation(image, target, rng(7, step)) for step in (1, 1, 2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_the_source_is_left_alone_even_when_it_may_not_be_written() -> None:
    image, target = chequers(96, 128)
    image.flags.writeable = target.flags.writeable = False
    before = image.copy()
    Augmentation((96, 128), 96, (1.0, 1.0), 0.0)(image, target, rng(0))
    np.testing.assert_array_equal(image, before)


def test_jitter_changes_colours_within_its_range() -> None:
    grey = torch.full((3, 8, 8), 100, dtype=torch.uint8)
    lights = {int(Jitter(0.3, 0.0, 0.0, 0.0)(grey, rng(seed))[0, 0, 0]) for seed in range(50)}
    assert min(lights) >= 70
    assert max(lights) <= 130
    assert len(lights) > 20
    assert torch.equal(STILL(grey, rng(0)), grey)


def test_without_a_crop_a_sample_is_the_whole_picture_upright_or_wide_and_a_batch_as_large_as_its_largest() -> None:
    augmentation = Augmentation(None, 60, (1.0, 1.0), 0.0, STILL, longest=100, stride=32)
    wide, tall = (
        augmentation.picture(image, augmentation.view(image.shape[:2], rng(0)), rng(0))
        for image in (np.full((72, 128, 3), 9, np.uint8), np.full((90, 60, 3), 7, np.uint8))
    )
    assert (wide.shape, tall.shape) == ((3, 64, 128), (3, 96, 64))  # 56 x 100 and 90 x 60, rounded up
    assert wide[:, :56, :100].eq(9).all()
    assert wide[:, 56:].flatten(1).T.unique(dim=0).tolist() == [[124, 116, 104]]
    both = together([wide, tall])
    assert both.shape == (2, 3, 96, 128)
    assert torch.equal(both[1, :, :, :64], tall)
    assert both[0, :, 64:].flatten(1).T.unique(dim=0).tolist() == [[124, 116, 104]]


def test_a_third_of_a_turn_swaps_the_channels_and_grey_has_no_hue() -> None:
    image = torch.tensor([200, 40, 90], dtype=torch.uint8)[:, None, None].expand(3, 4, 4)
    assert turn_hue(image, 1 / 3)[:, 0, 0].tolist() == [90, 200, 40]
    assert torch.equal(turn_hue(image, 0.0), image)
    grey = torch.full((3, 4, 4), 77, dtype=torch.uint8)
    assert torch.equal(turn_hue(grey, 0.13), grey)


def test_a_picture_that_would_be_too_long_becomes_shorter_as_at_inference():
    for frame_hw in ((90, 300), (300, 90), (96, 128)):
        view = Augmentation((160, 160), 96, longest=160).unchanged().view(frame_hw, rng(0))
        assert view.size_hw == Geometry.fit(frame_hw, 96, 32, longest=160).content_hw
    half = Augmentation((160, 160), 96, (0.5, 0.5), 0.0, STILL, longest=160).view((90, 300), rng(0))
    assert half.size_hw == (24, 80)
