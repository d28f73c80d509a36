"""`streamdeq run` on really encoded films: what it leaves behind, and what it says about bad input.

Most runs are in this process (importing torch costs seconds); the last ones are processes of their own.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from support import forked
from support.making_videos import cut, decoded, mean_error, overwrite, rough, write_video
from support.small_files import image_folder, tiny_weights
from support.small_models import frames as drifting

import streamdeq
from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.models import checkpoint
from streamdeq.models.checkpoint import read_weights
from streamdeq.models.spec import read_spec

FRAMES = 12
# 25 fps at first, then a pause, then a hurry: 512 ticks are 1/25 s.
TIMES = [0, 512, 1024, 1536, 4096, 4608, 4700, 4800, 5312, 5824, 6336, 6848]
STAGES = {"decode", "inject", "solve", "head", "draw", "encode"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("given")


@pytest.fixture(scope="module")
def weights(folder: Path) -> Path:
    return tiny_weights(folder / "tiny.safetensors")


def street(number: int, size_hw: tuple[int, int]) -> np.ndarray:
    """A picture that moves a little from frame to frame."""
    return drifting(FRAMES, 0, size_hw)[number % FRAMES].image


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return write_video(folder / "street.mp4", FRAMES, size_hw=(64, 96), pts=TIMES, draw=street)


@pytest.fixture(scope="module")
def model(weights: Path) -> streamdeq.Model:
    return streamdeq.load(weights, "cpu", "fp32")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def run(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`streamdeq run SOURCE … --save tmp_path/out` in this process."""

    def command(source: Path | str, *arguments: str, save: Path | None = None, model: Path | str = weights) -> Done:
        given = ["--model", str(model), "--save", str(save or tmp_path / "out"), "--device", "cpu", *arguments]
        if "--precision" not in arguments:
            given += ["--precision", "fp32"]
        capsys.readouterr()
        code = guarded(build(COMMANDS), ["run", str(source), *given])
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return command


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def labels(folder: Path) -> list[np.ndarray]:
    return [np.array(Image.open(path)) for path in sorted(folder.glob("*.png"))]


