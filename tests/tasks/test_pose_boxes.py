"""Where the boxes of a pose stream come from: files, functions, detectors, the whole frame; and its saved state."""

import json

import numpy as np
import pytest
from support.pose_models import pose_model
from support.pose_parts import DETECTOR, detector, detector_network
from support.small_models import frames, tiny_model

import streamdeq
from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import save_weights
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.locate import FromFunction, Shared
from streamdeq.streaming.options import StreamOptions
from streamdeq.tasks import Choice
from streamdeq.tasks.pose import Poses

FILM = frames(6, hw=(96, 128))


def answers(model: Model, **options: object) -> list[Poses]:
    with model.stream(1, **options) as stream:
        return [stream.step(frame) for frame in FILM]


def same(ours: list[Poses], expected: list[Poses]) -> None:
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(one.keypoints_xy, other.keypoints_xy)
        np.testing.assert_array_equal(one.crops_xyxy, other.crops_xyxy)


def middles(boxes: np.ndarray) -> list[list[float]]:
    """Of boxes; a crop has its box's, to a pixel."""
    return sorted(((boxes[:, :2] + boxes[:, 2:]) / 2).tolist())


# -- detectors -------------------------------------------------------------------------------------------------


def test_a_detectors_boxes_are_looked_at_as_it_shows_them():
    shown = detector().task.chooser(Choice(0.3, ("dog",)))(detector().stream().step(FILM[0]))
    everything = detector().stream().step(FILM[0])
    assert 0 < len(shown) < len(everything)
    [answer, *_] = answers(pose_model(), boxes=detector(), choice=Choice(0.3, ("dog",)))
    assert len(answer) == len(shown)
    assert np.allclose(middles(answer.crops_xyxy), middles(shown.boxes_xyxy), atol=1)


def test_without_a_choice_only_sure_boxes_are_looked_at():
    everything = detector().stream().step(FILM[0])
    sure = everything.above(0.5)
    assert len(sure) < len(everything)
    [answer, *_] = answers(pose_model(), boxes=detector())
    assert len(answer) == len(sure)


def test_a_detector_by_its_file_is_that_detector(tmp_path):
    path = tmp_path / "boxes.safetensors"
    save_weights(path, detector_network(), DETECTOR)
    choice = Choice(0.3)
    by_file = answers(pose_model(), boxes=path, choice=choice)
    same(by_file, answers(pose_model(), boxes=streamdeq.load(path, "cpu", "fp32"), choice=choice))
    assert len(by_file[0])


def test_ids_of_a_tracker_are_the_ids_of_the_poses_from_its_second_frame_on():
    found = answers(pose_model(), boxes=detector(), choice=Choice(0.3, track=True))
    assert len(found[0]) == 0  # nobody was seen twice yet
    assert any(len(answer) for answer in found[1:])
    assert all(len(set(answer.ids.tolist())) == len(answer) for answer in found if len(answer))
    assert all((answer.ids >= 0).all() for answer in found if len(answer))


@pytest.mark.parametrize(
    ("boxes", "choice", "message"),
    [
        (detector, Choice(conf=2.0), r"--conf: expected a score in 0–1, got 2\.0"),
        (detector, Choice(classes=("dot",)), "--classes: unknown class 'dot'; did you mean 'dog'"),
        (lambda: lambda image: [], Choice(conf=0.5), "choose among a detector's boxes; --boxes names none"),
        (lambda: None, Choice(conf=0.5), "choose among a detector's boxes; --boxes names none"),
        (lambda: "camvid-s", None, "boxes: expected a detection model, got 'camvid-s', which is for segmentation"),
        (pose_model, None, "boxes: expected a detection model, got 'tiny-pose', which is for pose"),
        (lambda: "people.txt", None, "unknown model 'people.txt'"),
        (lambda: "none.json", None, "expected a file of boxes, none.json cannot be read"),
    ],
)
def test_what_says_nothing_about_boxes_is_refused_in_one_line(boxes, choice, message):
    with pytest.raises(StreamdeqError, match=message):
        pose_model().stream(1, boxes=boxes(), choice=choice)


# -- functions and files ---------------------------------------------------------------------------------------


def test_a_function_that_gives_no_boxes_is_named():
    for given in (None, "boxes", np.zeros((2, 3)), [(1, 2, 3, "x")]):
        with pytest.raises(StreamdeqError, match=r"boxes: expected an array \(N, 4\)"):
            answers(pose_model(), boxes=lambda image, given=given: given)


def test_two_streams_of_a_video_share_what_is_asked_once_per_frame():
    asked = []
    shared = Shared(FromFunction(lambda image: asked.append(image) or [(5, 5, 45, 65)]))
    assert all(len(shared(frame).boxes_xyxy) == 1 for frame in FILM for _ in range(2))
    assert len(asked) == len(FILM)


