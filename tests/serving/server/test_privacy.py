"""What nobody is to see is not there, and what stands outside the zone is not told."""

from types import SimpleNamespace

import numpy as np
import pytest
from support.cameras import latent_model, pictures, server_of, until, waiting
from support.small_models import tiny_model

from streamdeq.serving.server import CameraConfig
from streamdeq.serving.server.privacy import Painter, blurred, filled
from streamdeq.serving.server.zone import inside, zone_filter
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.segmentation.result import Segmentation
from streamdeq.values.status import Start, Status

STATUS = Status(0, 0.0, 1, 1, 0.1, Start.WARM)
CLASSES, PALETTE = ("person", "car"), ((1, 2, 3), (4, 5, 6))
SQUARE = ((2.0, 3.0), (6.0, 3.0), (6.0, 5.0), (2.0, 5.0))


def detections(boxes: list[tuple[float, float, float, float]], labels: list[int], scores: list[float]) -> Detections:
    return Detections(
        status=STATUS,
        boxes_xyxy=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.array(scores, np.float32),
        labels=np.array(labels, np.int64),
        classes=CLASSES,
        palette=PALETTE,
        frame_hw=(60, 80),
    )


def noise(h: int = 60, w: int = 80) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (h, w, 3), dtype=np.uint8)


def test_a_polygon_is_painted_black_with_its_border_and_the_picture_given_is_left():
    image = noise()
    before = image.copy()
    painted = Painter((SQUARE,))(image)
    assert (painted[3:6, 2:7] == 0).all()
    assert filled((SQUARE,), (60, 80)).sum() == 3 * 5
    painted[3:6, 2:7] = image[3:6, 2:7]
    assert (painted == before).all()
    assert (image == before).all()


def test_a_painter_follows_the_frames_size():
    paint = Painter((SQUARE,))
    assert paint(noise(4, 4)).shape == (4, 4, 3)
    assert (paint(noise())[3:6, 2:7] == 0).all()


def test_nobody_sees_what_is_painted_not_even_the_model():
    model = latent_model()
    seen = []
    inject = model.functions.inject
    model.functions.inject = lambda frames, hw: seen.append(int(frames[..., 3:6, 2:7].max())) or inject(frames, hw)
    with server_of(model) as server:
        subscription = server.subscribe()
        server.add("a", CameraConfig("any", privacy=(SQUARE,)), waiting(server, "a", pictures(5)))
        until(lambda: server.reports()["a"].processed == 5)
        assert seen[-5:] == [0] * 5  # before them was what costs are measured with
        for _ in range(5):
            published = subscription.get(timeout=60)
            assert published is not None
            assert (published.frame.image[3:6, 2:7] == 0).all()
            assert published.frame.image[10:].any()


def test_boxes_of_a_class_become_a_few_cells_and_nothing_else_changes():
    image = noise()
    found = detections([(10, 10, 42, 42), (50, 5, 70, 25), (0, 50, 8, 58)], [0, 1, 0], [0.9, 0.9, 0.1])
    changed = blurred(image, found, ("person",))
    part = changed[10:43, 10:43]
    assert len(np.unique(part.reshape(-1, 3), axis=0)) <= 8 * 8
    assert abs(part.mean() - image[10:43, 10:43].mean()) < 2
    changed[10:43, 10:43] = image[10:43, 10:43]
    assert (changed == image).all()  # neither the car nor what is hardly a person


def test_a_box_beyond_the_frame_and_one_without_area_are_no_trouble():
    image = noise()
    found = detections([(-20, -20, 10, 10), (79.5, 59.5, 200, 200), (5, 5, 5, 5)], [0, 0, 0], [1, 1, 1])
    assert blurred(image, found, ("person",)).shape == image.shape


def test_pixels_of_a_class_are_averaged_and_no_others():
    image = noise()
    labels = np.zeros((60, 80), np.uint8)
    labels[20:40, 20:60] = 1
    result = Segmentation(status=STATUS, labels=labels, classes=("road", "person"), palette=PALETTE)
    changed = blurred(image, result, ("person",))
    assert changed[20:40, 20:60].std() < 0.5 * image[20:40, 20:60].std()
    changed[20:40, 20:60] = image[20:40, 20:60]
    assert (changed == image).all()
    nobody = Segmentation(status=STATUS, labels=0 * labels, classes=("road", "person"), palette=PALETTE)
    assert blurred(image, nobody, ("person",)) is image


def test_a_camera_publishes_its_frames_blurred():
    with server_of(tiny_model()) as server:
        camera = CameraConfig("any", blur=("sky", "road", "car"), max_steps=1)
        images = [noise(32, 48)] * 3
        server.add("a", camera, waiting(server, "a", images))
        until(lambda: server.reports()["a"].processed == 3)
        latest = server.latest("a")
        assert latest is not None
        assert latest.frame.image.std() < 0.5 * images[0].std()


@pytest.mark.parametrize(
    ("point", "is_in"),
    [((5, 5), True), ((15, 5), False), ((5, 15), False), ((-1, 5), False), ((12, 12), True), ((12, 8), False)],
)
def test_points_in_a_polygon_that_is_not_convex(point: tuple[float, float], is_in: bool):
    hook = np.array([(0, 0), (10, 0), (10, 10), (20, 10), (20, 20), (10, 20)], float)
    assert inside(np.array([point], float), hook).tolist() == [is_in]


def test_what_stands_outside_the_zone_is_left_out():
    task = SimpleNamespace(locates=True, joins=False)
    keep = zone_filter(task, ((0, 30), (80, 30), (80, 60), (0, 60)))
    found = detections([(10, 10, 20, 40), (10, 10, 20, 29), (60, 0, 70, 100)], [0, 0, 1], [0.9, 0.8, 0.7])
    assert keep(found).scores.tolist() == [pytest.approx(0.9)]
    assert len(keep(detections([], [], []))) == 0
    assert zone_filter(task, ())(found) is found
