"""The peers of every task: trained by the tool, read as torchvision reads them, compared by the command."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from support.pose_trees import square_table
from torch import Tensor, nn
from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList

from streamdeq.cli import compare
from streamdeq.cli.main import build, guarded
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.comparison import run as timing
from streamdeq.evaluation.peers import PEERS, load_peer, peer_class, usual
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_network
from streamdeq.tasks.detection import DetectorSettings
from streamdeq.tasks.detection.head import Target
from streamdeq.tasks.pose import PoseSettings
from streamdeq.tasks.pose.head import Joints
from streamdeq.training.recipes import RECIPES
from streamdeq.training.setup import spec_of

CPU = torch.device("cpu")
FASTER, SIMPLE = "fasterrcnn_mobilenet_v3_large_320_fpn", "simple_baseline_mobilenet_v3_small"
STREET = "synthetic:clips=1,frames=4,size=64x96,labels=boxes"
HEAD = DetectorSettings(
    channels=16, hidden=32, anchor_scales=(2.0, 4.0), anchor_ratios=(0.75, 2.75), finest=16.0, candidates=60,
    train_candidates=100, proposals=30, train_proposals=50, anchor_samples=64, region_samples=32, least_score=0.01,
)  # fmt: skip
TINY = replace(RECIPES["synthetic-tiny"], architecture=Architecture((8, 8), groups=4, expansion=1), batch=2)
BOXES = replace(TINY, name="boxes-tiny", task="detection", head=HEAD, size=64, crop_hw=(64, 96))
POSES = replace(TINY, name="pose-tiny", task="pose", head=PoseSettings(width=16, sigma=1.0), size=64, crop_hw=(64, 64))
TOOL = Path(__file__).parents[2] / "tools/train_peer.py"


@pytest.fixture(autouse=True)
def few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to be measured; what the milliseconds are is no matter here."""
    monkeypatch.setattr(timing, "TURNS", 2)
    monkeypatch.setattr(timing, "FRAMES", timing.UNCOUNTED + 3)


def untrained(name: str, spec: ModelSpec, path: Path) -> nn.Module:
    """A peer's network whose BatchNorm has seen something, and its file at `path`."""
    torch.manual_seed(0)
    network = peer_class(name, spec.task).build(spec).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None and module.running_var is not None:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    save_file({key: t.contiguous() for key, t in network.state_dict().items()}, path, {"steps": "7", "seconds": "60"})
    return network


def as_float(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def test_the_detector_learns_all_of_its_backbone_and_its_norms():
    spec = spec_of(BOXES, open_dataset(STREET, "train"))
    network = peer_class(FASTER, "detection").build(spec)
    assert all(parameter.requires_grad for parameter in network.parameters())
    norms = [module for module in network.modules() if "Norm2d" in type(module).__name__]
    assert norms
    assert all(isinstance(norm, nn.BatchNorm2d) for norm in norms)


@torch.no_grad()
def test_the_detectors_answer_is_that_of_torchvisions_own_network(tmp_path):
    """torchvision scales and normalises the picture itself, and has its own anchors and pooling."""
    dataset = open_dataset(STREET, "val")
    spec, image = spec_of(BOXES, dataset), dataset.clips[0].image(2)
    untrained(FASTER, spec, tmp_path / "peer.safetensors")
    peer = load_peer(FASTER, tmp_path / "peer.safetensors", spec, CPU, "fp32")
    found = peer.answer(image)

    theirs = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=len(spec.classes) + 1, min_size=64, max_size=1000,
        rpn_pre_nms_top_n_test=60, rpn_post_nms_top_n_test=30, rpn_score_thresh=0.0, box_score_thresh=0.01,
    ).eval()  # fmt: skip
    sides = (8, 16, 16, 32, 32, 64)  # of three levels of two scales
    theirs.rpn.anchor_generator = AnchorGenerator((sides,) * 3, ((0.75, 2.75),) * 3)
    theirs.rpn.head = type(theirs.rpn.head)(256, 12)
    theirs.load_state_dict(load_file(tmp_path / "peer.safetensors"))
    [expected] = theirs([as_float(image)])
    assert len(found) == len(expected["boxes"]) > 0
    torch.testing.assert_close(torch.from_numpy(found.boxes_xyxy), expected["boxes"], rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(torch.from_numpy(found.scores), expected["scores"], rtol=1e-3, atol=1e-4)
    assert found.labels.tolist() == (expected["labels"] - 1).tolist()
    assert (peer.trained.steps, peer.trained.seconds, found.frame_hw) == (7, 60.0, (64, 96))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in peer.network.modules())


