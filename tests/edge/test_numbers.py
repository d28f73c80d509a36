"""What `streamdeq.edge` computes with numpy is what the program computes with torch."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import streamdeq
from streamdeq.codec import to_plain
from streamdeq.edge.detection import Detector
from streamdeq.edge.picture import fitted, moved, placed, scaled
from streamdeq.edge.pose import points_of
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.streaming.carry import MOVED
from streamdeq.tasks.detection.settings import DetectorSettings
from streamdeq.tasks.pose.heatmaps import DECODERS, gaussians, peaks, to_canvas
from streamdeq.values.geometry import Geometry, Window


@pytest.mark.parametrize("size_hw", [(64, 96), (37, 150), (300, 400), (120, 160)])
def test_a_picture_is_scaled_as_torch_does_it_but_for_a_level(size_hw: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    theirs = F.interpolate(torch.from_numpy(image).permute(2, 0, 1)[None], size_hw, mode="bilinear", antialias=True)
    difference = scaled(image, size_hw).astype(int) - theirs[0].permute(1, 2, 0).numpy()
    assert np.abs(difference).max() <= 1
    assert abs(difference.mean()) < 0.1


@pytest.mark.parametrize("frame_hw", [(360, 480), (720, 1280), (480, 360), (97, 333)])
def test_a_canvas_made_for_frames_of_a_shape_holds_them_as_the_program_places_them(frame_hw: tuple[int, int]) -> None:
    usual = Geometry.fit(frame_hw, 192, 32)
    assert fitted(frame_hw, usual.canvas_hw) == usual


def test_a_frame_of_another_shape_lies_whole_on_the_canvas_with_black_beside_it() -> None:
    geometry = fitted((100, 50), (64, 96))
    assert (geometry.content_hw, geometry.canvas_hw) == ((64, 32), (64, 96))
    canvas = placed(np.full((100, 50, 3), 200, np.uint8), geometry)
    assert canvas[0, :, :32].min() == 200
    assert canvas[0, :, 32:].max() == 0
    with pytest.raises(StreamdeqError, match="uint8 RGB"):
        placed(np.zeros((100, 50, 3)), geometry)


def test_a_state_moves_with_its_window_as_in_the_program() -> None:
    before, now = (fitted((200, 300), (64, 64), w) for w in (Window(10, 20, 110, 120), Window(18, 15, 128, 125)))
    m = torch.from_numpy(np.random.default_rng(1).standard_normal((1, 5, 16, 16), np.float32))
    theirs = MOVED(Latent((m,)), before, now).maps[0]
    ours = moved(m.permute(0, 2, 3, 1).numpy(), before, now)
    np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1).numpy(), atol=1e-5)


@pytest.mark.parametrize("decoding", ["dark", "quarter", "peak"])
def test_points_are_read_off_their_maps_as_in_the_program(decoding: str) -> None:
    rng = np.random.default_rng(2)
    wanted = torch.from_numpy(rng.uniform(0, 31, (1, 12, 2)))
    maps = gaussians(wanted, (32, 32), 1.5) + 0.05 * torch.from_numpy(rng.standard_normal((1, 12, 32, 32), np.float32))
    points, heights = points_of(maps[0].permute(1, 2, 0).numpy(), decoding, 1.5)
    np.testing.assert_allclose(points, to_canvas(DECODERS[decoding](maps, 1.5))[0].numpy(), atol=2e-3)
    np.testing.assert_array_equal(heights, peaks(maps)[1][0].numpy())


def test_boxes_are_those_of_the_programs_detector() -> None:
    model = streamdeq.load("street-boxes-s", device="cpu", precision="fp32")
    head: Any = model.functions.head
    settings = replace(DetectorSettings.read(model.spec.head), least_score=0.001)
    head.roi_heads.score_thresh = settings.least_score
    detector = Detector(to_plain(settings), model.task.decode_weights(head))
    rng, shapes = torch.Generator().manual_seed(3), model.spec.architecture.shapes((96, 128))
    for scale in (0.5, 2.0):
        z = Latent(tuple(scale * torch.randn(1, *shape, generator=rng) for shape in shapes))
        maps = model.functions.predict(z)
        theirs = head.detect(maps, (90, 120))
        levels = [m.permute(0, 2, 3, 1).numpy() for part in maps for m in part]
        boxes, scores, labels = detector(levels, (90, 120))
        assert len(boxes) == len(theirs.boxes) > 5
        np.testing.assert_allclose(scores, theirs.scores.numpy(), atol=1e-5)
        np.testing.assert_allclose(boxes, theirs.boxes.numpy(), atol=1e-3)
        np.testing.assert_array_equal(labels, theirs.labels.numpy())
