"""One call each: predict, track, val, train; whatever people have as a picture; what an answer can do."""

import gc
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from faster_coco_eval.core import mask as coco_mask
from PIL import Image
from support.small_files import image_folder

import streamdeq
from streamdeq.data.synthetic.labels import PALETTE
from streamdeq.data.synthetic.scene import CLASSES
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.checkpoint import save_weights
from streamdeq.models.spec import ModelSpec
from streamdeq.pictures import as_rgb
from streamdeq.tasks import build_network
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.pose.result import Poses
from streamdeq.values.frame import Frame
from streamdeq.values.picture import Picture
from streamdeq.values.status import Start, Status
from streamdeq.video import VideoSink

SPEC = ModelSpec("tiny", "segmentation", Architecture((4, 4), groups=2, expansion=1), CLASSES, PALETTE, size=32)
RNG = np.random.default_rng(0)
PICTURES = [RNG.integers(0, 255, (32, 48, 3), dtype=np.uint8) for _ in range(4)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> streamdeq.Model:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    torch.manual_seed(0)
    save_weights(path, build_network(SPEC), SPEC)
    return streamdeq.load(path, "cpu", "fp32")


def film(path: Path) -> Path:
    with VideoSink(path, fps=10) as sink:
        for t, image in enumerate(PICTURES):
            sink.write(Frame(image, t, t / 10))
    return path


def same(a, b) -> bool:
    return np.array_equal(a.labels, b.labels)


# -- sources ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (PICTURES[0], PICTURES[0]),
        (PICTURES[0][..., 0], np.repeat(PICTURES[0][..., :1], 3, axis=2)),
        (PICTURES[0][..., :1], np.repeat(PICTURES[0][..., :1], 3, axis=2)),
        (np.concatenate([PICTURES[0], PICTURES[0][..., :1]], axis=2), PICTURES[0]),
        (PICTURES[0] / np.float32(255), PICTURES[0]),
        (Image.fromarray(PICTURES[0]), PICTURES[0]),
        (Image.fromarray(PICTURES[0]).convert("RGBA"), PICTURES[0]),
        (torch.from_numpy(PICTURES[0]), PICTURES[0]),
        (torch.from_numpy(PICTURES[0]).permute(2, 0, 1), PICTURES[0]),
        (torch.from_numpy(PICTURES[0]).permute(2, 0, 1)[None] / 255, PICTURES[0]),
    ],
)
def test_a_picture_is_taken_as_people_have_it(given, expected):
    np.testing.assert_array_equal(as_rgb(given), expected)


def test_bgr_is_said():
    np.testing.assert_array_equal(as_rgb(PICTURES[0], bgr=True), PICTURES[0][..., ::-1])


