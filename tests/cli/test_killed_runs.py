"""Twenty kills of a file run, at any moment: what was finished plays, and the next run leaves nothing else behind."""

import os
import random
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.test_interrupted import RUN
from support import forked
from support.making_videos import decoded, rough, write_video
from support.small_files import tiny_weights

FRAMES = 120
#: Where an index has the size of each picture.
TO_SIZES = (b"trak", b"mdia", b"minf", b"stbl", b"stsz")
#: Others may be busy on this machine.
PATIENCE_S = 250.0
Going = Callable[[], bool]


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of an mp4's boxes, one after another, as far as they are whole."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size < head or at + size > len(data):
            return
        yield kind, data[at + head : at + size]
        at += size


def inside(data: bytes, *kinds: bytes) -> Iterator[bytes]:
    """The contents of the boxes that lie so deep: `kinds` from the outermost on."""
    for kind, content in boxes(data):
        if kind == kinds[0]:
            yield from inside(content, *kinds[1:]) if kinds[1:] else [content]


def frames_finished(path: Path) -> int:
    """Frames whose entry in an index and whose pictures are whole, by the film's own count.

    A film that is being written is `moov`, `mdat`, and `moof`, `mdat` for each further second; one that is finished
    is `mdat`, `moov`, or with its index in front `moov`, `mdat`.
    """
    count, pending, pictures = 0, 0, False
    for kind, content in boxes(path.read_bytes()):
        if kind == b"mdat":
            count, pending, pictures = count + pending, 0, True
        elif kind == b"moov":
            entries = sum(struct.unpack_from(">I", sizes, 8)[0] for sizes in inside(content, *TO_SIZES))
            count, pending = (count + entries, pending) if pictures else (count, pending + entries)
        elif kind == b"moof":
            pending += sum(struct.unpack_from(">I", run, 4)[0] for run in inside(content, b"traf", b"trun"))
    return count


def wait(running: subprocess.Popen[bytes], happened: Going) -> None:
    end = time.monotonic() + PATIENCE_S
    while running.poll() is None and not happened():
        assert time.monotonic() < end
        time.sleep(0.001)


def at_start(delay_s: float) -> Callable[[Path], Going]:
    return lambda out: lambda: time.sleep(delay_s) is None


def after(lines: int) -> Callable[[Path], Going]:
    return lambda out: lambda: (out / "a.jsonl").exists() and (out / "a.jsonl").read_text().count("\n") >= lines


def at_the_end(out: Path) -> Going:
    """While the film, whole already, is written anew with its index in front."""
    return lambda: any(name.startswith(".a.unfinished") for name in os.listdir(out))


@pytest.mark.slow
def test_twenty_kills_leave_films_that_play_and_nothing_that_the_next_run_does_not_sweep(tmp_path: Path):
    clip = write_video(tmp_path / "a.mp4", FRAMES, draw=rough)
    command = [*RUN, str(clip), "--model", str(tiny_weights(tmp_path / "tiny.safetensors")), "--device", "cpu"]
    out = tmp_path / "out"
    out.mkdir()
    rng = random.Random(20)
    moments = [at_start(rng.uniform(0.3, 4)) for _ in range(5)] + [after(rng.randint(20, FRAMES)) for _ in range(10)]
    moments += [at_the_end] * 5
    rng.shuffle(moments)
    killed = played = 0
    for moment in moments:
        before = set(os.listdir(out))
        (out / "a.jsonl").unlink(missing_ok=True)
        with forked.Popen(
            [*command, "--save", str(out), "--overwrite", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as running:
            wait(running, moment(out))
            running.kill()
        killed += running.returncode == -signal.SIGKILL
        left = sorted(out.iterdir())
        assert {path.suffix for path in left} <= {".mp4", ".jsonl", ""}  # the last: the lock's
        for path in left:
            # What begins with a dot is a copy being made of what is whole already.
            if path.suffix == ".mp4" and not path.name.startswith(".") and (count := frames_finished(path)):
                played += 1
                assert len(decoded(path)) >= count, path
        if any(path.name == "a.jsonl" for path in left):  # it came as far as its folder: what was there is swept
            assert not {name for name in before if "unfinished" in name} & {path.name for path in left}
    assert killed >= 15
    assert played >= 10
    done = forked.run([*command, "--save", str(out), "--overwrite", "--quiet"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(out)) == ["a.jsonl", "a.mp4"]
    assert len(decoded(out / "a.mp4")) == FRAMES
