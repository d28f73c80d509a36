"""A classification as a user meets it: the result, its picture, its score."""

import json
import math

import numpy as np
import pytest
import torch

from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import build_network, build_task
from streamdeq.tasks.classification import Classification
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status

STATUS = Status(3, 0.12, 1, 1, 0.5, Start.WARM)
CLASSES = ("cat", "dog", "crane", "crane", "fish", "newt", "toad")
ARCH = Architecture((8, 16), groups=2, expansion=1)
SPEC = ModelSpec("t", "classification", ARCH, CLASSES, ((0, 0, 0),) * 7, 32, head={"final_channels": 16})
TASK = build_task(SPEC)
HEAD = TASK.build_head()


def classification(*scores: float) -> Classification:
    return Classification(status=STATUS, scores=np.array(scores, np.float32), classes=CLASSES)


SOME = classification(0.05, 0.1, 0.4, 0.2, 0.1, 0.1, 0.05)


def test_the_best_classes_come_first_and_of_equal_scores_the_lower_index():
    assert SOME.label == "crane"
    assert [name for name, _ in SOME.top()] == ["crane", "crane", "dog", "fish", "newt"]
    assert SOME.top(1) == (("crane", pytest.approx(0.4)),)
    assert len(SOME.top(99)) == 7


def test_the_score_of_a_class_is_asked_by_name():
    assert SOME.score("dog") == pytest.approx(0.1)
    with pytest.raises(StreamdeqError, match="unknown class 'dogs'; did you mean 'dog'"):
        SOME.score("dogs")
    with pytest.raises(StreamdeqError, match="at least 1; got 0"):
        SOME.top(0)


def test_the_change_is_the_share_of_the_scores_that_moved():
    sure, other = classification(1, 0, 0, 0, 0, 0, 0), classification(0, 1, 0, 0, 0, 0, 0)
    half = classification(0.5, 0.5, 0, 0, 0, 0, 0)
    assert (sure.change_from(sure), sure.change_from(other), sure.change_from(half)) == (0.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros(7), r"\(K,\) float32; got \(7,\) float64"),
        (np.zeros((1, 7), np.float32), r"\(K,\) float32; got \(1, 7\)"),
        (np.zeros(6, np.float32), "one score per class; got 6 for 7"),
        (np.full(7, 1.5, np.float32), "scores must be in 0–1; got 1.5"),
    ],
)
def test_what_is_no_classification_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        Classification(status=STATUS, scores=scores, classes=CLASSES)


def test_logits_are_decoded_to_probabilities():
    logits = torch.tensor([[0.0, math.log(2), 0, 0, 0, 0, math.log(3)]])
    result = TASK.decode(logits, Geometry.fit((32, 32), 32, 8), STATUS, HEAD)
    assert isinstance(result, Classification)
    np.testing.assert_allclose(result.scores, np.array([1, 2, 1, 1, 1, 1, 3]) / 10, rtol=1e-6)
    sure = TASK.decode(torch.tensor([[500.0, 0, 0, 0, 0, 0, 0]]), Geometry.fit((32, 32), 32, 8), STATUS, HEAD)
    assert sure.top(1) == (("cat", 1.0),)


def test_the_record_is_json_with_the_five_best():
    record = json.loads(json.dumps(TASK.record(SOME)))
    assert record["top"][0] == {"class": "crane", "score": 0.4}
    assert len(record["top"]) == 5


# -- the picture -----------------------------------------------------------------------------------------------


def test_the_caption_is_at_the_lower_left_and_the_rest_is_the_frame():
    image = np.full((120, 300, 3), 100, np.uint8)
    drawn = TASK.draw(image, SOME)
    assert drawn.shape == image.shape
    assert drawn.flags.writeable
    assert (image == 100).all()
    assert (drawn[:60] == 100).all()
    assert (drawn[:, 200:] == 100).all()
    assert (drawn[-2:, :40] == 24).any()
    assert (drawn[60:, :200] > 150).any()


def test_another_answer_is_another_picture_and_a_tiny_frame_is_no_problem():
    image = np.full((120, 300, 3), 100, np.uint8)
    other = classification(0.9, 0.1, 0, 0, 0, 0, 0)
    assert not np.array_equal(TASK.draw(image, SOME), TASK.draw(image, other))
    assert TASK.draw(np.zeros((4, 4, 3), np.uint8), SOME).shape == (4, 4, 3)


def test_what_is_no_frame_is_refused():
    with pytest.raises(StreamdeqError, match=r"expected a frame, uint8 \(H, W, 3\), got float64 \(4, 4, 3\)"):
        TASK.draw(np.zeros((4, 4, 3)), SOME)


# -- the score -------------------------------------------------------------------------------------------------


def test_accuracy_counts_the_best_and_the_five_best_in_points():
    metric = TASK.metric()
    for target in (2, 3, 4, 6):  # best, second, fourth, seventh
        metric.update(SOME, target)
    assert metric.compute() == {"top-1": 25.0, "top-5": 75.0}
    assert metric.name == "top-1"


def test_parts_of_a_split_add_up():
    whole, first, second = TASK.metric(), TASK.metric(), TASK.metric()
    for part, target in ((first, 2), (second, 3), (second, 0)):
        part.update(SOME, target)
        whole.update(SOME, target)
    first.merge(second)
    assert first.compute() == whole.compute()


def test_nothing_counted_is_nan_and_a_wrong_target_is_named():
    metric = TASK.metric()
    assert all(math.isnan(value) for value in metric.compute().values())
    with pytest.raises(StreamdeqError, match=r"a class index 0\.\.6, got 7"):
        metric.update(SOME, 7)


# -- in a stream -----------------------------------------------------------------------------------------------


def test_a_classifier_streams_like_any_task():
    torch.manual_seed(0)
    model = Model(build_network(SPEC), SPEC, "cpu", "fp32")
    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3)).astype(np.uint8)
    with model.stream(iterations=3) as stream:
        first, second = stream(image), stream(image)
    assert isinstance(second, Classification)
    assert second.status.start is Start.WARM
    assert second.scores.sum() == pytest.approx(1, abs=1e-5)
    # Three steps, and three more on the same picture, are six steps.
    np.testing.assert_allclose(second.scores, model.solve(image, iterations=6).scores, atol=1e-5)
    assert 0 <= second.change_from(first) <= 1


def test_what_was_taken_for_what_is_counted_in_pictures():
    metric, other = TASK.metric(), TASK.metric()
    metric.update(SOME, 2)
    other.update(SOME, 0)
    other.update(SOME, 0)
    metric.merge(other)
    counts = metric.confusion().counts
    assert (counts[2, 2], counts[0, 2], counts.sum()) == (1, 2, 3)
    assert TASK.draw_label(np.zeros((64, 96, 3), np.uint8), 1).any()
