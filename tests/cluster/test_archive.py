"""An archive: every frame of every film once, whatever dies meanwhile, and the answers those of the whole film."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyarrow import parquet
from support.making_videos import overwrite, write_video
from support.small_files import tiny_weights

from streamdeq.api import load
from streamdeq.cluster.archive import Archive, Settings, archive_at, films_of
from streamdeq.cluster.jobs import Worker, planned
from streamdeq.cluster.options import ArchiveOptions
from streamdeq.errors import StreamdeqError
from streamdeq.files import TakenError
from streamdeq.streaming.options import StreamOptions
from streamdeq.values.choice import Choice
from streamdeq.video import open_source

LENGTH = 60
PARTS = {"g": "12", "bf": "2"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def options(minutes: float | None = 0.01, **more) -> ArchiveOptions:
    """Parts of about 15 frames."""
    return ArchiveOptions(minutes=minutes, stream=StreamOptions(iterations=4), **more)


def archived(weights: Path, out: Path, films: list[Path], chosen: ArchiveOptions) -> list[dict]:
    """In this process: the rows of all films, in order."""
    settings = Settings(model=str(weights), device="cpu", precision="fp32", options=chosen)
    with archive_at(out, settings):
        worker = Worker(str(weights), "cpu", "fp32", chosen, out)
        for film in films:
            plan = planned(film, chosen, out)
            for number in range(plan.count):
                worker.do(plan, number)
    return rows_of(out)


def rows_of(out: Path) -> list[dict]:
    rows = parquet.read_table(out / "results").to_pylist(maps_as_pydicts="strict")
    return sorted(rows, key=lambda row: (row["camera"], row["index"]))


def check_once(rows: list[dict], films: list[Path], length: int = LENGTH) -> None:
    assert [(row["camera"], row["index"]) for row in rows] == [
        (str(film), n) for film in sorted(films) for n in range(length)
    ]


def told(rows: list[dict]) -> list[tuple]:
    """What does not depend on when and where it was computed."""
    return [tuple(row[key] for key in ("index", "time_s", "start", "residual", "shares")) for row in rows]


def test_a_film_in_parts_has_every_frame_once_and_the_answers_of_the_whole(weights: Path, tmp_path: Path) -> None:
    films = [tmp_path / "a.mp4", tmp_path / "b.mkv"]
    for film in films:
        write_video(film, LENGTH, codec_options=PARTS)
    chosen = {"stream": StreamOptions(iterations=2, start="zeros")}  # every frame by itself
    divided = archived(weights, tmp_path / "parts", films, ArchiveOptions(minutes=0.01, **chosen))
    whole = archived(weights, tmp_path / "whole", films, ArchiveOptions(minutes=None, **chosen))
    assert len(list((tmp_path / "parts" / "results").iterdir())) == 6
    assert len(list((tmp_path / "whole" / "results").iterdir())) == 2
    check_once(divided, films)
    check_once(whole, films)
    assert told(divided) == told(whole)


def test_a_part_is_the_stream_that_begins_so_many_frames_before_it(weights: Path, tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    write_video(film, LENGTH, codec_options=PARTS)
    rows = archived(weights, tmp_path / "out", [film], options(overlap=5))
    plan = planned(film, options(overlap=5), tmp_path / "out")
    model = load(weights, "cpu", "fp32")
    with open_source(film) as source:
        frames = list(source)
    expected = []
    for part, end in zip(plan.parts, [*(part.first for part in plan.parts[1:]), LENGTH], strict=True):
        begin = max(0, part.first - 5)
        with model.stream(iterations=4) as stream:
            answers = [stream.step(frame) for frame in frames[begin:end]]
        expected += answers[part.first - begin :]
    assert len(plan.parts) == 3
    assert [row["index"] for row in rows if row["start"] == "cold"] == [0]
    assert [row["residual"] for row in rows] == [pytest.approx(one.status.residual, rel=1e-5) for one in expected]
    shares = [{name: round(share, 4) for name, share in one.shares().items()} for one in expected]
    assert [row["shares"] for row in rows] == shares


def test_what_is_done_is_not_done_again_and_what_is_not_is(weights: Path, tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    write_video(film, LENGTH, codec_options=PARTS)
    archived(weights, tmp_path / "out", [film], options())
    done = sorted((tmp_path / "out" / "results").iterdir())
    done[1].unlink()
    before = {path: path.stat().st_mtime_ns for path in done if path.exists()}
    check_once(archived(weights, tmp_path / "out", [film], options()), [film])
    assert {path: path.stat().st_mtime_ns for path in before} == before
    # Another film under that name: nothing of the former is left.
    write_video(film, 20, codec_options=PARTS)
    check_once(archived(weights, tmp_path / "out", [film], options()), [film], 20)


def test_damaged_frames_are_failures_in_their_place_and_odd_files_are_told(weights: Path, tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    write_video(film, LENGTH, codec_options={"g": "12", "bf": "0"})
    overwrite(film, [29], lambda old: b"\0" * len(old))
    rows = archived(weights, tmp_path / "out", [film], options())
    check_once(rows, [film])
    failed = [row for row in rows if row["failed"]]
    assert 29 in [row["index"] for row in failed]
    assert all(row["reason"] for row in failed)
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(StreamdeqError):
        planned(tmp_path / "text.mp4", options(), tmp_path / "out")


def test_a_folder_is_one_archives_and_one_writers(weights: Path, tmp_path: Path) -> None:
    settings = Settings(model=str(weights), options=options())
    with archive_at(tmp_path, settings):
        command = "import sys; from streamdeq.files import held\nwith held(sys.argv[1], '', ''): pass"
        other = subprocess.run([sys.executable, "-c", command, str(tmp_path)], capture_output=True, text=True)
        assert TakenError.__name__ in other.stderr
    with archive_at(tmp_path, settings):
        pass
    changed = Settings(model=str(weights), options=options(overlap=3))
    with pytest.raises(StreamdeqError, match=r"was made with options.overlap 20, not 3"), archive_at(tmp_path, changed):
        pass


def test_tracked_films_are_not_divided_and_patterns_name_files(tmp_path: Path) -> None:
    assert options(choice=Choice(track=True)).minutes is None
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.mp4", "deep/a.mp4", "deep/er/c.mp4", "d.txt"):
        (tmp_path / name).touch()
    found = films_of([f"{tmp_path}/**/*.mp4", f"{tmp_path}/b.mp4"])
    assert [path.name for path in found] == ["b.mp4", "a.mp4", "c.mp4"]
    with pytest.raises(StreamdeqError, match="no file is named by"):
        films_of([f"{tmp_path}/*.mkv"])


# -- processes -------------------------------------------------------------------------------------------------


def start(weights: Path, films: Path, out: Path) -> subprocess.Popen:
    chosen = f"--model {weights} --device cpu --precision fp32 --processes 2 --minutes 0.01 -n 4 --quiet"
    command = [sys.executable, "-m", "streamdeq", "archive", f"{films}/*.mp4", "--out", str(out), *chosen.split()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(pid: int) -> list[int]:
    """Its workers: the processes below it that were spawned to work."""
    found = []
    for task in Path("/proc").glob("[0-9]*"):
        try:
            stat, line = (task / "stat").read_text(), (task / "cmdline").read_bytes()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == pid and b"spawn_main" in line:
            found.append(int(task.name))
    return sorted(found)


def many(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    films = [folder / f"{n:03d}.mp4" for n in range(count)]
    for film in films:
        write_video(film, LENGTH, codec_options=PARTS)
    return films


def wait_for(condition, patience_s: float = 60.0):
    end = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
@pytest.mark.parametrize("count", [6, 50])
def test_a_killed_worker_and_a_killed_archive_lose_no_frame_and_repeat_none(
    weights: Path, tmp_path: Path, count: int
) -> None:
    films, out = many(tmp_path / "films", count), tmp_path / "out"
    results = out / "results"
    first = start(weights, tmp_path / "films", out)
    wait_for(lambda: len(list(results.glob("*.parquet"))) >= 2)
    workers = children(first.pid)
    os.kill(workers[0], signal.SIGKILL)
    wait_for(lambda: len(list(results.glob("*.parquet"))) >= 4)
    workers = children(first.pid)
    first.kill()
    first.communicate()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    done = len(list(results.glob("*.parquet")))
    assert 4 <= done < 3 * count
    second = start(weights, tmp_path / "films", out)
    said, errors = second.communicate(timeout=500)
    assert second.returncode == 0, errors
    assert f"{count} films, {3 * count} parts done, {LENGTH * count} frames processed + 0 failed" in said
    check_once(rows_of(out), films)
    assert {path.suffix for path in results.iterdir()} == {".parquet"}
    assert not [path for path in results.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_ctrl_c_ends_an_archive_at_once_and_films_that_cannot_be_read_are_told(weights: Path, tmp_path: Path) -> None:
    many(tmp_path / "films", 3)
    (tmp_path / "films" / "odd.mp4").write_text("no film")
    running = start(weights, tmp_path / "films", tmp_path / "out")
    wait_for(lambda: list((tmp_path / "out" / "results").glob("*.parquet")))
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode in (0, 1, 130)
    again = start(weights, tmp_path / "films", tmp_path / "out")
    said, errors = again.communicate(timeout=120)
    assert again.returncode == 1
    assert "odd.mp4: " in errors
    assert "4 films, 9 parts done, 180 frames processed + 0 failed" in said


@pytest.mark.slow
def test_in_python_an_archive_tells_its_counts(weights: Path, tmp_path: Path) -> None:
    films = many(tmp_path / "films", 2)
    settings = Settings(model=str(weights), device="cpu", precision="fp32", options=options())
    work = Archive(films, tmp_path / "out", settings, processes=1)
    assert sum(counts.processed for counts in work.run()) == 2 * LENGTH
    assert work.report.counts.processed == 2 * LENGTH
    with pytest.raises(StreamdeqError, match="unknown model"):
        list(Archive(films, tmp_path / "other", Settings(model="camvid-z"), processes=1).run())
