"""The head's loss and what becomes of its outputs, against answers worked out by hand."""

import math

import numpy as np
import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_task
from streamdeq.tasks.dense import resize
from streamdeq.tasks.segmentation.head import SegmentationHead
from streamdeq.tasks.segmentation.loss import Ohem
from streamdeq.tasks.segmentation.task import plain_label_map
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status

STATUS = Status(0, 0.0, 1, 1, 0.5, Start.COLD)
LN2 = math.log(2)


def constant_head(*logits: float) -> SegmentationHead:
    """Says the same everywhere, whatever it is given."""
    head = SegmentationHead((4, 4), len(logits)).eval()
    with torch.no_grad():
        head.last_layer[3].weight.zero_()
        head.last_layer[3].bias.copy_(torch.tensor(logits))
    return head


def passing_head(classes: int) -> SegmentationHead:
    """Its logits are the (positive) latent itself."""
    head = SegmentationHead((classes,), classes).eval()
    with torch.no_grad():
        for conv in (head.last_layer[0], head.last_layer[3]):
            conv.weight.copy_(torch.eye(classes)[..., None, None])
            conv.bias.zero_()
        norm = head.last_layer[1]
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())
    return head


def latent(rows: int = 1) -> Latent:
    generator = torch.Generator().manual_seed(0)
    return Latent((torch.randn(rows, 4, 8, 8, generator=generator), torch.randn(rows, 4, 4, 4, generator=generator)))


# Two classes with probabilities 1/4 and 3/4 everywhere: a pixel of class 0 costs ln 4, one of class 1 ln 4/3.
QUARTER = (0.0, math.log(3))
COSTS = {0: math.log(4), 1: math.log(4 / 3)}


def loss(labels: list[list[int]], **options) -> float:
    return constant_head(*QUARTER).losses(latent(), torch.tensor([labels]), **options)["cross_entropy"].item()


def test_the_loss_is_the_mean_cross_entropy_of_the_pixels() -> None:
    assert loss([[0, 1], [1, 1]]) == pytest.approx((COSTS[0] + 3 * COSTS[1]) / 4)


def test_ignored_pixels_count_neither_above_nor_below_the_line() -> None:
    assert loss([[0, 255], [255, 255]]) == pytest.approx(COSTS[0])
    assert loss([[0, 1], [7, 7]], ignore_index=7) == pytest.approx((COSTS[0] + COSTS[1]) / 2)


def test_class_weights_weigh_pixels_and_the_mean() -> None:
    weighted = loss([[0, 1], [1, 255]], class_weights=torch.tensor([3.0, 0.5]))
    assert weighted == pytest.approx((3 * COSTS[0] + 2 * 0.5 * COSTS[1]) / (3 + 2 * 0.5))


def test_labels_may_be_bytes() -> None:
    labels = torch.tensor([[[0, 1], [1, 255]]])
    head = constant_head(*QUARTER)
    assert head.losses(latent(), labels.byte()) == head.losses(latent(), labels)


def pixels(*probabilities: float) -> torch.Tensor:
    """Logits (1, 2, 1, n) that give class 0 these probabilities."""
    p = torch.tensor(probabilities)
    return torch.stack((p.log(), (1 - p).log()))[None, :, None]


def hard(*probabilities: float, labels: list[int] | None = None, **settings) -> float:
    labels = labels or [0] * len(probabilities)
    weights = settings.pop("weights", None)
    return Ohem(**settings)(pixels(*probabilities), torch.tensor([[labels]]), 255, weights).item()


def surprise(*probabilities: float) -> float:
    return -sum(math.log(p) for p in probabilities) / len(probabilities)


def test_hard_pixels_are_those_below_the_threshold() -> None:
    assert hard(0.2, 0.95, 0.6, 0.7, threshold=0.7, kept=1) == pytest.approx(surprise(0.2, 0.6))
    assert hard(0.2, 0.95, 0.6, labels=[0, 0, 1], threshold=0.5, kept=1) == pytest.approx(surprise(0.2, 0.4))


def test_of_hard_pixels_there_are_never_fewer_than_kept_as_far_as_there_are() -> None:
    assert hard(0.9, 0.8, 0.6, 0.7, threshold=0.1, kept=2) == pytest.approx(surprise(0.6, 0.7))
    # As published the threshold lies at the last pixel when there are too few, and is exclusive.
    assert hard(0.9, 0.8, 0.6, threshold=0.1, kept=9) == pytest.approx(surprise(0.8, 0.6))


def test_hard_pixels_are_weighted_by_class_and_averaged_by_number() -> None:
    got = hard(0.2, 0.4, 0.9, labels=[0, 1, 0], weights=torch.tensor([3.0, 0.5]), threshold=0.7, kept=1)
    assert got == pytest.approx((3 * surprise(0.2) + 0.5 * surprise(0.6)) / 2)


def test_ignored_pixels_are_not_hard_and_what_is_not_a_number_is() -> None:
    assert hard(0.2, 0.1, labels=[0, 255], threshold=0.7, kept=1) == pytest.approx(surprise(0.2))
    assert hard(0.2, 0.1, labels=[255, 255]) == 0.0
    assert math.isnan(hard(0.2, math.nan, 0.9, threshold=0.7, kept=1))


