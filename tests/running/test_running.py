"""A run as Python sees it: names, sums, captions, and what is left when it ends early."""

import json
import math
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.making_videos import decoded, write_video
from support.publishing import free_port
from support.small_models import frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.running.naming import check_not_source, output_name
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.running.summary import STAGES, WINDOW, Series, Summary
from streamdeq.streaming.options import StreamOptions
from streamdeq.tasks.drawing import captioned
from streamdeq.values.status import Start, Status


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def images(count: int) -> list[np.ndarray]:
    return [frame.image for frame in frames(count)]


# -- a pass over a source --------------------------------------------------------------------------------------


def test_arrays_run_without_a_file_and_nothing_is_written(model, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    work = Run(model, images(4), RunOptions(stream=StreamOptions(iterations=2)))
    assert work.total == 4
    with work.results() as results:
        ours = list(results)
    with model.stream(iterations=2) as stream:
        expected = [stream(image) for image in images(4)]
    assert [result.status.frame_index for result in ours] == [0, 1, 2, 3]
    assert all((a.labels == b.labels).all() for a, b in zip(ours, expected, strict=True))
    assert work.paths == {}
    assert list(tmp_path.iterdir()) == []


def test_a_generator_is_taken_as_it_comes_and_no_further_than_asked(model) -> None:
    taken = []

    def endless():
        for frame in frames(200):
            taken.append(frame.index)
            yield frame.image

    work = Run(model, endless(), RunOptions(max_frames=3))
    assert work.total == 3
    with work.results() as results:
        assert len(list(results)) == 3
    assert work.summary.processed == 3
    assert len(taken) < 20  # what is decoded ahead is bounded


def test_leaving_early_leaves_whole_files(model, tmp_path: Path) -> None:
    work = Run(model, images(9), RunOptions(save=tmp_path))
    with work.results() as results:
        for _ in range(4):
            next(results)
    assert {path.name for path in tmp_path.iterdir()} == {"arrays.mp4", "arrays.jsonl"}
    assert len(decoded(work.paths["video"])) == 4
    assert work.summary.processed == 4
    assert work.summary.seconds > 0


def test_a_frame_that_cannot_be_processed_is_a_counted_failure_and_the_run_goes_on(model, tmp_path: Path) -> None:
    odd = np.zeros((1, 4000, 3), np.uint8)
    pictures = [*images(3), odd, *images(3)]
    work = Run(model, pictures, RunOptions(save=tmp_path))
    with work.results() as results:
        indices = [result.status.frame_index for result in results]
    assert indices == [0, 1, 2, 4, 5, 6]
    assert (work.summary.processed, work.summary.failed, work.summary.decoded) == (6, 1, 7)
    lines = [json.loads(line) for line in (tmp_path / "arrays.jsonl").read_text().splitlines()]
    assert [line["index"] for line in lines] == list(range(7))
    assert lines[3]["failed"] is True
    assert lines[3]["reason"]
    assert len(decoded(work.paths["video"])) == 6


def test_where_no_frame_can_be_processed_the_run_says_why(model) -> None:
    work = Run(model, [np.zeros((1, 4000, 3), np.uint8)] * 3, RunOptions())
    with pytest.raises(StreamdeqError), work.results() as results:
        list(results)
    assert work.summary.failed == 3


def test_an_error_in_the_middle_leaves_whole_files_of_what_was_before(model, tmp_path: Path) -> None:
    work = Run(model, [*images(3), np.zeros(4, np.uint8)], RunOptions(save=tmp_path))

    def run_it() -> None:
        with work.results() as results:
            list(results)

    with pytest.raises(StreamdeqError, match=r"frame 3: a frame must be .* got uint8 \(4,\)"):
        run_it()
    assert len(decoded(tmp_path / "arrays.mp4")) == work.summary.processed == 3
    assert {path.name for path in tmp_path.iterdir()} == {"arrays.mp4", "arrays.jsonl"}


def test_what_cannot_be_done_is_said_before_the_first_frame(model, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for options in (
        RunOptions(stream=StreamOptions(solver="newton")),
        RunOptions(save=tmp_path / "file"),
    ):
        work = Run(model, images(2), options)
        opened = work.results()
        with pytest.raises(StreamdeqError):
            opened.__enter__()
        assert work.summary.decoded == 0


def test_told_to_stop_it_ends_after_the_frame_at_hand(model, tmp_path: Path) -> None:
    work = Run(model, images(9), RunOptions(save=tmp_path))
    with work.results() as results:
        taken = []
        for result in results:
            taken.append(result.status.frame_index)
            if len(taken) == 3:
                work.stop()
                work.stop()  # once is enough, twice does no harm
    assert taken == [0, 1, 2]
    assert len(decoded(work.paths["video"])) == work.summary.processed == 3


def test_told_to_stop_it_does_not_wait_for_a_live_source_that_has_nothing_to_give(model, tmp_path: Path) -> None:
    work = Run(model, f"tcp://127.0.0.1:{free_port()}?listen", RunOptions(save=tmp_path / "out"))
    threading.Timer(0.5, work.stop).start()
    with work.results() as results:
        assert list(results) == []
    assert work.summary.decoded == 0
    assert list((tmp_path / "out").iterdir()) == []


def test_the_model_is_left_as_it_was_for_the_next_run(model, tmp_path: Path) -> None:
    answers = []
    for _ in range(2):
        with Run(model, images(3), RunOptions()).results() as results:
            answers.append([result.labels.tobytes() for result in results])
    assert answers[0] == answers[1]


# -- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("street.mp4", "video", "street"),
        ("street.v2.mkv", "video", "street.v2"),
        ("arrays", "arrays", "arrays"),
        ("0042.png", "images", "0042"),
        ("day.2", "images", "day.2"),
        ("day/*.png", "images", "day"),
        ("/data/day/**/cam?.jpg", "images", "day"),
        ("/data/day[12]/1.png", "images", "data"),
        ("*.png", "images", "images"),
        ("[frames]", "images", "images"),
        ("/", "images", "images"),
        (".", "images", Path.cwd().name),
    ],
)
def test_what_is_written_is_called_after_its_source(name: str, kind: str, expected: str) -> None:
    assert output_name(name, kind) == expected