def files(folder: Path) -> set[str]:
    """Every file below `folder`, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def same(ours: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return len(ours) == len(expected) and all((a == b).all() for a, b in zip(ours, expected, strict=True))


# -- what a run leaves behind ----------------------------------------------------------------------------------


def test_a_run_leaves_a_film_with_the_sources_times_and_a_line_per_frame(run, clip: Path, tmp_path: Path) -> None:
    done = run(clip, "--iterations", "2")
    assert done.code == 0
    out = tmp_path / "out"
    assert files(out) == {"street.mp4", "street.jsonl"}

    film = decoded(out / "street.mp4")
    assert [time for time, _ in film] == [time for time, _ in decoded(clip)]
    assert {image.shape for _, image in film} == {(64, 96, 3)}

    records = lines(out / "street.jsonl")
    assert [record["index"] for record in records] == list(range(FRAMES))
    assert [record["time_s"] for record in records] == pytest.approx([ticks / 12800 for ticks in TIMES], abs=1e-6)
    assert [record["start"] for record in records] == ["cold"] + ["warm"] * (FRAMES - 1)
    for record in records:
        assert (record["iterations"], record["nfe"]) == (2, 2)
        assert 0 < record["residual"] < 10
        assert set(record["latency_ms"]) == STAGES
        assert all(0 <= milliseconds < 60_000 for milliseconds in record["latency_ms"].values())
        assert record["latency_ms"]["solve"] > 0
        assert sum(record["shares"].values()) == pytest.approx(1, abs=0.001)


def test_what_it_prints_accounts_for_every_frame_and_ends_with_the_film(run, clip: Path, tmp_path: Path) -> None:
    done = run(clip, "--iterations", "2")
    said = done.out.splitlines()
    assert re.search(rf"^{FRAMES} frames decoded = {FRAMES} processed .*\+ 0 failed, .* fps$", said[0])
    assert re.search(r"p50 [\d.]+, p95 [\d.]+, p99 [\d.]+; 2\.0 applications of f per frame", done.out)
    stages = re.search(r"where the time went .*: (.*)", done.out)
    assert stages is not None
    assert {part.split()[0] for part in stages[1].split(", ")} == STAGES
    assert said[-1] == str(tmp_path / "out" / "street.mp4")
    # Progress goes to stderr, and only there.
    assert re.search(
        rf"^street\.mp4: {FRAMES}/{FRAMES} frames, [\d.]+ fps, residual [\d.]+$", done.err.splitlines()[-1]
    )


def test_quiet_says_nothing_on_stderr(run, clip: Path) -> None:
    done = run(clip, "--quiet")
    assert done.err == ""
    assert done.out.splitlines()[-1].endswith("street.mp4")


def test_the_film_and_the_labels_are_what_python_gives(run, clip: Path, model, tmp_path: Path) -> None:
    run(clip, "--iterations", "3", "--write", "png,video")
    assert files(tmp_path / "out") == {"street.mp4", *(f"street-labels/{n:06d}.png" for n in range(FRAMES))}
    with model.stream(iterations=3) as stream:
        results = list(stream.run(clip))
    assert len({result.labels.tobytes() for result in results}) > 1
    assert same(labels(tmp_path / "out" / "street-labels"), [result.labels for result in results])
    for (_, ours), (_, source), result in zip(
        decoded(tmp_path / "out" / "street.mp4"), decoded(clip), results, strict=True
    ):
        assert mean_error(ours, model.draw(source, result)) < 8  # what the codec costs
        assert mean_error(ours, source) > 15


def test_label_pictures_show_the_palette_and_hold_the_class_numbers(run, clip: Path, model, tmp_path: Path) -> None:
    run(clip, "--write", "png", "--max-frames", "1")
    picture = Image.open(tmp_path / "out" / "street-labels" / "000000.png")
    assert picture.mode == "P"
    assert set(np.unique(picture)) <= {0, 1, 2}
    colours = np.array(model.spec.palette, np.uint8)[np.array(picture)]
    assert (np.array(picture.convert("RGB")) == colours).all()


@pytest.mark.parametrize("kind", ["video", "jsonl", "png"])
def test_only_what_was_asked_for_is_written(run, clip: Path, tmp_path: Path, kind: str) -> None:
    run(clip, "--write", kind, "--max-frames", "2")
    written = {"video": {"street.mp4"}, "jsonl": {"street.jsonl"}}
    assert files(tmp_path / "out") == written.get(kind, {"street-labels/000000.png", "street-labels/000001.png"})


def test_compare_shows_from_scratch_beside_streaming(run, clip: Path, model, tmp_path: Path) -> None:
    run(clip, "--iterations", "2", "--compare")
    film = [image for _, image in decoded(tmp_path / "out" / "street.mp4")]
    assert {image.shape for image in film} == {(64, 192, 3)}
    source = [image for _, image in decoded(clip)]
    with model.stream(iterations=2) as stream:
        streaming = [model.draw(image, stream(image)) for image in source]
    scratch = [model.draw(image, model.solve(image, iterations=2)) for image in source]
    below = slice(24, None)  # the captions are at the top
    last = FRAMES - 1
    assert mean_error(film[last][below, :96], scratch[last][below]) < 8
    assert mean_error(film[last][below, 96:], streaming[last][below]) < 8
    # Both are captioned, and the line in the file is that of the stream.
    assert mean_error(film[last][:12, :48], scratch[last][:12, :48]) > 15
    assert mean_error(film[last][:12, 96:144], streaming[last][:12, :48]) > 15
    assert lines(tmp_path / "out" / "street.jsonl")[last]["start"] == "warm"


def test_max_frames_stops_after_so_many(run, clip: Path, tmp_path: Path) -> None:
    done = run(clip, "--max-frames", "5")
    assert done.out.startswith("5 frames decoded = 5 processed")
    assert len(decoded(tmp_path / "out" / "street.mp4")) == len(lines(tmp_path / "out" / "street.jsonl")) == 5


def test_a_run_again_replaces_what_was_there_if_it_is_told_to(run, clip: Path, tmp_path: Path) -> None:
    run(clip)
    before = (tmp_path / "out" / "street.mp4").read_bytes()
    refused(run(clip, "--max-frames", "3"), "street.mp4 is there already; choose another --save, or --overwrite")
    assert (tmp_path / "out" / "street.mp4").read_bytes() == before
    run(clip, "--max-frames", "3", "--overwrite")
    assert files(tmp_path / "out") == {"street.mp4", "street.jsonl"}
    assert len(decoded(tmp_path / "out" / "street.mp4")) == len(lines(tmp_path / "out" / "street.jsonl")) == 3


# -- how it is computed ----------------------------------------------------------------------------------------


def test_from_zeros_every_frame_is_solved_as_a_picture_of_its_own(run, clip: Path, model, tmp_path: Path) -> None:
    run(clip, "--start", "zeros", "--iterations", "2", "--write", "png,jsonl")
    assert {record["start"] for record in lines(tmp_path / "out" / "street.jsonl")} == {"cold"}
    expected = [model.solve(image, iterations=2).labels for _, image in decoded(clip)]
    assert same(labels(tmp_path / "out" / "street-labels"), expected)


@pytest.mark.parametrize("start", ["reference", "reference-each"])
def test_the_reference_starts_solve_the_first_frame_as_the_description_says(
    run, clip: Path, tmp_path: Path, start: str
) -> None:
    run(clip, "--start", start, "--iterations", "2", "--write", "jsonl")
    first, *rest = lines(tmp_path / "out" / "street.jsonl")
    assert (first["nfe"], first["start"]) == (20, "cold")  # unrolled, and nothing says how often in training
    assert {(record["nfe"], record["start"]) for record in rest} == {(2, "warm")}


def test_a_run_can_begin_from_another_videos_picture(run, clip: Path, model, tmp_path: Path) -> None:
    other = image_folder(tmp_path / "other", [street(3, (48, 48))])
    done = run(clip, "--start", "other", "--start-from", str(other), "--iterations", "1", "--write", "png,jsonl")
    assert done.code == 0, done.err
    assert {record["start"] for record in lines(tmp_path / "out" / "street.jsonl")} == {"warm"}
    [picture] = [np.array(Image.open(path).convert("RGB")) for path in other.iterdir()]
    with model.stream(1, start="other", start_from=picture) as stream:
        expected = [stream(image).labels for _, image in decoded(clip)]
    assert same(labels(tmp_path / "out" / "street-labels"), expected)


def test_the_other_start_without_what_to_start_from_is_one_line(run, clip: Path) -> None:
    done = run(clip, "--start", "other")
    assert done.code == 2
    assert "--start-from" in done.err


def test_broyden_spends_one_evaluation_more_than_iterations(run, clip: Path, tmp_path: Path) -> None:
    assert run(clip, "--solver", "broyden", "--iterations", "3").code == 0
    records = lines(tmp_path / "out" / "street.jsonl")
    assert {(record["iterations"], record["nfe"]) for record in records} == {(3, 4)}
    assert len(decoded(tmp_path / "out" / "street.mp4")) == FRAMES


@pytest.mark.parametrize("size", ["native", "48"])
def test_the_working_size_can_be_chosen(run, clip: Path, model, tmp_path: Path, size: str) -> None:
    run(clip, "--size", size, "--write", "png", "--max-frames", "3")
    chosen = "native" if size == "native" else int(size)
    with model.stream(size=chosen) as stream, model.stream() as usual:
        images = [image for _, image in decoded(clip)][:3]
        expected = [stream(image).labels for image in images]
        otherwise = [usual(image).labels for image in images]
    assert same(labels(tmp_path / "out" / "street-labels"), expected)
    assert not same(expected, otherwise)


def test_bfloat16_runs_where_it_is_asked_for(run, clip: Path, tmp_path: Path) -> None:
    assert run(clip, "--precision", "bf16", "--max-frames", "3").code == 0
    assert len(decoded(tmp_path / "out" / "street.mp4")) == 3


def test_a_change_of_frame_size_starts_cold_and_the_film_keeps_its_first_size(run, tmp_path: Path) -> None:
    sizes = [(48, 64), (48, 64), (80, 64), (80, 64), (48, 64)]
    folder = image_folder(tmp_path / "frames", [street(n, hw) for n, hw in enumerate(sizes)])
    assert run(folder, "--write", "video,jsonl,png").code == 0
    starts = [record["start"] for record in lines(tmp_path / "out" / "frames.jsonl")]
    assert starts == ["cold", "warm", "cold", "warm", "cold"]
    assert [picture.shape for picture in labels(tmp_path / "out" / "frames-labels")] == sizes
    assert [image.shape for _, image in decoded(tmp_path / "out" / "frames.mp4")] == [(48, 64, 3)] * 5


# -- sources ---------------------------------------------------------------------------------------------------


def test_folders_patterns_and_pictures_give_their_name_to_what_is_written(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [street(n, (32, 48)) for n in range(3)]
    folder = image_folder(tmp_path / "day.2", images)
    for number, (source, name) in enumerate(
        [
            (folder, "day.2"),
            (f"{folder}/*.png", "day.2"),
            (f"{tmp_path}/day*/00[01].png", tmp_path.name),
            (folder / "001.png", "001"),
        ]
    ):
        done = run(source, "--write", "jsonl", save=tmp_path / name / f"out{number}")
        assert done.code == 0
        assert done.out.splitlines()[-1] == str(tmp_path / name / f"out{number}" / f"{name}.jsonl")
    monkeypatch.chdir(folder)
    for source, name in [(".", "day.2"), ("*.png", "images")]:
        assert run(source, "--write", "video", "--max-frames", "1", save=tmp_path / "here").code == 0
        assert (tmp_path / "here" / f"{name}.mp4").exists()


def test_a_source_is_never_replaced_by_its_own_result(run, clip: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.mp4"
    mine.write_bytes(clip.read_bytes())
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    for save in (tmp_path, link):
        done = run(mine, save=save)
        assert done.code == 2
        assert done.err == f"streamdeq: {save / 'mine.mp4'} is the source itself; choose another folder to save to\n"
    assert mine.read_bytes() == clip.read_bytes()
    assert files(tmp_path) == {"mine.mp4"}
    # Beside it is no problem: nothing that is written has its name.
    assert run(mine, "--write", "jsonl", save=tmp_path).code == 0


# -- damaged sources -------------------------------------------------------------------------------------------


def test_a_corrupt_frame_in_the_middle_is_counted_and_the_stream_goes_on(run, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "hurt.mp4", 16, size_hw=(64, 96), draw=rough, codec_options={"bf": "0"})
    overwrite(clip, [7], lambda data: bytes(len(data)))
    done = run(clip)
    assert done.code == 0
    assert re.search(r"^16 frames decoded = 15 processed .*\+ 1 failed", done.out)
    records = lines(tmp_path / "out" / "hurt.jsonl")
    assert [record["index"] for record in records] == list(range(16))
    assert records[7]["failed"] is True
    assert "decode" in records[7]["reason"]
    assert [record["start"] for record in records if "start" in record] == ["cold"] + ["warm"] * 14
    times = [time for time, _ in decoded(tmp_path / "out" / "hurt.mp4")]
    assert [float(time) for time in times] == pytest.approx([n / 25 for n in range(16) if n != 7])


def test_of_a_truncated_film_all_that_is_there_is_processed_and_the_rest_reported(run, tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    clip = write_video(tmp_path / "half.mp4", 40, size_hw=(64, 96), draw=rough, container_options=options)
    done = run(cut(clip, 0.6))
    assert done.code == 0
    counts = re.search(r"^40 frames decoded = (\d+) processed .*\+ (\d+) failed", done.out)
    assert counts is not None
    processed, failed = int(counts[1]), int(counts[2])
    assert processed + failed == 40
    assert 15 < processed < 35
    assert re.search(r"^note: half\.mp4 ends early: \d+ of its 40 frames are missing$", done.out, re.MULTILINE)
    assert len(decoded(tmp_path / "out" / "half.mp4")) == processed
    assert len(lines(tmp_path / "out" / "half.jsonl")) == 40


def test_pictures_that_cannot_be_read_are_counted(run, tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "frames", [street(n, (32, 48)) for n in range(5)])
    (folder / "000.png").write_text("no picture")
    (folder / "003.png").write_bytes((folder / "003.png").read_bytes()[:60])
    done = run(folder)
    assert re.search(r"^5 frames decoded = 3 processed .*\+ 2 failed", done.out)
    failed = [record["index"] for record in lines(tmp_path / "out" / "frames.jsonl") if record.get("failed")]
    assert failed == [0, 3]


# -- bad input -------------------------------------------------------------------------------------------------


def refused(done: Done, message: str) -> None:
    assert done.code == 2
    assert message in done.err
    assert done.err.startswith("streamdeq: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert done.out == ""


def silence(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))


def no_frames(path: Path) -> None:
    write_video(path, 0)


def half_an_mp4(path: Path) -> None:
    cut(write_video(path, 20, draw=rough), 0.6)  # its index was at the end


def empty_folder(path: Path) -> None:
    path.mkdir()


def cut_pngs(path: Path) -> None:
    image_folder(path, [street(0, (32, 48))] * 3)
    for picture in path.iterdir():
        picture.write_bytes(picture.read_bytes()[:60])


def cut_jpegs(path: Path) -> None:
    """Their heads are whole: what is wrong with them shows when they are decoded."""
    path.mkdir()
    for number in range(3):
        Image.fromarray(street(number, (64, 96))).save(path / f"{number}.jpg")
        cut(path / f"{number}.jpg", 0.7)


def thin(path: Path) -> None:
    image_folder(path, [np.zeros((4, 200, 3), np.uint8)])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("missing.mp4", lambda path: None, "no file or folder"),
        ("text.mp4", lambda path: path.write_text("hello"), "is not a video"),
        ("notes.txt", lambda path: path.write_text("hello\n" * 100), "is a text file, not a video"),
        ("empty.mp4", Path.touch, "is empty (0 bytes)"),
        ("sound.wav", silence, "has no video stream (it holds audio)"),
        ("none.mp4", no_frames, "none.mp4"),
        ("half.mp4", half_an_mp4, "was cut off before its index"),
        ("folder", empty_folder, "no images"),
        ("folder/*.png", lambda path: None, "nothing matches it"),
        ("pngs", cut_pngs, "none of the 3 images of pngs can be read"),
        ("jpegs", cut_jpegs, "no frame came from jpegs (3 failed)"),
        ("thin", thin, "too thin"),
    ],
)
def test_a_source_that_gives_nothing_is_one_line(run, tmp_path: Path, name: str, make: Any, message: str) -> None:
    make(tmp_path / name)
    refused(run(tmp_path / name), message)
    # A line per frame that failed may be there; nothing half-written and no film is.
    assert files(tmp_path / "out") <= {f"{name}.jsonl"}


def test_the_nearest_name_of_a_missing_source_is_shown(run, clip: Path) -> None:
    refused(run(clip.with_name("stret.mp4")), "did you mean 'street.mp4'?")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--iterations 0", "--iterations: expected a whole number of at least 1, got '0'"),
        ("--iterations -3", "--iterations: expected a whole number of at least 1, got '-3'"),
        ("--iterations two", "--iterations: expected a whole number"),
        ("--max-frames 0", "--max-frames: expected a whole number of at least 1"),
        ("--size 0", "--size: expected the shorter side in pixels or 'native', got '0'"),
        ("--solver newton", "unknown solver 'newton'"),
        ("--solver broyde", "did you mean 'broyden'?"),
        ("--start previus", "did you mean 'previous'?"),
        ("--write video,gif", "--write: unknown value 'gif'"),
        ("--device tpu", "--device: unknown value 'tpu'"),
        ("--precision fp16", "--precision: unknown value 'fp16'"),
        ("--colour red", "No such option"),
    ],
)
def test_an_option_out_of_range_is_one_line(run, clip: Path, tmp_path: Path, arguments: str, message: str) -> None:
    refused(run(clip, *arguments.split()), message)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_one_line(run, clip: Path) -> None:
    refused(run(clip, "--device", "cuda"), "no CUDA device is available here")


def pickle_file(path: Path, weights: Path) -> None:
    torch.save(read_weights(weights)[1], path)


def another_architecture(path: Path, weights: Path) -> None:
    """An honest file whose description is that of a wider network."""
    from safetensors.torch import save_file

    from streamdeq.models.checkpoint import FORMAT, digest

    spec, tensors = read_weights(weights)
    wider = spec.to_json().replace('"channels": [8, 8, 16]', '"channels": [8, 16, 16]')
    assert wider != spec.to_json()
    save_file(tensors, path, {"format": FORMAT, "spec": wider, "hash": digest(tensors)})


def foreign_tensors(path: Path, weights: Path) -> None:
    from safetensors.torch import save_file

    save_file(read_weights(weights)[1], path)


def flipped_bit(path: Path, weights: Path) -> None:
    content = weights.read_bytes()
    path.write_bytes(content[:-5] + bytes([content[-5] ^ 4]) + content[-4:])


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("none.safetensors", lambda path, weights: None, "no weights at"),
        ("model.pth", pickle_file, "is not a safetensors file; published .pkl/.pth checkpoints are converted by"),
        ("model.safetensors", pickle_file, "is not a safetensors file"),
        ("text.safetensors", lambda path, weights: path.write_text("hello"), "is not a safetensors file"),
        ("cut.safetensors", lambda path, weights: path.write_bytes(weights.read_bytes()[:-100]), "cut short"),
        ("wide.safetensors", another_architecture, "does not fit its architecture"),
        ("other.safetensors", foreign_tensors, "holds tensors but no streamdeq model"),
        ("bit.safetensors", flipped_bit, "is damaged"),
    ],
)
def test_a_file_that_is_no_model_is_one_line(
    run, clip: Path, weights: Path, tmp_path: Path, name: str, make: Any, message: str
) -> None:
    make(tmp_path / name, weights)
    refused(run(clip, model=tmp_path / name), message)
    assert not (tmp_path / "out").exists()


def test_an_unknown_model_is_one_line(run, clip: Path) -> None:
    refused(run(clip, model="camvid_s"), "unknown model 'camvid_s'")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda save: save.touch(), "cannot write to"),
        (lambda save: (save / "street.mp4").mkdir(parents=True), "it is a folder"),
        (lambda save: (save / "street.jsonl").mkdir(parents=True), "it is a folder"),
        (lambda save: (save.mkdir(), (save / "street-labels").touch()), "cannot write to"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line(run, clip: Path, tmp_path: Path, make: Any, message: str) -> None:
    save = tmp_path / "out"
    make(save)
    before = files(tmp_path)
    refused(run(clip, "--write", "video,jsonl,png"), message)
    assert files(tmp_path) == before


def test_a_place_that_the_system_keeps_to_itself_is_one_line(run, clip: Path) -> None:
    refused(run(clip, save=Path("/proc/streamdeq")), "cannot write to /proc/streamdeq")


# -- real processes --------------------------------------------------------------------------------------------


def start(clip: Path, weights: Path, save: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    given = ["run", str(clip), "--model", str(weights), "--save", str(save), *arguments]
    return forked.Popen(
        [sys.executable, "-m", "streamdeq", *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


def test_ctrl_c_leaves_whole_files_with_what_was_done(weights: Path, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "long.mp4", 200, size_hw=(64, 96))
    save = tmp_path / "out"
    running = start(clip, weights, save, "--write", "video,jsonl,png", "--iterations", "80")
    until = time.monotonic() + 120
    while len(list(save.glob("long-labels/*.png"))) < 3 and running.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 130
    assert err.splitlines()[-1] == "streamdeq: interrupted"
    assert "Traceback" not in err
    done = len(labels(save / "long-labels"))
    assert 3 <= done < 200
    assert files(save) == {"long.mp4", "long.jsonl", *(f"long-labels/{n:06d}.png" for n in range(done))}
    assert len(decoded(save / "long.mp4")) == len(lines(save / "long.jsonl")) == done
    assert out.startswith(f"{done} frames decoded = {done} processed")
    assert out.splitlines()[-1] == str(save / "long.mp4")


LIMITED = """
import resource, signal, sys
from streamdeq.cli.main import COMMANDS, build, guarded
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
sys.exit(guarded(build(COMMANDS), sys.argv[1:]))
"""


SHORT_OF_MEMORY = """
import resource, sys
import numpy, torch, av, streamdeq
from streamdeq.cli.main import COMMANDS, build, guarded
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, -1))
sys.exit(guarded(build(COMMANDS), sys.argv[1:]))
"""


def test_a_frame_that_is_too_large_for_the_memory_is_one_line_with_the_way_out(weights: Path, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "large.mp4", 1, size_hw=(2160, 3840))
    given = ["run", str(clip), "--model", str(weights), "--save", str(tmp_path / "out"), "--size", "native", "--quiet"]
    done = forked.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, *given, "--device", "cpu", "--precision", "fp32"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "not enough memory" in done.stderr
    assert "compute at a smaller size (--size N)" in done.stderr
    assert files(tmp_path / "out") == set()


def test_a_disk_that_fills_up_ends_the_run_in_one_line_and_leaves_no_half_film(weights: Path, tmp_path: Path) -> None:
    clip = write_video(tmp_path / "rough.mp4", 40, size_hw=(96, 128), draw=rough)
    save = tmp_path / "out"
    given = ["run", str(clip), "--model", str(weights), "--save", str(save), "--write", "video", "--quiet"]
    done = forked.run([sys.executable, "-c", LIMITED, *given], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"cannot write {save / 'rough.mp4'}" in done.stderr
    assert files(save) == set()
    assert "rough.mp4" not in done.stdout  # no film is promised that is not there


def test_solves_that_met_numbers_that_are_not_finite_are_told_at_the_end(
    run, clip: Path, weights: Path, tmp_path: Path
):
    """Of weights that are finite, and so loaded: what comes in between overflows."""
    tensors = load_file(weights)
    for name, value in tensors.items():
        if name.startswith(("backbone.downsample", "backbone.stage0")) and value.is_floating_point():
            value.fill_(0.0 if "running" in name else 60_000.0)
    metadata = {"format": checkpoint.FORMAT, "spec": read_spec(weights).to_json(), "hash": checkpoint.digest(tensors)}
    save_file(tensors, tmp_path / "large.safetensors", metadata)
    done = run(clip, model=tmp_path / "large.safetensors")
    assert done.code == 1
    assert done.err.endswith(f"\nstreamdeq: {FRAMES} of {FRAMES} frames met numbers that are not finite\n")
    assert [record["index"] for record in lines(tmp_path / "out" / "street.jsonl")] == list(range(FRAMES))