def test_the_head_takes_its_loss_from_the_hard_pixels_when_told_to() -> None:
    # Class 0 has probability 1/4, class 1 has 3/4: with a threshold between them only the former is hard.
    assert loss([[0, 1], [1, 1]], ohem=Ohem(0.5, kept=1)) == pytest.approx(COSTS[0])


@pytest.mark.parametrize(("settings", "message"), [({"threshold": 0.0}, "ohem.threshold"), ({"kept": 0}, "ohem.kept")])
def test_hard_pixels_that_cannot_be_chosen_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(StreamdeqError, match=message):
        Ohem(**settings)


@pytest.mark.parametrize("weights", [None, torch.tensor([3.0, 0.5])])
def test_a_crop_without_labels_costs_nothing_and_pulls_at_nothing(weights: torch.Tensor | None) -> None:
    torch.manual_seed(0)
    head = SegmentationHead((4, 4), 2).train()
    z = latent(2).map(lambda m: m.requires_grad_())
    cost = head.losses(z, torch.full((2, 32, 32), 255), class_weights=weights)["cross_entropy"]
    assert cost.item() == 0.0
    cost.backward()
    for tensor in (*z.maps, *head.parameters()):
        assert tensor.grad is not None
        assert not tensor.grad.any()  # exactly zero, and no NaN


def test_one_empty_crop_in_a_batch_leaves_the_loss_of_the_other() -> None:
    both = torch.tensor([[[0, 1]], [[255, 255]]])
    head = constant_head(*QUARTER)
    assert head.losses(latent(2), both)["cross_entropy"].item() == pytest.approx((COSTS[0] + COSTS[1]) / 2)


def test_logits_reach_label_size_bilinearly_with_corners_aligned() -> None:
    corners = torch.tensor([[[1.0, 3.0], [5.0, 7.0]], [[4.0, 4.0], [4.0, 4.0]]])[None]
    head = passing_head(2)
    torch.testing.assert_close(head(Latent((corners,))), corners)

    def cost_at(row: int, column: int) -> float:
        labels = torch.full((1, 3, 3), 255)
        labels[0, row, column] = 0
        return head.losses(Latent((corners,)), labels)["cross_entropy"].item()

    def cross_entropy(right: float, wrong: float) -> float:
        return math.log(1 + math.exp(wrong - right))

    assert cost_at(0, 0) == pytest.approx(cross_entropy(1, 4), rel=1e-5)
    assert cost_at(2, 2) == pytest.approx(cross_entropy(7, 4), rel=1e-5)
    assert cost_at(1, 1) == pytest.approx(LN2, rel=1e-5)  # the mean of the corners is 4 in both
    assert cost_at(0, 1) == pytest.approx(cross_entropy(2, 4), rel=1e-5)


# -- decode ----------------------------------------------------------------------------------------------------


def decode(logits: torch.Tensor, geometry: Geometry) -> np.ndarray:
    names = tuple(f"class {k}" for k in range(logits.shape[1]))
    palette = tuple((k, k, k) for k in range(len(names)))
    spec = ModelSpec("t", "segmentation", Architecture((4, 4), 2), names, palette, 32)
    task = build_task(spec)
    result = task.decode(logits, geometry, STATUS, task.build_head())
    assert result.status is STATUS
    assert result.classes == names
    assert result.labels.dtype == np.uint8
    return result.labels


def plain(h: int, w: int) -> Geometry:
    """A frame that is its own canvas."""
    return Geometry((h, w), (h, w), (h, w))


def test_a_corner_of_the_logits_is_a_corner_of_the_frame() -> None:
    labels = decode(torch.eye(4).reshape(1, 4, 2, 2), plain(4, 6))
    assert labels.tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [2, 2, 2, 3, 3, 3], [2, 2, 2, 3, 3, 3]]


def test_an_edge_lies_where_the_scale_puts_it_on_a_padded_canvas() -> None:
    # 96x160 scaled to 24x40, padded to 32x48, logits at a quarter of that: 8x12.
    geometry = Geometry.fit((96, 160), 24, 16)
    assert (geometry.content_hw, geometry.canvas_hw) == ((24, 40), (32, 48))
    logits = torch.zeros(1, 2, 8, 12)
    logits[:, 0, :, :5] = logits[:, 1, :, 5:] = 1.0
    labels = decode(logits, geometry)
    assert labels.shape == (96, 160)
    # Corners aligned, column 4.5 of 0…11 is canvas pixel 4.5·47/11 = 19.2 and frame pixel 19.2·159/39 = 78.4.
    assert (labels == (np.arange(160) >= 79)).all()
    # The same in the rows: row 2.5 of 0…7 is canvas pixel 2.5·31/7 = 11.1 and frame pixel 11.1·95/23 = 45.7.
    rows = torch.zeros(1, 2, 8, 12)
    rows[:, 0, :3] = rows[:, 1, 3:] = 1.0
    assert (decode(rows, geometry) == (np.arange(96) >= 46)[:, None]).all()


