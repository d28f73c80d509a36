"""Many sources through one model: names and folders of each, answers as of each alone, and one that is bad."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.making_videos import decoded, write_video
from support.small_files import image_folder, tiny_weights
from support.small_models import frames

import streamdeq
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.running.several import Runs, parts_of, sources_of
from streamdeq.streaming.options import StreamOptions


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> streamdeq.Model:
    return streamdeq.load(tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors"), "cpu", "fp32")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of different lengths and sizes."""
    folder = tmp_path_factory.mktemp("films")
    made = []
    for n, (count, hw) in enumerate([(6, (64, 96)), (4, (64, 96)), (5, (48, 96)), (6, (64, 96))]):
        drifting = frames(count, n, hw)
        draw = lambda number, size, drifting=drifting: drifting[number].image  # noqa: E731
        made.append(write_video(folder / f"film{n}.mp4", count, size_hw=hw, draw=draw))
    return made


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(work: Runs) -> dict[str, list[str]]:
    """What was told of each part, in order."""
    found: dict[str, list[str]] = {part.name: [] for part in work.parts}
    for one in work.results():
        found[one.part.name].append(one.what)
    return found


def test_every_source_has_a_folder_and_the_answers_that_it_has_alone(model, films, tmp_path: Path):
    options = RunOptions(stream=StreamOptions(2), save=tmp_path / "out", write=("jsonl", "png"))
    work = Runs(model, [str(film) for film in films], options)
    heard = told(work)
    assert heard == {f"film{n}": ["begun", *["frame"] * count, "ended"] for n, count in enumerate((6, 4, 5, 6))}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"film{n}" for n in range(4)]
    for film, part in zip(films, work.parts, strict=True):
        alone = Run(model, film, RunOptions(stream=StreamOptions(2), save=tmp_path / "alone", write=("jsonl", "png")))
        with alone.results() as results:
            expected = list(results)
        records = lines(tmp_path / "out" / part.name / f"{part.name}.jsonl")
        assert [record["camera"] for record in records] == [part.name] * len(expected)
        assert [record["residual"] for record in records] == pytest.approx(
            [result.status.residual for result in expected], rel=1e-4
        )
        labels = sorted((tmp_path / "out" / part.name / f"{part.name}-labels").iterdir())
        for path, result in zip(labels, expected, strict=True):
            with Image.open(path) as picture:
                assert np.mean(np.array(picture) != result.labels) < 0.01


def test_a_bad_source_stops_no_other_and_leaves_nothing(model, films, tmp_path: Path):
    (tmp_path / "bad.mp4").write_text("no film")
    sources = [str(tmp_path / "bad.mp4"), str(films[0]), str(tmp_path / "nix.mp4"), "ftp://host/film", str(films[1])]
    work = Runs(model, sources, RunOptions(save=tmp_path / "out"))
    heard = told(work)
    assert [part.problem is None for part in work.parts] == [False, True, False, False, True]
    assert str(work.parts[2].problem).startswith(f"no file or folder {tmp_path / 'nix.mp4'}")
    assert heard["nix"] == ["ended"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["film0", "film1"]
    assert len(decoded(tmp_path / "out" / "film1" / "film1.mp4")) == 4


def test_few_at_a_time_are_all_run(model, films):
    work = Runs(model, [str(film) for film in films], RunOptions(), at_once=1)
    names = [one.part.name for one in work.results() if one.what != "frame"]
    assert names == [name for n in range(4) for name in [f"film{n}"] * 2]
    assert [part.run.summary.processed for part in work.parts] == [6, 4, 5, 6]


def test_stopped_or_left_early_whole_files_are_left_and_nothing_new_begins(model, tmp_path: Path):
    long = [write_video(tmp_path / f"{n}.mp4", 400) for n in range(3)]
    for how in ("stop", "leave"):
        work = Runs(model, [str(film) for film in long], RunOptions(save=tmp_path / how), at_once=2)
        results = work.results()
        for seen, _ in enumerate(results):
            if seen == 30 and how == "stop":
                work.stop()
            if seen == 30 and how == "leave":
                results.close()
                break
        assert [part.run is not None for part in work.parts] == [True, True, False]
        for part in work.parts[:2]:
            made = tmp_path / how / part.name / f"{part.name}"
            assert 0 < len(lines(made.with_suffix(".jsonl"))) < 400
            assert len(decoded(made.with_suffix(".mp4"))) == len(lines(made.with_suffix(".jsonl")))


def test_without_a_folder_of_the_users_a_new_one_is_found_for_all(model, films, tmp_path: Path):
    options = RunOptions(save=tmp_path / "video", numbered=True, max_frames=1)
    for _ in range(2):
        told(Runs(model, [str(film) for film in films[:2]], options))
    assert {path.name for path in tmp_path.iterdir()} == {"video", "video-2"}
    assert (tmp_path / "video-2" / "film1" / "film1.mp4").exists()


def test_sources_of_one_name_have_folders_of_their_own():
    parts = parts_of(["a/x.mp4", "b/x.mp4", "c/X.avi", "rtsp://user:secret@cam/x", "0"])
    assert [part.name for part in parts[:3]] == ["x", "x-2", "X-3"]
    assert parts[3].live
    assert "secret" not in parts[3].name + parts[3].label


def test_a_pattern_of_films_is_each_of_them_and_a_pattern_of_pictures_is_one_video(films, tmp_path: Path):
    folder = image_folder(tmp_path / "frames", [frame.image for frame in frames(3)])
    pattern = str(films[0].parent / "film[012].mp4")
    assert sources_of([pattern, f"{folder}/*.png", "rtsp://a/*"]) == [
        *map(str, films[:3]),
        f"{folder}/*.png",
        "rtsp://a/*",
    ]
    assert sources_of([str(folder), str(folder / "000.png")]) == [str(folder), str(folder / "000.png")]
    with pytest.raises(StreamdeqError, match="put their pattern in quotes"):
        sources_of([str(path) for path in sorted(folder.iterdir())])


def test_boxes_from_a_detector_are_found_by_one_model_for_all():
    bees = streamdeq.load("bee-s", "cpu").gathered()
    found = bees.finder("street-boxes-s")
    assert found.spec.name == "street-boxes-s"
    assert bees.finder("labels") == "labels"
    assert bees.finder(found) is found