@pytest.mark.parametrize("name", ["[frames]", "what?", "a*b", "caf\udce9"])
def test_a_folder_is_no_pattern_whatever_is_in_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert output_name(name, "images", tmp_path / name) == name.replace("\udce9", "\ufffd")


def test_only_the_source_itself_is_protected(tmp_path: Path) -> None:
    source, other = tmp_path / "a.mp4", tmp_path / "b.mp4"
    source.touch()
    other.touch()
    (tmp_path / "link.mp4").symlink_to(source)
    for output in (source, tmp_path / "link.mp4", tmp_path / "x" / ".." / "a.mp4"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(StreamdeqError, match="is the source itself; choose another folder"):
            check_not_source(output, source)
    check_not_source(other, source)
    check_not_source(tmp_path / "new.mp4", source)
    check_not_source(source, "rtsp://nowhere/stream")
    check_not_source(source, images(1))


# -- sums ------------------------------------------------------------------------------------------------------

STATUS = Status(0, 0.0, 2, 2, 0.5, Start.WARM, inject_s=0.001, solve_s=0.002, head_s=0.004)


def test_the_summary_counts_times_and_means() -> None:
    summary = Summary(processed=3, failed=1, dropped=2, seconds=2.0)
    for solve_s in (0.002, 0.002, 0.008):
        summary.count(0.010, replace(STATUS, solve_s=solve_s))
    assert (summary.processed, summary.decoded, summary.fps) == (3, 6, 1.5)
    assert summary.stage_ms() == pytest.approx({"decode": 10, "inject": 1, "solve": 2, "head": 4})
    # From having a frame to having its answer: 7, 7 and 13 ms.
    latency = summary.latency_ms()
    assert list(latency) == ["p50", "p95", "p99"]
    assert latency["p50"] == pytest.approx(7)
    assert latency["p95"] == pytest.approx(7 + 0.9 * 6)
    assert summary.nfe.mean == 2
    summary.stages_s["encode"].add(0.003)
    assert list(summary.stage_ms()) == [stage for stage in STAGES if stage not in ("locate", "draw")]
    summary.count(0.010, replace(STATUS, locate_s=0.020))
    assert summary.latency_ms()["p99"] > 20  # what says where to look is waited for, too
    assert list(summary.stage_ms()) == [stage for stage in STAGES if stage != "draw"]


def test_an_empty_summary_has_no_numbers_and_no_error() -> None:
    summary = Summary()
    assert (summary.decoded, summary.fps) == (0, 0.0)
    assert math.isnan(summary.latency_ms()["p99"])
    assert summary.stage_ms() == {}


def test_a_series_keeps_its_last_values_and_the_mean_of_all() -> None:
    series = Series()
    for value in range(WINDOW + 500):
        series.add(float(value))
    assert series.count == WINDOW + 500
    assert series.mean == (WINDOW + 499) / 2
    assert len(series.recent) == WINDOW
    assert series.percentile(0) == 500.0


# -- captions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hw", [(240, 320), (32, 48), (4, 6), (1, 1)])
def test_a_caption_is_written_on_a_copy_of_any_size(hw: tuple[int, int]) -> None:
    image = np.full((*hw, 3), 120, np.uint8)
    image.setflags(write=False)
    written = captioned(image, "streaming, 1 per frame")
    assert written.shape == image.shape
    assert (image == 120).all()
    assert (written[0, 0] == 24).all()
    if hw == (240, 320):
        assert (written[-100:] == 120).all()
        assert written[:30].max() > 200  # the letters


def test_the_film_of_a_comparison_names_both_sides(model, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", 2, size_hw=(64, 96))
    work = Run(model, clip, RunOptions(stream=StreamOptions(iterations=1), save=tmp_path / "out", compare=True))
    with work.results() as results:
        list(results)
    for _, image in decoded(work.paths["video"]):
        assert image.shape == (64, 192, 3)
        for half in (image[:, :96], image[:, 96:]):
            assert np.abs(half[0, 0].astype(int) - 24).max() < 20
