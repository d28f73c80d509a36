"""A detector in mmdet 2.10's layout is read, and answers as a straightforward reading of that code would."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import batched_nms, roi_align

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import load_tensors
from streamdeq.models.convert import convert_checkpoint
from streamdeq.models.mdeq import MDEQ
from streamdeq.tasks import build_network

ARCH = Architecture((8, 16, 16, 32), groups=8, expansion=2, post_affine=False)
WIDTH, HIDDEN, CLASSES = 16, 24, 5
CANVAS = (128, 192)


def mmdet_file(path: Path) -> dict[str, Tensor]:
    """`{"meta", "state_dict"}` with random weights, large enough for boxes and classes that differ."""
    torch.manual_seed(0)
    state = {f"backbone.{name}": value for name, value in MDEQ(ARCH).state_dict().items()}

    def layer(name: str, outputs: int, inputs: int, *kernel: int, spread: float = 1.0) -> None:
        weight = torch.randn(outputs, inputs, *kernel)
        state[f"{name}.weight"] = spread * weight / math.sqrt(weight[0].numel())
        state[f"{name}.bias"] = 0.1 * torch.randn(outputs)

    for level, channels in enumerate(ARCH.channels):
        layer(f"neck.lateral_convs.{level}.conv", WIDTH, channels, 1, 1)
        layer(f"neck.fpn_convs.{level}.conv", WIDTH, WIDTH, 3, 3)
    layer("rpn_head.rpn_conv", WIDTH, WIDTH, 3, 3)
    layer("rpn_head.rpn_cls", 3, WIDTH, 1, 1)
    layer("rpn_head.rpn_reg", 12, WIDTH, 1, 1, spread=0.05)
    layer("roi_head.bbox_head.shared_fcs.0", HIDDEN, WIDTH * 49)
    layer("roi_head.bbox_head.shared_fcs.1", HIDDEN, HIDDEN)
    layer("roi_head.bbox_head.fc_cls", CLASSES + 1, HIDDEN, spread=3.0)
    layer("roi_head.bbox_head.fc_reg", 4 * CLASSES, HIDDEN)
    torch.save({"meta": {"epoch": 7}, "state_dict": state}, path)
    return state


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Tensor]]:
    path = tmp_path_factory.mktemp("mmdet") / "mdeq_vid.pth"
    return path, mmdet_file(path)


def test_the_description_is_read_from_the_shapes(file):
    spec = convert_checkpoint(file[0], "detection").spec
    assert (spec.task, len(spec.classes), spec.architecture) == ("detection", CLASSES, ARCH)
    assert (spec.head["channels"], spec.head["hidden"]) == (WIDTH, HIDDEN)
    assert (spec.size, spec.longest) == (600, 1000)


def test_another_task_is_told_apart(file):
    with pytest.raises(StreamdeqError, match="is of detection"):
        convert_checkpoint(file[0], "segmentation")


def test_the_answer_is_that_of_a_straightforward_reading(file):
    path, state = file
    published = convert_checkpoint(path, "detection")
    network = build_network(published.spec).eval()
    load_tensors(network, published.tensors, str(path))
    network.double()  # so that no two candidates change places by rounding
    torch.manual_seed(1)
    z = Latent(tuple(torch.randn(1, *shape, dtype=torch.float64) for shape in ARCH.shapes(CANVAS)))
    found = network.head.detect(network.head(z), CANVAS)
    boxes, scores, labels = straightforward({name: value.double() for name, value in state.items()}, z)
    assert len(found.boxes) == len(boxes) > 10
    assert len(scores.unique()) == len(scores)  # no ties
    torch.testing.assert_close(found.scores, scores, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.boxes, boxes, rtol=1e-10, atol=1e-8)
    assert torch.equal(found.labels, labels)
    assert len(labels.unique()) > 1


@torch.no_grad()
def straightforward(state: dict[str, Tensor], z: Latent) -> tuple[Tensor, Tensor, Tensor]:
    """FPN, RPNHead and Shared2FCBBoxHead of mmdet 2.10 at test time, as its configuration for this detector says."""

    def conv(name: str, x: Tensor, padding: int = 0) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ state[f"roi_head.bbox_head.{name}.weight"].T + state[f"roi_head.bbox_head.{name}.bias"]

    inner = [conv(f"neck.lateral_convs.{k}.conv", x) for k, x in enumerate(z.maps)]
    for k in range(3, 0, -1):
        inner[k - 1] = inner[k - 1] + F.interpolate(inner[k], size=inner[k - 1].shape[2:], mode="nearest")
    levels = [conv(f"neck.fpn_convs.{k}.conv", x, padding=1) for k, x in enumerate(inner)]
    levels.append(F.max_pool2d(levels[-1], 1, stride=2))

    boxes, scores, numbers = [], [], []
    for number, x in enumerate(levels):
        shared, stride = F.relu(conv("rpn_head.rpn_conv", x, padding=1)), 4 * 2**number
        score = conv("rpn_head.rpn_cls", shared)[0].permute(1, 2, 0).reshape(-1).sigmoid()
        delta = conv("rpn_head.rpn_reg", shared)[0].permute(1, 2, 0).reshape(-1, 4)
        anchors = torch.tensor(
            [
                [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
                for cy in range(0, x.shape[2] * stride, stride)
                for cx in range(0, x.shape[3] * stride, stride)
                for ratio in (0.5, 1.0, 2.0)
                for w, h in [(8 * stride / math.sqrt(ratio), 8 * stride * math.sqrt(ratio))]
            ],
            dtype=torch.float64,
        )
        best = score.sort(descending=True).indices[:1000]
        boxes.append(decoded(anchors[best], delta[best], (1.0, 1.0, 1.0, 1.0)))
        scores.append(score[best])
        numbers.append(torch.full((len(best),), number))
    all_boxes, all_scores = torch.cat(boxes), torch.cat(scores)
    kept = batched_nms(all_boxes, all_scores, torch.cat(numbers), 0.7)[:1000]
    rois = all_boxes[kept]

    side = ((rois[:, 2] - rois[:, 0]) * (rois[:, 3] - rois[:, 1])).sqrt()
    level = torch.floor(torch.log2(side / 56 + 1e-6)).clamp(0, 3)
    read = torch.zeros(len(rois), WIDTH, 7, 7, dtype=torch.float64)
    for number in range(4):
        here = level == number
        read[here] = roi_align(levels[number], [rois[here]], 7, 1 / (4 * 2**number), 0, aligned=True)
    x = F.relu(linear("shared_fcs.1", F.relu(linear("shared_fcs.0", read.flatten(1)))))
    score, delta = linear("fc_cls", x).softmax(dim=1), linear("fc_reg", x).reshape(-1, CLASSES, 4)
    candidates = [(k, decoded(rois, delta[:, k], (0.1, 0.1, 0.2, 0.2)), score[:, k]) for k in range(CLASSES)]
    flat_boxes = torch.cat([box for _, box, _ in candidates])
    flat_scores = torch.cat([value for _, _, value in candidates])
    flat_labels = torch.cat([torch.full((len(box),), k) for k, box, _ in candidates])
    sure = flat_scores > 0.05
    flat_boxes, flat_scores, flat_labels = flat_boxes[sure], flat_scores[sure], flat_labels[sure]
    kept = batched_nms(flat_boxes, flat_scores, flat_labels, 0.5)[:100]
    return flat_boxes[kept], flat_scores[kept], flat_labels[kept]


def decoded(anchors: Tensor, delta: Tensor, stds: tuple[float, ...]) -> Tensor:
    """DeltaXYWHBBoxCoder, clipped to the picture."""
    dx, dy, dw, dh = (delta * torch.tensor(stds, dtype=delta.dtype)).unbind(1)
    limit = abs(math.log(16 / 1000))
    dw, dh = dw.clamp(-limit, limit), dh.clamp(-limit, limit)
    w, h = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    cx, cy = (anchors[:, 0] + anchors[:, 2]) / 2 + dx * w, (anchors[:, 1] + anchors[:, 3]) / 2 + dy * h
    w, h = w * dw.exp(), h * dh.exp()
    height, width = CANVAS
    left, right = ((cx + sign * w / 2).clamp(0, width) for sign in (-1, 1))
    top, bottom = ((cy + sign * h / 2).clamp(0, height) for sign in (-1, 1))
    return torch.stack([left, top, right, bottom], dim=1)