@pytest.mark.parametrize(
    "given", [np.zeros((4, 4, 2), np.uint8), np.full((4, 4, 3), 3.5), "a", np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_one_line(given):
    with pytest.raises(StreamdeqError, match="a frame must be"):
        as_rgb(given)


def test_pictures_are_answered_each_by_itself_from_zeros(model, tmp_path: Path):
    folder = image_folder(tmp_path / "pictures", PICTURES)
    alone = [model.solve(image, model.spec.reference_solve.iterations) for image in PICTURES]
    for source in (
        PICTURES,
        np.stack(PICTURES),
        [Image.fromarray(image) for image in PICTURES],
        folder,
        f"{folder}/*.png",
    ):
        found = model.predict(source)
        assert len(found) == 4
        assert all(map(same, found, alone))
        assert [one.status.start for one in found] == [Start.COLD] * 4
        np.testing.assert_array_equal(found[1].picture.image, PICTURES[1])
    assert same(model.predict(PICTURES[2])[0], alone[2])
    assert same(model.predict(PICTURES[2][..., ::-1], bgr=True)[0], alone[2])
    several = model.predict([folder / "000.png", str(folder / "003.png")])
    assert all(map(same, several, (alone[0], alone[3])))


def test_a_video_is_streamed(model, tmp_path: Path):
    path = film(tmp_path / "film.mp4")
    with model.stream(2) as stream:
        expected = list(stream.run(path))
    found = model.predict(path, 2)
    assert all(map(same, found, expected))
    assert [one.status.start for one in found] == [Start.COLD] + [Start.WARM] * 3
    assert all(map(same, model.predict(path, 2, stream=True), expected))
    generator = model.predict((image for image in PICTURES), 1)
    assert [one.status.start for one in generator] == [Start.COLD] + [Start.WARM] * 3
    assert [one.status.start for one in model.predict(PICTURES, 1, video=True)] == [Start.COLD] + [Start.WARM] * 3


def test_what_has_no_end_asks_for_an_iterator(model):
    with pytest.raises(StreamdeqError, match="stream=True"):
        model.predict("rtsp://camera/stream")


@pytest.mark.parametrize("wrong", [{"iterations": 2.5}, {"iterations": 0}, {"conf": 0.5}, {"boxes": "person-s"}])
def test_an_option_that_cannot_be_is_one_line(model, wrong):
    with pytest.raises(StreamdeqError):
        model.predict(PICTURES[0], **wrong)


def test_what_is_closed_says_so(model):
    with model.stream(1) as stream, model.streams(2, 1) as both:
        stream(PICTURES[0])
        both(PICTURES[:2])
    for use in (lambda: stream(PICTURES[0]), stream.read, stream.iterate, lambda: list(stream.run(PICTURES))):
        with pytest.raises(StreamdeqError, match=r"this stream is closed; make a new one with model\.stream\(\)"):
            use()
    for use in (lambda: both(PICTURES[:2]), both.read, both.iterate, lambda: both.reset(0)):
        with pytest.raises(StreamdeqError, match="these streams are closed"):
            use()


@pytest.mark.parametrize("wrong", [0, 2.5, True, "2"])
def test_a_number_of_videos_or_of_steps_is_a_whole_one(model, wrong):
    with pytest.raises(StreamdeqError, match="count must be"):
        model.streams(wrong)
    with model.streams(1) as one, model.stream(1) as stream:
        one.observe(PICTURES[:1])
        if wrong != 0:
            with pytest.raises(StreamdeqError, match="steps must be a whole number"):
                one.iterate(wrong)
        with pytest.raises(StreamdeqError, match="iterations must be"):
            stream.retune(iterations=wrong)


def test_a_device_is_named_as_torch_names_it():
    with pytest.raises(StreamdeqError, match="cuda:0, cuda:1"):
        streamdeq.load("street-s", "cuda:x")
    if not torch.cuda.is_available():
        with pytest.raises(StreamdeqError, match="no CUDA device"):
            streamdeq.load("street-s", "cuda:0")


# -- several videos --------------------------------------------------------------------------------------


def test_several_videos_at_once_say_what_each_says_alone(model):
    others = [image[:, ::-1].copy() for image in PICTURES]
    with model.stream(2) as a, model.stream(2) as b, model.streams(2, 2) as both:
        for one, other in zip(PICTURES, others, strict=True):
            first, second = both([one, other])
            np.testing.assert_array_equal(first.labels, a(one).labels)
            np.testing.assert_array_equal(second.labels, b(other).labels)
            np.testing.assert_array_equal(second.picture.image, other)


def test_a_video_without_a_frame_waits(model):
    with model.stream(1) as alone, model.streams(2, 1) as both:
        both([PICTURES[0], PICTURES[1]])
        alone(PICTURES[1])
        first, second = both([None, PICTURES[2]])
        assert first is None
        assert same(second, alone(PICTURES[2]))
        assert second.status.frame_index == 1
        with pytest.raises(StreamdeqError, match="each of 2 videos, got 1"):
            both([PICTURES[0]])


# -- answers ---------------------------------------------------------------------------------------------


def test_an_answer_draws_itself_until_its_stream_goes_on(model, tmp_path: Path):
    with model.stream(1) as stream:
        first = stream(PICTURES[0].copy())
        np.testing.assert_array_equal(first.plot(), model.draw(PICTURES[0], first))
        first.save(tmp_path / "drawn.png")
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "drawn.png")), first.plot())
        assert np.asarray(Image.open(io.BytesIO(first._repr_png_()))).shape == PICTURES[0].shape
        stream(PICTURES[1].copy())
        gc.collect()
        with pytest.raises(StreamdeqError, match=r"result\.kept\(\)"):
            first.plot()
        assert first._repr_png_() is None
        kept = stream(PICTURES[2].copy()).kept()
        stream(PICTURES[3].copy())
        np.testing.assert_array_equal(kept.plot(), model.draw(PICTURES[2], kept))
        with pytest.raises(StreamdeqError, match="expected a picture's name"):
            kept.save(tmp_path / "drawn.xyz")


def test_an_answer_says_what_it_is_in_a_line(model):
    [found] = model.predict(PICTURES[0], 3)
    assert repr(found).startswith("<Segmentation of frame 0: ")
    assert repr(found).endswith("; 3 iterations>")


def status() -> Status:
    return Status(7, 0.0, 1, 1, 0.1, Start.WARM)


def detections() -> Detections:
    boxes = np.array([[10, 20, 30, 60], [0, 0, 5, 5]], np.float32)
    image = np.arange(80 * 100 * 3, dtype=np.uint8).reshape(80, 100, 3)
    scores, labels = np.array([0.9, 0.4], np.float32), np.array([1, 0])
    return Detections(
        status=status(), boxes_xyxy=boxes, scores=scores, labels=labels, classes=("car", "person"),
        palette=((1, 2, 3), (4, 5, 6)), frame_hw=(80, 100), ids=np.array([4, -1]),
        picture=Picture(image, lambda picture, result: picture, keep=True),
    )  # fmt: skip


