"""What a run may replace: nothing but what a run wrote, and that when it is told to."""

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image
from support import forked
from support.making_videos import decoded, rough, write_video
from support.small_files import tiny_weights

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.files import held

COMMAND = [sys.executable, "-c", "from streamdeq.cli.main import main; main()", "run"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_weights(tmp_path_factory.mktemp("given") / "tiny.safetensors")


@pytest.fixture
def given(weights):
    return ["--model", str(weights), "--device", "cpu", "--precision", "fp32", "-n", "1", "-q"]


@pytest.fixture
def run(given, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def command(source, *options):
        """Exit code, last line on stdout, stderr."""
        code = guarded(build(COMMANDS), ["run", str(source), *given, *options])
        out, err = capsys.readouterr()
        return code, (out.splitlines() or [""])[-1], err

    return command


def test_the_default_folder_is_numbered_and_an_empty_one_is_taken(run, tmp_path):
    clip = write_video(tmp_path / "a.mp4", 3)
    (tmp_path / "runs" / "video-3").mkdir(parents=True)
    said = [run(clip)[1] for _ in range(3)]
    assert said == ["runs/video/a.mp4", "runs/video-2/a.mp4", "runs/video-3/a.mp4"]
    assert all(sorted(os.listdir(tmp_path / path)) == ["a.jsonl", "a.mp4"] for path in map(os.path.dirname, said))


def test_the_users_own_film_and_notes_are_replaced_by_nothing(run, tmp_path):
    clip = write_video(tmp_path / "clip.mkv", 3)
    (tmp_path / "clip.mp4").write_bytes(write_video(tmp_path / "other.mp4", 5).read_bytes())
    (tmp_path / "clip.jsonl").write_text('{"my":"notes"}\n')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for options, reason in [
        ((), "clip.mp4 is there already; choose another --save, or --overwrite an earlier run's files"),
        (("--overwrite",), "clip.mp4 was not made by a run, and --overwrite replaces nothing else"),
        (("--overwrite", "--write", "jsonl"), "clip.jsonl was not made by a run"),
        (("--write", "jsonl"), "clip.jsonl is there already"),
    ]:
        code, _, err = run(clip, "--save", ".", *options)
        assert (code, err.count("\n")) == (2, 1)
        assert reason in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_two_films_of_one_name_do_not_replace_each_other(run, tmp_path):
    for folder in ("cam1", "cam2"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "video.mp4", 3)
    assert run("cam1/video.mp4", "--save", "out")[0] == 0
    code, _, err = run("cam2/video.mp4", "--save", "out")
    assert (code, err.count("\n")) == (2, 1)
    assert "out/video.mp4 is there already" in err


def test_a_shorter_run_leaves_no_label_pictures_of_a_longer_one_and_all_of_the_users(run, tmp_path):
    clip = write_video(tmp_path / "a.mp4", 6)
    assert run(clip, "--save", "p", "--write", "png,video,jsonl")[0] == 0
    (tmp_path / "p" / "a-labels" / "notes.txt").write_text("mine")
    more = ("--save", "p", "--write", "png,video,jsonl", "--max-frames", "2", "--overwrite")
    assert run(clip, *more)[0] == 0
    assert sorted(os.listdir(tmp_path / "p" / "a-labels")) == ["000000.png", "000001.png", "notes.txt"]
    assert len(decoded(tmp_path / "p" / "a.mp4")) == 2
    Image.new("L", (4, 4)).save(tmp_path / "p" / "a-labels" / "000007.png")
    code, _, err = run(clip, *more)
    assert code == 2
    assert "000007.png was not made by a run" in err
    assert len(list((tmp_path / "p" / "a-labels").glob("*.png"))) == 3


def test_a_planted_link_is_neither_followed_nor_replaced(run, tmp_path):
    clip = write_video(tmp_path / "a.mp4", 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "secret").write_text("mine")
    (tmp_path / "out" / "a.jsonl").symlink_to(tmp_path / "secret")
    for options in ((), ("--overwrite",)):
        assert run(clip, "--save", "out", "--write", "jsonl", *options)[0] == 2
    assert (tmp_path / "secret").read_text() == "mine"


def test_of_two_processes_on_one_folder_the_second_is_told_so_and_the_first_is_not_disturbed(run, given, tmp_path):
    clip = write_video(tmp_path / "a.mp4", 300, draw=rough)
    process = forked.Popen([*COMMAND, str(clip), *given, "--save", "out"], stdout=subprocess.PIPE, cwd=tmp_path)
    until = time.monotonic() + 120
    while not (tmp_path / "out" / "a.jsonl").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGSTOP)
    try:
        for options in ((), ("--overwrite",)):
            code, _, err = run(clip, "--save", "out", *options)
            assert code == 2
            assert err == "streamdeq: another process writes to out; wait for its end, or choose another --save\n"
    finally:
        process.send_signal(signal.SIGCONT)
    process.communicate(timeout=300)
    assert process.returncode == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["a.jsonl", "a.mp4"]
    assert len(decoded(tmp_path / "out" / "a.mp4")) == 300


def test_a_default_folder_that_somebody_holds_is_passed_over(run, tmp_path):
    clip = write_video(tmp_path / "a.mp4", 2)
    with held(tmp_path / "runs" / "video", "works in", "another"):
        assert run(clip)[:2] == (0, "runs/video-2/a.mp4")
