"""`streamdeq run` with many sources: what it says, its exit code, and Ctrl-C."""

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.making_videos import decoded, rough, write_video
from support.small_files import tiny_weights

from streamdeq.cli.board import board
from streamdeq.cli.main import build, guarded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("given")
    tiny_weights(made / "tiny.safetensors")
    for name, count in (("a", 5), ("b", 4)):
        write_video(made / f"{name}.mp4", count)
    (made / "bad.mp4").write_text("no film")
    return made


@pytest.fixture
def run(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    def command(*arguments: str) -> tuple[int, str, str]:
        given = ["--model", str(folder / "tiny.safetensors"), "--device", "cpu", "--save", str(tmp_path / "out")]
        capsys.readouterr()
        code = guarded(build(["run"]), ["run", *arguments, *given])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return command


def test_each_source_is_accounted_for_and_the_bad_one_is_told_at_the_end(run, folder: Path, tmp_path: Path) -> None:
    code, out, err = run(str(folder / "bad.mp4"), str(folder / "[ab].mp4"))
    assert code == 1
    said = out.splitlines()
    assert said[0].startswith(f"{folder / 'a.mp4'}: 5 frames decoded = 5 processed + 0 dropped + 0 failed")
    assert said[1].startswith(f"{folder / 'b.mp4'}: 4 frames decoded")
    assert said[2].startswith("2 of 3 sources, 9 frames processed")
    made = [tmp_path / "out" / name / f"{name}.{kind}" for name in "ab" for kind in ("jsonl", "mp4")]
    assert said[3:] == [str(path) for path in made]
    assert all(path.exists() for path in made)
    assert err.splitlines()[-1].startswith(f"streamdeq: {folder / 'bad.mp4'}: ")
    assert "3 of 3 sources done, 9 frames" in err


def test_all_well_is_0_and_a_second_time_is_refused_for_each(run, folder: Path) -> None:
    assert run(str(folder / "a.mp4"), str(folder / "b.mp4"), "--quiet")[0] == 0
    code, _, err = run(str(folder / "a.mp4"), str(folder / "b.mp4"), "--quiet")
    assert code == 2
    assert [line.rpartition(" is there already")[0].rpartition("/")[2] for line in err.splitlines()] == [
        "a.mp4",
        "b.mp4",
    ]
    assert run(str(folder / "a.mp4"), str(folder / "b.mp4"), "--overwrite")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--write", "mot"), "streamdeq: segmentation has no mot to write"),
        (("--view",), "streamdeq: --view shows one source"),
        (("--boxes", "nix.safetensors"), "streamdeq: "),
    ],
)
def test_an_option_that_is_wrong_for_all_is_one_line(run, folder: Path, arguments, said: str) -> None:
    code, _, err = run(str(folder / "a.mp4"), str(folder / "b.mp4"), "--quiet", *arguments)
    assert code == 2
    [line] = err.splitlines()
    assert line.startswith(said)


def test_ctrl_c_leaves_whole_films_of_all(folder: Path, tmp_path: Path) -> None:
    films = [str(write_video(tmp_path / f"{n}.mp4", 2000, draw=rough)) for n in range(2)]
    command = [sys.executable, "-m", "streamdeq", "run", *films, "--model", str(folder / "tiny.safetensors")]
    command += ["--device", "cpu", "--save", str(tmp_path / "out"), "--write", "video,jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 60
        while min(lines(tmp_path / "out" / str(n) / f"{n}.jsonl") for n in range(2)) < 20:
            assert time.monotonic() < end, "no lines came"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    for n in range(2):
        made = tmp_path / "out" / str(n)
        assert sorted(path.name for path in made.iterdir()) == [f"{n}.jsonl", f"{n}.mp4"]
        records = [json.loads(line) for line in (made / f"{n}.jsonl").read_text().splitlines()]
        assert len(decoded(made / f"{n}.mp4")) == len(records) < 2000
    assert "2 of 2 sources" in out


def lines(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


def test_a_log_gets_a_line_for_all_every_few_seconds() -> None:
    stream, now = io.StringIO(), [0.0]
    with board(3, stream=stream, clock=lambda: now[0], every_s=5.0) as told:
        told.begin("x", "a.mp4", 10)
        told.begin("y", "cam", None)
        for _ in range(6):
            now[0] += 1
            told.advance("x", residual=0.1)
        told.advance("y")
        told.end("y")
        now[0] += 5
        told.advance("x")
        told.end("x")
    first, second, last = stream.getvalue().splitlines()
    assert first.startswith("0 of 3 sources done, 5 frames, 1.0 fps; a.mp4 5/10, cam 0")
    assert second.startswith("1 of 3 sources done, 8 frames")
    assert second.endswith("; a.mp4 7/10")
    assert last.startswith("2 of 3 sources done, 8 frames")
