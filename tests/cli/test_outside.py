"""What the shell gives and takes away: closed output, names that are no UTF-8, terminals without letters."""

import os
import sys

import pytest
from support import forked
from support.making_videos import decoded, write_video
from support.small_files import tiny_weights

RUN = [sys.executable, "-c", "from streamdeq.cli.main import main; main()", "run"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_weights(tmp_path_factory.mktemp("given") / "tiny.safetensors")


def run(weights, folder, source, *, shell="", **environment):
    """`streamdeq run`, through a shell with the redirection `shell` if there is one."""
    options = ["--model", str(weights), "--device", "cpu", "--save", str(folder / "out")]
    through = ["/bin/sh", "-c", f'exec "$@" {shell}', "sh"] if shell else []
    return forked.run(
        [*through, *RUN, source, *options],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
    )


def test_a_run_whose_output_is_closed_leaves_whole_files_and_succeeds(weights, tmp_path):
    clip = write_video(tmp_path / "a.mp4", 5)
    done = run(weights, tmp_path, str(clip), shell=">&-")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"Traceback" not in done.stderr
    assert len(decoded(tmp_path / "out" / "a.mp4")) == 5


def test_a_name_that_is_no_utf8_is_read_written_and_told(weights, tmp_path):
    clip = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    os.rename(write_video(tmp_path / "a.mp4", 5), clip)
    done = run(weights, tmp_path, clip)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["caf\ufffd.jsonl", "caf\ufffd.mp4"]
    assert os.path.exists(done.stdout.splitlines()[-1])


def test_a_folder_of_such_names_with_a_broken_picture_is_run_and_its_lines_are_utf8(weights, tmp_path):
    from PIL import Image
    from support.making_videos import picture

    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(3):
        Image.fromarray(picture(number)).save(os.fsencode(frames) + b"/x\xe9%d.png" % number, "PNG")
    with open(os.fsencode(frames) + b"/z\xe9.png", "wb") as file:
        file.write(b"bad")
    done = run(weights, tmp_path, str(frames))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "frames.jsonl").read_text(encoding="utf-8")
    assert text.count("\n") == 4
    assert "z\ufffd.png" in text


def test_a_terminal_without_letters_is_no_error(weights, tmp_path):
    clip = write_video(tmp_path / "видео.mp4", 5)
    done = run(weights, tmp_path, str(clip), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert len(decoded(tmp_path / "out" / "видео.mp4")) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are UTF-8 elsewhere")
def test_where_names_of_files_are_ascii_a_film_of_another_name_is_run(weights, tmp_path):
    clip = write_video(tmp_path / "видео 1.mp4", 5)
    done = run(weights, tmp_path, str(clip), LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    [film] = (tmp_path / "out").glob("*.mp4")
    assert set(film.stem) == set("_ 1")
    assert done.stdout.splitlines()[-1] == os.fsencode(film)
