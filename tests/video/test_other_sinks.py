"""JSON lines, label PNGs, and writing in the background."""

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.making_videos import decoded, interrupted, number_on, picture

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import JsonLinesSink, LabelMap, LabelPngSink, Sink, ThreadedSink, VideoSink

PALETTE = [(0, 0, 0), (128, 64, 128), (220, 20, 60)]


def feed(sink, items):
    with sink:
        for item in items:
            sink.write(item)


def test_each_record_is_one_compact_line(tmp_path):
    with JsonLinesSink(tmp_path / "r.jsonl") as sink:
        sink.write({"index": 0, "start": "cold", "latency_s": {"inject": 0.25}})
        sink.write({"index": np.int64(1), "path": Path("a"), "name": "Straße\n"})
        assert len((tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()) == 2  # readable as it grows
    assert (tmp_path / "r.jsonl").read_text(encoding="utf-8") == (
        '{"index":0,"start":"cold","latency_s":{"inject":0.25}}\n{"index":1,"path":"a","name":"Straße\\n"}\n'
    )


def test_numbers_are_short_and_valid_for_every_reader(tmp_path):
    values = {
        "nan": float("nan"),
        "inf": np.float64("-inf"),
        "time_s": 12345.0400000001,
        "residual": 1.23456789e-05,
        "single": np.float32(0.1),
        "array": np.array([[1.5, np.nan]]),
        "truth": np.bool_(True),
        "none": None,
    }
    with JsonLinesSink(tmp_path / "r.jsonl") as sink:
        sink.write(values)
    line = (tmp_path / "r.jsonl").read_text()
    assert line == (
        '{"nan":null,"inf":null,"time_s":12345.04,"residual":1.23457e-05,"single":0.1,'
        '"array":[[1.5,null]],"truth":true,"none":null}\n'
    )


def test_lines_written_before_an_error_are_kept(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        feed(JsonLinesSink(tmp_path / "r.jsonl"), interrupted([{"index": 0}], KeyboardInterrupt))
    assert json.loads((tmp_path / "r.jsonl").read_text()) == {"index": 0}
    with JsonLinesSink(tmp_path / "none.jsonl"):
        pass
    assert os.listdir(tmp_path) == ["r.jsonl"]


def test_label_pngs_hold_the_indices_and_show_the_colours(tmp_path):
    labels = np.random.default_rng(0).integers(0, 3, (33, 47), dtype=np.uint8)
    labels[0, 0] = 255
    with LabelPngSink(tmp_path / "labels", PALETTE) as sink:
        sink.write(LabelMap(42, labels))
    assert os.listdir(tmp_path / "labels") == ["000042.png"]
    with Image.open(tmp_path / "labels" / "000042.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), labels)
        colours = np.asarray(image.convert("RGB"))
    assert np.array_equal(colours[labels < 3], np.array(PALETTE, np.uint8)[labels[labels < 3]])
    assert tuple(colours[0, 0]) == (0, 0, 0)


def test_labels_of_another_type_are_a_mistake_of_the_caller(tmp_path):
    with LabelPngSink(tmp_path, PALETTE) as sink, pytest.raises(ValueError, match="uint8"):
        sink.write(LabelMap(0, np.zeros((4, 4), np.int64)))


@pytest.mark.parametrize("make", [JsonLinesSink, lambda path: LabelPngSink(path, PALETTE)], ids=["jsonl", "png"])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path, make):
    (tmp_path / "file").touch()
    with pytest.raises(StreamdeqError, match="cannot write"):
        make(tmp_path / "file" / "x")
    assert os.listdir(tmp_path) == ["file"]


class Slow(Sink[int]):
    """Keeps what it is given, slowly; refuses the number 13."""

    def __init__(self):
        self.items = []
        self.threads = set()
        self.closed = False

    def write(self, item):
        time.sleep(0.01)
        self.threads.add(threading.current_thread().name)
        if item == 13:
            raise StreamdeqError("thirteen")
        self.items.append(item)

    def close(self):
        self.closed = True


def test_a_threaded_sink_writes_everything_in_order_elsewhere():
    slow = Slow()
    with ThreadedSink(slow, depth=3) as sink:
        for number in range(12):
            sink.write(number)
    assert slow.items == list(range(12))
    assert slow.closed
    assert slow.threads == {"write Slow"}
    assert sink.busy_s >= 0.12
    assert "write Slow" not in {thread.name for thread in threading.enumerate()}


class Gate(Slow):
    """Does not begin before it is opened."""

    def __init__(self):
        super().__init__()
        self.opened = threading.Event()

    def write(self, item):
        assert self.opened.wait(timeout=60)
        super().write(item)


def test_a_threaded_sink_gives_the_caller_time():
    gate = Gate()
    with ThreadedSink(gate, depth=3) as sink:
        for number in range(3):
            sink.write(number)
        gate.opened.set()
    assert gate.items == [0, 1, 2]


def test_a_threaded_sink_holds_no_more_than_its_depth():
    slow = Slow()
    with ThreadedSink(slow, depth=3) as sink:
        for number in range(12):
            sink.write(number)
            # Three in the queue and one in the hand of the writing thread.
            assert len(slow.items) >= number + 1 - 4


def test_an_error_of_the_inner_sink_reaches_the_caller_who_is_never_blocked():
    slow = Slow()
    sink = ThreadedSink(slow, depth=2)
    with pytest.raises(StreamdeqError, match="thirteen"):
        feed(sink, range(13, 40))
    with pytest.raises(StreamdeqError, match="thirteen"):
        sink.write(40)
    assert slow.closed
    assert slow.items == []


def test_the_last_error_is_raised_by_close():
    sink = ThreadedSink(Slow())
    sink.write(13)
    with pytest.raises(StreamdeqError, match="thirteen"):
        sink.close()


def test_a_threaded_mp4_interrupted_in_the_middle_plays(tmp_path):
    frames = [Frame(picture(number), number, number / 25) for number in range(20)]
    with pytest.raises(KeyboardInterrupt):
        feed(ThreadedSink(VideoSink(tmp_path / "out.mp4")), interrupted(frames, KeyboardInterrupt))
    assert [number_on(image) for _, image in decoded(tmp_path / "out.mp4")] == list(range(20))
