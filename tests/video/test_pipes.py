"""Sources that can be read once: standard input, process substitution, named pipes."""

import os
import subprocess
import sys
import threading
from contextlib import suppress

import pytest
from support.making_videos import number_on, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.video import open_source, pipes

READ = """
import sys
from streamdeq.video import open_source
with open_source(sys.argv[1]) as source:
    print(source.name, *[item.index for item in source], source.stats.note)
"""


def containers(folder):
    """One file of each kind; of mp4 with its index in front and behind, and in fragments."""
    for suffix in ("ts", "mkv", "h264", "flv"):
        yield write_video(folder / f"a.{suffix}", 30)
    for flags in ("", "faststart", "frag_keyframe+empty_moov"):
        options = {"movflags": flags} if flags else None
        yield write_video(folder / f"{flags or 'end'}.mp4", 30, container_options=options)


def through_fifo(path, fifo):
    """Read `path` through a named pipe that another thread writes to."""

    def write():
        with open(fifo, "wb") as pipe:
            pipe.write(path.read_bytes())

    os.mkfifo(fifo)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        with open_source(fifo) as source:
            return list(source), source
    finally:
        writer.join(60)


def test_a_named_pipe_gives_every_frame_of_every_container(tmp_path):
    for path in containers(tmp_path):
        items, source = through_fifo(path, tmp_path / f"{path.name}.pipe")
        assert [number_on(item.image) for item in items] == list(range(30)), path.name
        assert [item.time_s for item in items] == pytest.approx([n / 25 for n in range(30)], abs=2e-3)
        assert (source.stats.failed, source.stats.note) == (0, "")


@pytest.mark.parametrize(("name", "suffix"), [("-", "mp4"), ("-", "ts"), ("/dev/stdin", "mp4")])
def test_standard_input_is_read_from_its_first_byte(tmp_path, name, suffix):
    path = write_video(tmp_path / f"a.{suffix}", 30)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as cat:
        command = [sys.executable, "-c", READ, name]
        done = subprocess.run(command, stdin=cat.stdout, capture_output=True, text=True, timeout=240)
    assert done.stdout.split() == ["stdin", *map(str, range(30))], done.stderr


def test_an_endless_pipe_is_not_waited_out(tmp_path):
    path, fifo = write_video(tmp_path / "a.ts", 200), tmp_path / "p"
    os.mkfifo(fifo)
    held = threading.Event()

    def write():
        # The source is closed before it has read all: what is left then finds no reader.
        with suppress(BrokenPipeError), open(fifo, "wb") as pipe:
            pipe.write(path.read_bytes())
            pipe.flush()
            held.wait(60)

    writer = threading.Thread(target=write)
    writer.start()
    with open_source(fifo) as source:
        items = iter(source)
        assert [number_on(next(items).image) for _ in range(20)] == list(range(20))
        held.set()
    writer.join(60)


@pytest.mark.parametrize("name", ["/dev/null"])
def test_a_pipe_without_a_byte_is_refused_in_one_line(name):
    with pytest.raises(StreamdeqError, match="nothing came through /dev/null"):
        open_source(name)


def test_a_pipe_that_nobody_writes_to_is_given_up(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "p")
    monkeypatch.setattr(pipes, "FIRST_BYTE_S", 0.2)
    with pytest.raises(StreamdeqError, match="start what writes to it first"):
        open_source(tmp_path / "p")


def test_a_pipe_of_text_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.txt").write_text("no video\n" * 200)
    with pytest.raises(StreamdeqError, match="not a video"):
        through_fifo(tmp_path / "a.txt", tmp_path / "p")


def test_a_file_called_minus_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", 3).rename(tmp_path / "-")
    with open_source("-") as source:
        assert len(list(source)) == 3