@torch.no_grad()
@pytest.mark.parametrize("name", ["lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large"])
def test_the_labels_of_the_peer_are_those_of_torchvisions_network(tmp_path, name):
    dataset = open_dataset("synthetic:clips=1,frames=2,size=64x96", "val")
    spec = spec_of(replace(TINY, size=64), dataset)
    untrained(name, spec, tmp_path / "peer.safetensors")
    image = dataset.clips[0].image(0)
    found = load_peer(name, tmp_path / "peer.safetensors", spec, CPU, "fp32").answer(image)
    theirs = getattr(torchvision.models.segmentation, name)(
        weights=None, weights_backbone=None, num_classes=len(spec.classes)
    ).eval()
    theirs.load_state_dict(load_file(tmp_path / "peer.safetensors"))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (spec.mean, spec.std))
    expected = theirs(((as_float(image) - mean) / std)[None])["out"].argmax(1)[0]
    assert (torch.from_numpy(found.labels.astype(np.int64)) == expected).float().mean() > 0.995  # but for ties


@torch.no_grad()
def test_the_poses_of_the_peer_are_its_heat_maps_decoded_as_ours_are(tmp_path):
    dataset = open_dataset(str(square_table(tmp_path / "set")), "val")
    spec = spec_of(POSES, dataset)
    image = dataset.scored(spec.classes).clips[0].image(0)
    network = untrained(SIMPLE, spec, tmp_path / "peer.safetensors")
    peer = load_peer(SIMPLE, tmp_path / "peer.safetensors", spec, CPU, "fp32")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in peer.network.modules())
    x = torch.randn(1, 3, 64, 64)
    maps = network(x)
    assert maps.shape == (1, 3, 16, 16)
    torch.testing.assert_close(peer.network(x), maps, rtol=1e-4, atol=1e-4 * float(maps.abs().max()))
    found = peer.answer(image)
    assert found.keypoints_xy.shape == (1, 3, 2)
    assert (found.names, found.frame_hw) == (spec.classes, image.shape[:2])


def two_pictures(task: str) -> tuple[ModelSpec, Tensor, list[Target] | Joints]:
    """A batch (2, 3, 128, 288) of noise, and where something is said to be."""
    head, targets = HEAD, Joints(torch.tensor([[[40.0, 20], [190, 60]]] * 2), torch.ones(2, 2))
    if task == "detection":
        boxes = [torch.tensor([[left, 20.0, left + 50, 100]]) for left in (100, 200)]
        targets = [Target(box, torch.tensor([n]), (128, 288)) for n, box in enumerate(boxes)]
    else:
        head = PoseSettings(sigma=1.5)
    spec = ModelSpec("tiny", task, TINY.architecture, ("a", "b"), ((0, 0, 0),) * 2, 128, head=vars(head))
    return spec, torch.randn(2, 3, 128, 288), targets


@pytest.mark.parametrize("name", [FASTER, SIMPLE])
def test_in_bfloat16_the_loss_is_float32_and_goes_down(name):
    torch.manual_seed(0)
    kind = PEERS[name]
    spec, x, targets = two_pictures(kind.TASK)
    network = kind.build(spec).train()
    optimizer, losses = torch.optim.AdamW(network.parameters(), 3e-4), []
    for _ in range(8):
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            loss = kind.loss(network, x, targets)
        assert loss.dtype == torch.float32
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]


def test_places_are_float32_where_the_detector_computes_in_bfloat16():
    spec, x, _ = two_pictures("detection")
    network = PEERS[FASTER].build(spec).eval().bfloat16()
    features = network.backbone(x.bfloat16())
    pictures = ImageList(x, [(128, 288)] * 2)
    assert features["0"].dtype == torch.bfloat16
    assert network.rpn.anchor_generator(pictures, list(features.values()))[0].dtype == torch.float32
    proposals, _ = network.rpn(pictures, features)
    read = network.roi_heads.box_roi_pool(features, proposals, [(128, 288)] * 2)
    assert (proposals[0].dtype, read.dtype) == (torch.float32, torch.bfloat16)