def test_a_comparison_asks_for_the_boxes_once_per_frame(tmp_path):
    calls = []

    def boxes(image: np.ndarray) -> list[tuple[float, ...]]:
        calls.append(len(calls))
        return [(5.0 + calls[-1], 5, 45, 65)]

    options = RunOptions(stream=StreamOptions(1), save=tmp_path, write=("jsonl",), compare=True, boxes=boxes)
    with Run(pose_model(), [frame.image for frame in FILM], options).results() as results:
        assert [len(result) for result in results] == [1] * len(FILM)
    assert len(calls) == len(FILM)


def test_the_functional_core_counts_frames_for_boxes_by_number(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({str(t): [[20 + 9 * t, 20, 60 + 9 * t, 70]] for t in (0, 2, 3)}))
    model = pose_model()
    state, found = model.begin(StreamOptions(1), model.locator(str(path))), []
    for frame in FILM[:4]:
        answer, state = model.step(frame.image, state)
        found.append((answer.status.frame_index, len(answer)))
    assert found == [(0, 1), (1, 0), (2, 1), (3, 1)]


def test_the_whole_frame_is_what_is_looked_at_unless_boxes_say_otherwise():
    model = pose_model()
    said, unsaid = answers(model, boxes="frame"), answers(model)
    same(said, unsaid)
    assert said[0].crops_xyxy.tolist() == [[0, 0, 128, 96]]
    assert said[0].ids is None
    assert tiny_model().stream(1, boxes="frame").state.regions is None


def test_a_run_with_a_detector_takes_the_choice_for_its_boxes(tmp_path):
    options = RunOptions(stream=StreamOptions(1), save=tmp_path, write=("jsonl",), boxes=detector(), choice=Choice(0.3))
    work = Run(pose_model(), [frame.image for frame in FILM], options)
    with work.results() as results:
        found = [len(result) for result in results]
    lines = [json.loads(line) for line in work.paths["jsonl"].read_text().splitlines()]
    assert [len(line["instances"]) for line in lines] == found
    assert found == [len(answer) for answer in answers(pose_model(), boxes=detector(), choice=Choice(0.3))]
    assert all(line["latency_ms"]["locate"] > 0 for line in lines)


# -- a state in a file -----------------------------------------------------------------------------------------


COMING_AND_GOING = {t: [[20 + t, 20, 60 + t, 70]] * (t > 0) + [[70, 10, 110 - t, 60]] * (t < 4) for t in range(6)}


@pytest.mark.parametrize("options", [StreamOptions(2), StreamOptions(3, solver="broyden")], ids=["picard", "broyden"])
@pytest.mark.parametrize("cut", [1, 3, 5])
def test_a_saved_stream_with_regions_goes_on_to_the_same_answers(tmp_path, options, cut):
    boxes = tmp_path / "boxes.json"
    boxes.write_text(json.dumps(COMING_AND_GOING))
    model, path = pose_model(), tmp_path / "state.safetensors"
    state, expected = model.begin(options, model.locator(boxes)), []
    for t, frame in enumerate(FILM):
        if t == cut:
            state.save(path)
        answer, state = model.step(frame.image, state)
        expected.append(answer)
    restored = pose_model().restore(path, boxes)
    assert restored.options == options
    for frame, wanted in zip(FILM[cut:], expected[cut:], strict=True):
        answer, restored = model.step(frame.image, restored)
        same([answer], [wanted])
        assert answer.ids.tolist() == wanted.ids.tolist()
        assert answer.status.start == wanted.status.start
        assert answer.status.frame_index == wanted.status.frame_index
        assert answer.status.residual == pytest.approx(wanted.status.residual, rel=1e-5)


def test_a_stream_that_follows_nobody_at_the_moment_is_saved_too(tmp_path):
    model, path = pose_model(), tmp_path / "state.safetensors"
    shown = iter([[(5, 5, 45, 65)], [], [(5, 5, 45, 65)]])
    state = model.begin(StreamOptions(1), model.locator(lambda image: next(shown)))
    for frame in FILM[:2]:
        _, state = model.step(frame, state)
    state.save(path)
    restored = model.restore(path, lambda image: next(shown))
    answer, _ = model.step(FILM[2], restored)
    assert answer.ids.tolist() == [1]  # who went does not come back under the old number


def test_a_state_and_boxes_that_do_not_belong_together_are_refused(tmp_path):
    model, path = pose_model(), tmp_path / "state.safetensors"
    state = model.begin(StreamOptions(1), model.locator(lambda image: []))
    with pytest.raises(StreamdeqError, match="not seen a frame"):
        state.save(path)
    model.step(FILM[0], state)[1].save(path)
    with pytest.raises(StreamdeqError, match="looks at boxes; say which with boxes="):
        model.restore(path)
    model.step(FILM[0], model.begin(StreamOptions(1)))[1].save(path)
    with pytest.raises(StreamdeqError, match="looks at whole frames; give no boxes"):
        model.restore(path, lambda image: [])
