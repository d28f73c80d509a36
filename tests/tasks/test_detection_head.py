"""The detection head: anchors and pooling as published, rows apart from one another, targets at the edge of sense."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import PRESETS, Architecture
from streamdeq.tasks.detection.head import DetectionHead, Found, Maps, Target, as_torchvision
from streamdeq.tasks.detection.regions import AlignedPooling, Anchors, box_loss
from streamdeq.tasks.detection.settings import DetectorSettings

ARCH = Architecture((8, 16, 16), groups=4, expansion=1)
SMALL = DetectorSettings(
    channels=16, hidden=32, anchor_scales=(4.0,), finest=16.0, candidates=60, train_candidates=80, proposals=40,
    train_proposals=40, anchor_samples=32, region_samples=16, least_score=0.0, detections=20,
)  # fmt: skip
CANVAS = (64, 96)


def head(seed: int = 0, classes: int = 3, settings: DetectorSettings = SMALL) -> DetectionHead:
    """Random weights, larger than those of a beginning: boxes and scores that differ."""
    torch.manual_seed(seed)
    made = DetectionHead(ARCH.channels, classes, settings)
    for parameter in made.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.5 / math.sqrt(parameter[0].numel()))
    return made


def latent(rows: int, seed: int = 0, canvas: tuple[int, int] = CANVAS, dtype: torch.dtype = torch.float32) -> Latent:
    generator = torch.Generator().manual_seed(seed)
    return Latent(tuple(torch.randn(rows, *s, generator=generator, dtype=dtype) for s in ARCH.shapes(canvas)))


def target(*rows: tuple[float, float, float, float, int], content_hw: tuple[int, int] = CANVAS) -> Target:
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
    return Target(table[:, :4], table[:, 4].long(), content_hw)


def row(maps: Maps, n: int) -> Maps:
    return Maps(*([level[n : n + 1] for level in levels] for levels in maps))


def test_the_losses_on_boxes_are_l1_as_published_or_torchvisions_smooth_one():
    truth = [target((8, 8, 40, 40, 1), (30, 10, 90, 60, 2))]

    def losses(settings: DetectorSettings) -> dict[str, Tensor]:
        made = head(settings=settings)
        torch.manual_seed(3)
        return made.losses(latent(1), truth)

    ours, plain = losses(replace(SMALL, box_beta=1 / 9)), losses(SMALL)
    made = head()
    torch.manual_seed(3)
    pyramid = made._pyramid(latent(1))
    proposals, _ = made.rpn(ImageList(latent(1).maps[0], [CANVAS]), pyramid, as_torchvision(truth))
    _, theirs = RoIHeads.forward(made.roi_heads, pyramid, proposals, [CANVAS], as_torchvision(truth))
    torch.testing.assert_close(ours["boxes"], theirs["loss_box_reg"])
    torch.testing.assert_close(ours["classes"], theirs["loss_classifier"])
    deltas, goal = torch.tensor([[0.0, 1.0, 0.05, -3.0]]), torch.zeros(1, 4)
    assert box_loss(deltas, goal, 2, 0.0).item() == pytest.approx((1 + 0.05 + 3) / 2)
    assert box_loss(deltas, goal, 2, 1 / 9).item() == pytest.approx((1 + 3 - 1 / 9 + 0.05**2 * 4.5) / 2)
    assert plain["boxes"] > ours["boxes"]
    assert plain["classes"] == ours["classes"]


# -- parts -----------------------------------------------------------------------------------------------------


def test_anchors_are_centred_on_their_cells_and_not_rounded():
    anchors = Anchors((4, 8), (8.0,), (0.5, 1.0, 2.0))
    [boxes] = anchors(Pictures(1), [torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 1, 2)])
    assert boxes.shape == ((6 + 2) * 3, 4)
    wide, square, tall = boxes[:3]
    assert square.tolist() == [-16, -16, 16, 16]
    torch.testing.assert_close(wide, torch.tensor([-22.6274, -11.3137, 22.6274, 11.3137]))
    torch.testing.assert_close(tall, wide[[1, 0, 3, 2]])
    assert boxes[4].tolist() == [-12, -16, 20, 16]  # one cell to the right
    assert boxes[-2].tolist() == [-24, -32, 40, 32]  # the last cell of stride 8


def test_a_levels_stride_is_its_own_however_its_size_was_rounded():
    # 224 / 64 is 3.5 cells, of which there are 4: 56 apart they would be if the picture were divided by them.
    [boxes] = Anchors((64,), (1.0,), (1.0,))(Pictures(1), [torch.zeros(1, 1, 4, 4)])
    assert boxes[1].tolist() == [32, -32, 96, 32]


class Pictures:
    """As many pictures as are asked for; their sizes do not matter."""

    def __init__(self, count: int) -> None:
        self.image_sizes = [(64, 64)] * count


def test_features_are_read_where_a_box_is_half_a_cell_included():
    # Cell (y, x) of the map has its centre at canvas pixel 4·(x + ½): a ramp that says where it is read.
    x = (torch.arange(24.0) + 0.5) * 4
    ramp = torch.stack([x.expand(16, 24), ((torch.arange(16.0) + 0.5) * 4)[:, None].expand(16, 24)])[None]
    read = AlignedPooling((4,), 56.0)({"0": ramp}, [torch.tensor([[20.0, 8.0, 48.0, 50.0]])], None)
    assert read.shape == (1, 2, 7, 7)
    torch.testing.assert_close(read[0, 0, 0], torch.arange(22.0, 48.0, 4.0))  # 7 parts of 4 pixels from 20 on
    torch.testing.assert_close(read[0, 1, :, 0], torch.arange(11.0, 50.0, 6.0))


def test_small_regions_are_read_from_high_resolution_and_large_ones_from_low():
    levels = {str(k): torch.full((1, 1, 64 // 2**k, 64 // 2**k), float(k)) for k in range(3)}
    sides = [8.0, 111.0, 113.0, 223.0, 225.0, 256.0]
    boxes = torch.tensor([[0, 0, side, side] for side in sides])
    read = AlignedPooling((4, 8, 16), 56.0)(levels, [boxes], None)
    assert read[:, 0, 3, 3].tolist() == [0, 0, 1, 1, 2, 2]


def test_the_published_head_has_the_published_sizes():
    with torch.device("meta"):
        made = DetectionHead(PRESETS["xl"].channels, 30, DetectorSettings())
    shapes = {name: tuple(value.shape) for name, value in made.state_dict().items()}
    assert shapes["fpn.inner_blocks.3.0.weight"] == (256, 704, 1, 1)
    assert shapes["rpn.head.cls_logits.weight"] == (3, 256, 1, 1)
    assert shapes["roi_heads.box_head.fc6.weight"] == (1024, 12544)
    assert shapes["roi_heads.box_predictor.bbox_pred.weight"] == (124, 1024)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"channel": 8}, "unknown setting of the detection head 'channel'; did you mean 'channels'"),
        ({"anchor_scales": []}, r"head\.anchor_scales must be numbers above 0"),
        ({"hidden": 0}, r"head\.hidden must be at least 1; got 0"),
        ({"overlap": 2.0}, r"head\.overlap must be in \[0, 1\]; got 2\.0"),
        ({"finest": 0.0}, r"head\.finest must be more than 0"),
    ],
)
def test_settings_that_make_no_head_are_refused(given, message):
    with pytest.raises(StreamdeqError, match=message):
        DetectorSettings.read(given)


# -- rows ------------------------------------------------------------------------------------------------------


def assert_equal(one: Found, other: Found) -> int:
    """Equal to rounding; returns how many detections tie with another in their score."""
    assert len(one.boxes) == len(other.boxes)
    torch.testing.assert_close(one.scores, other.scores, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(one.boxes, other.boxes, rtol=1e-10, atol=1e-8)
    assert torch.equal(one.labels, other.labels)
    return len(one.scores) - len(one.scores.unique())


def test_rows_in_a_batch_are_found_as_they_are_alone_and_no_scores_tie():
    made, z = head().double().eval(), latent(4, dtype=torch.float64)
    together = made(z)
    ties = 0
    for n in range(4):
        alone = made.detect(made(z[n : n + 1]), CANVAS)
        ties += assert_equal(made.detect(row(together, n), CANVAS), alone)
        assert len(alone.boxes) == 20
    assert ties == 0


def test_objects_lie_within_the_picture_and_the_best_come_first():
    found = head().eval().detect(head().eval()(latent(1)), (50, 70))
    assert found.boxes.min() >= 0
    assert found.boxes[:, 2].max() <= 70
    assert found.boxes[:, 3].max() <= 50
    assert (found.scores.diff() <= 0).all()
    assert set(found.labels.tolist()) <= {0, 1, 2}


def test_boxes_of_a_head_in_bfloat16_are_float32():
    half = head().eval().bfloat16()
    found = half.detect(half(latent(1).to(torch.bfloat16)), CANVAS)
    assert (found.boxes.dtype, found.scores.dtype) == (torch.float32, torch.float32)
    # Proposals that bfloat16 had rounded would lie on whole pixels above 128 and on halves below.
    assert (found.boxes % 0.25 != 0).any()


def test_nothing_above_the_least_score_is_an_empty_answer():
    strict = head(settings=DetectorSettings(channels=16, hidden=32, least_score=1.0)).eval()
    found = strict.detect(strict(latent(1)), CANVAS)
    assert (tuple(found.boxes.shape), len(found.scores), found.labels.dtype) == ((0, 4), 0, torch.int64)


# -- losses ----------------------------------------------------------------------------------------------------


def losses(*targets: Target, made: DetectionHead | None = None) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return (made or head()).train().losses(latent(len(targets)), targets)


def test_losses_are_four_finite_numbers_with_gradients_for_all_of_the_head():
    made = head()
    found = losses(target((10, 10, 40, 60, 1)), target((0, 0, 96, 64, 0), (50, 20, 70, 44, 2)), made=made)
    assert list(found) == ["objectness", "proposals", "classes", "boxes"]
    assert all(0 < value.item() < math.inf for value in found.values())
    torch.stack(list(found.values())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in made.parameters())


def test_pictures_without_objects_teach_what_is_none():
    found = losses(target(), target())
    assert found["objectness"] > 0
    assert (found["proposals"].item(), found["boxes"].item()) == (0, 0)


def test_a_box_without_area_teaches_nothing():
    flat = (20.0, 10.0, 20.0, 60.0, 1)
    with_flat, without = losses(target((10, 10, 40, 60, 1), flat)), losses(target((10, 10, 40, 60, 1)))
    assert {k: v.item() for k, v in with_flat.items()} == {k: v.item() for k, v in without.items()}
    assert all(value.isfinite() for value in losses(target(flat)).values())


def test_one_picture_is_learned_by_heart():
    torch.manual_seed(0)
    made, z = DetectionHead(ARCH.channels, 3, SMALL), latent(1)
    here = target((8, 8, 30, 50, 2), (50, 20, 90, 60, 0))
    optimizer = torch.optim.Adam(made.parameters(), lr=3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        torch.stack(list(made.train().losses(z, [here]).values())).sum().backward()
        optimizer.step()
    made.eval()
    found = made.detect(made(z), CANVAS)
    for box, label in zip(here.boxes, here.labels, strict=True):
        best = (found.boxes - box).abs().amax(dim=1).argmin()
        assert (found.boxes[best] - box).abs().max() < 6
        assert (found.labels[best], found.scores[best] > 0.5) == (label, True)