@pytest.mark.parametrize(
    ("recipe", "data", "peer"),
    [
        ("synthetic-tiny", "synthetic:clips=1,frames=2,size=32x48", "lraspp_mobilenet_v3_large"),
        ("street-boxes-s", STREET, FASTER),
        ("walkers-s", "synthetic:clips=1,frames=4,size=96x128,labels=keypoints", SIMPLE),
    ],
)
def test_the_tool_trains_the_peer_of_each_task_and_writes_what_is_read(tmp_path, monkeypatch, recipe, data, peer):
    out = tmp_path / "new" / "peer.safetensors"
    line = f"train_peer --recipe {recipe} --data {data} --seconds 0.5 --out {out}"
    monkeypatch.setattr("sys.argv", line.split())
    runpy.run_path(str(TOOL), run_name="__main__")
    dataset = open_dataset(data, "train")
    assert usual(dataset.task) == peer
    found = load_peer(peer, out, spec_of(RECIPES[recipe], dataset), CPU, "bf16")
    assert found.trained.steps >= 1
    assert found.answer(dataset.clips[0].image(0)).status.nfe == 1


@pytest.mark.parametrize(
    ("recipe", "peer", "metric", "frames"), [(BOXES, FASTER, "mAP@50", 4), (POSES, SIMPLE, "PCK@0.1", 7)]
)
def test_models_of_boxes_and_of_poses_are_compared_with_theirs(tmp_path, capsys, recipe, peer, metric, frames):
    data = STREET if recipe is BOXES else str(square_table(tmp_path / "set"))
    spec = spec_of(recipe, open_dataset(data, "val"))
    torch.manual_seed(0)
    save_weights(tmp_path / "tiny.safetensors", build_network(spec), spec)
    untrained(peer, spec, tmp_path / "peer.safetensors")
    out = tmp_path / "table.json"
    line = f"compare {tmp_path}/tiny.safetensors --data {data} --iterations 1,2 --offset 2 --resamples 20 --device cpu"
    arguments = [*line.split(), "--peer", f"{peer}={tmp_path}/peer.safetensors", "--out", str(out), "--markdown"]
    assert guarded(build([compare.compare]), arguments) == 0
    shown = capsys.readouterr().out
    rows = [[cell.strip() for cell in row[1:-1].split("|")] for row in shown.splitlines() if row[:1] == "|"]
    assert rows[0][-1] == "from scratch"
    assert "flicker" not in shown
    assert f"{metric} in points over the same {frames} frames" in shown
    assert [row[3:5] for row in rows[2:]] == [["1", "1"], ["2", "2"], ["1", "–"]]
    entries = json.loads(out.read_text())["comparison"]["entries"]
    for entry in entries:
        assert (entry["flicker"], entry["single"]["value"] is None) == (None, False)
        low, high = entry["single"]["interval"].values()
        assert 0 <= low <= high <= 100
    assert (entries[1]["seconds"], entries[1]["lines"][0]["streaming"]) == (60.0, None)
    assert all(line["streaming"]["value"] is not None for line in entries[0]["lines"])


def test_a_comparison_without_resamples_has_no_brackets(tmp_path, capsys):
    spec = spec_of(BOXES, open_dataset(STREET, "val"))
    save_weights(tmp_path / "tiny.safetensors", build_network(spec), spec)
    line = f"compare {tmp_path}/tiny.safetensors --data {STREET} --iterations 1 --offset 2 --resamples 0 --device cpu"
    assert guarded(build([compare.compare]), line.split()) == 0
    shown = capsys.readouterr().out
    assert "(" not in shown.splitlines()[1].replace("tiny (0.0 M)", "")
    assert "in brackets" not in shown


def test_a_peer_of_another_task_is_refused_and_told():
    with pytest.raises(StreamdeqError, match=f"'{FASTER}' is for detection, not for pose; take {SIMPLE}"):
        peer_class(FASTER, "pose")
    with pytest.raises(StreamdeqError, match=r"there is no peer for depth \(for detection, pose, segmentation\)"):
        usual("depth")
    assert sorted({PEERS[name].TASK for name in PEERS}) == ["detection", "pose", "segmentation"]