def test_what_the_padding_says_is_nowhere_in_the_frame() -> None:
    geometry = Geometry.fit((96, 160), 24, 16)
    logits = torch.zeros(1, 2, 8, 12)
    logits[:, 1] = 1.0
    logits[:, 0, :7, :11] = 2.0  # everything that touches the 24x40 pixels of content
    assert not decode(logits, geometry).any()


def test_a_frame_is_its_own_padded_corner_without_scaling() -> None:
    geometry = Geometry.fit((30, 45), None, 16)
    assert geometry.canvas_hw == (32, 48)
    # Logits that grow with the canvas column, against a constant at the middle of canvas column 20.
    ramp = torch.linspace(0, 47, 12).expand(1, 1, 8, 12)
    labels = decode(torch.cat([torch.full_like(ramp, 20.5), ramp], dim=1), geometry)
    assert labels.shape == (30, 45)
    assert (labels == (np.arange(45) > 20)).all()


@pytest.mark.parametrize("hw", [(1, 1), (1, 9), (2, 3), (7, 50)])
def test_frames_of_any_size_get_labels_of_their_size(hw: tuple[int, int]) -> None:
    geometry = Geometry.fit(hw, 16, 8)
    h, w = geometry.canvas_hw
    labels = decode(torch.randn(1, 3, h // 4, w // 4), geometry)
    assert labels.shape == hw


def test_half_precision_outputs_are_decoded_in_full() -> None:
    # Halfway between the two columns class 0 leads by a quarter: too little for bfloat16 near 100, enough for float32.
    logits = torch.tensor([[100.0, 101.0], [100.5, 100.0]]).reshape(1, 2, 1, 2)
    labels = decode(logits.bfloat16(), plain(1, 3))
    assert labels.tolist() == [[1, 0, 0]]


def test_of_equal_scores_the_first_class_wins() -> None:
    assert not decode(torch.zeros(1, 5, 2, 2), plain(8, 8)).any()
    scores = torch.tensor([0.0, 2.0, 1.0, 2.0]).reshape(1, 4, 1, 1)
    assert decode(scores, plain(3, 3)).tolist() == [[1] * 3] * 3


def test_the_outputs_are_left_as_they_are() -> None:
    outputs = torch.randn(1, 3, 4, 4)
    before = outputs.clone()
    decode(outputs, plain(40, 40))
    assert torch.equal(outputs, before)


@pytest.mark.parametrize("frame_hw", [(480, 640), (101, 333), (60, 900), (20, 30), (7, 5), (192, 256)])
def test_labels_without_scores_for_every_pixel_are_those_of_the_plain_way(frame_hw: tuple[int, int]) -> None:
    geometry = Geometry.fit(frame_hw, 96, 32)
    h, w = (side // 4 for side in geometry.canvas_hw)
    generator = torch.Generator().manual_seed(sum(frame_hw))
    coarse = torch.randn(1, 11, 4, 5, generator=generator)
    for logits in (torch.randn(1, 11, h, w, generator=generator), resize(coarse, (h, w))):
        slow = plain_label_map(logits, geometry).numpy()
        quick = decode(logits.to(memory_format=torch.channels_last), geometry)
        assert np.count_nonzero(quick != slow) <= 2e-5 * slow.size  # two classes equal up to rounding


def test_equal_scores_that_are_whole_numbers_are_decided_as_by_the_plain_way() -> None:
    # Corners and weights are fractions that float32 holds: nothing is rounded, and whatever ties, ties exactly.
    generator = torch.Generator().manual_seed(0)
    for classes in (1, 2, 5, 255):
        logits = torch.randint(-2, 3, (1, classes, 9, 9), generator=generator).float()
        geometry = plain(33, 65)
        assert np.array_equal(decode(logits, geometry), plain_label_map(logits, geometry).numpy())


def test_scores_that_are_not_finite_give_labels_too() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        logits = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(0))
        logits[0, 1:3, 2:4, 2:4] = bad
        assert decode(logits, plain(24, 24)).max() < 4


def spec_of(**head) -> ModelSpec:
    return ModelSpec("m", "segmentation", Architecture((8, 16), groups=4), ("a", "b"), ((0, 0, 0),) * 2, 32, head=head)


def test_the_head_is_as_wide_as_published_unless_its_description_says_otherwise():
    published, narrow = (build_task(spec_of(**head)).build_head() for head in ({}, {"features": 5}))
    assert published.last_layer[0].weight.shape == (24, 24, 1, 1)
    assert narrow.last_layer[0].weight.shape == (5, 24, 1, 1)
    z = Latent((torch.randn(2, 8, 6, 8), torch.randn(2, 16, 3, 4)))
    assert narrow.eval()(z).shape == published.eval()(z).shape == (2, 2, 6, 8)
    before = narrow(z)
    narrow.fold()
    torch.testing.assert_close(narrow(z), before)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"features": 0}, "head.features must be none or 1 to"),
        ({"width": 8}, "unknown setting of the head .width. .choices: features."),
    ],
)
def test_a_head_that_cannot_be_built_is_one_sentence(head, message):
    with pytest.raises(StreamdeqError, match=message):
        build_task(spec_of(**head)).build_head()