def test_boxes_become_what_other_programs_read():
    found = detections()
    assert repr(found) == "<Detections of frame 7: 1 person, 1 car; 1 iterations>"
    assert found.to_yolo()[0] == "1 0.200000 0.500000 0.200000 0.500000 0.900000 4"
    assert [one["image_id"] for one in found.to_coco()] == [7, 7]
    heading, first, _ = found.to_csv().splitlines()
    assert heading == "class,score,left,top,right,bottom,id"
    assert first == "person,0.8999999761581421,10.0,20.0,30.0,60.0,4"
    assert found.rows()[1]["id"] is None
    crops = found.crop()
    assert [crop.shape for crop in crops] == [(40, 20, 3), (5, 5, 3)]
    np.testing.assert_array_equal(crops[0], found.picture.image[20:60, 10:30])
    with pytest.raises(StreamdeqError, match=r"50 percent are 0\.5"):
        found.above(50)
    table = pytest.importorskip("pandas") and found.to_pandas()
    assert list(table["class"]) == ["person", "car"]


def test_key_points_become_what_other_programs_read():
    points = np.array([[[10, 20], [30, 60]]], np.float32)
    found = Poses(
        status=status(), keypoints_xy=points, scores=np.array([[0.5, 1.0]], np.float32),
        crops_xyxy=np.array([[0, 10, 40, 70]], np.float32), names=("head", "tail"), skeleton=((0, 1),),
        frame_hw=(80, 100),
    )  # fmt: skip
    assert found.to_yolo() == [
        "0 0.200000 0.500000 0.200000 0.500000 0.100000 0.250000 0.500000 0.300000 0.750000 1.000000"
    ]
    assert found.rows()[1] == {"instance": 0, "point": "tail", "x": 30.0, "y": 60.0, "score": 1.0}
    assert found.to_coco()[0]["image_id"] == 7
    with pytest.raises(StreamdeqError, match="came without its frame"):
        found.crop()


def test_label_maps_become_masks_and_outlines(model):
    [found] = model.predict(PICTURES[0])
    for one in found.to_coco():
        decoded = coco_mask.decode({**one["segmentation"], "counts": one["segmentation"]["counts"].encode()})
        np.testing.assert_array_equal(decoded.astype(bool), found.labels == one["category_id"] - 1)
        json.dumps(one)
    masks = found.to_supervision()
    assert masks.mask.sum() == found.labels.size
    assert list(masks.data["class_name"]) == found.names
    assert {int(line.split()[0]) for line in found.to_yolo()} <= {CLASSES.index(name) for name in found.names}
    assert sum(row["pixels"] for row in found.rows()) == found.labels.size


# -- val, train ------------------------------------------------------------------------------------------


def test_val_is_the_table_of_eval(model):
    scores = model.val("synthetic:clips=1,frames=4,size=32x48", iterations=(1, 2), offsets=(0, 2))
    assert scores.streaming(1, 0) == pytest.approx(next(r.value for r in scores.rows if r.mode == "single"))
    assert scores.streaming(2) == scores.streaming(2, 2)
    assert scores.single is not None
    assert "iterations" in str(scores)


def test_train_goes_on_from_these_weights(tmp_path: Path):
    data = "synthetic:clips=2,frames=2,size=32x48"
    torch.manual_seed(0)
    first = tmp_path / "first.safetensors"
    spec = ModelSpec("tiny", "segmentation", Architecture((8, 16), groups=4, expansion=2), CLASSES, PALETTE, size=32)
    save_weights(first, build_network(spec), spec)
    begun = streamdeq.load(first)
    trained = begun.train(data, steps=2, out=tmp_path / "run", recipe="synthetic-tiny")
    assert trained.origin == tmp_path / "run" / "model.safetensors"
    assert trained.spec.provenance.recipe["steps"] == 2
    assert trained.spec.provenance.recipe["init"] == str(first)
    said: list[str] = []
    out = tmp_path / "again"
    again = trained.train(data, steps=1, out=out, settings=["optimizer.lr=1e-5"], val="train", say=said.append)
    assert again.spec.provenance.recipe["optimizer"]["lr"] == 1e-5
    assert (again.spec.name, again.origin) == ("synthetic", out / "best.safetensors")
    assert "recipe: that of synthetic-tiny, fine-tuned: 1 steps of 4 pictures (1.0 epochs), rate 1e-05" in said
    assert (out / "results.csv").exists()
    assert any(line.startswith("step 1, epoch 1.0: mIoU on train ") for line in said)
    with pytest.raises(StreamdeqError, match="unknown setting 'stepps'"):
        trained.train(data, settings=["stepps=1"])
    assert not Path("runs/synthetic").exists()


def test_to_load_a_model_brings_neither_training_nor_torchvision():
    program = (
        "import sys, streamdeq; streamdeq.load; print(sorted({'torchvision', 'streamdeq.training'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_shows_its_interface():
    assert {"load", "Model", "StreamdeqError", "Detections", "Look"} <= set(dir(streamdeq))
    assert all(getattr(streamdeq, name) is not None for name in dir(streamdeq))
    assert (Path(streamdeq.__file__).parent / "py.typed").exists()
