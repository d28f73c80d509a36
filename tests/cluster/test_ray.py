"""An archive through Ray, on one machine as two nodes: what dies is replaced, and every frame is there once.

Ray is not among the tools of this package (its wheel has 60 MB): without it these tests are skipped by name.
"""

import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from support import pool_jobs
from support.making_videos import write_video
from support.ray_cluster import two_nodes
from support.small_files import tiny_weights

from streamdeq.cluster.archive import Archive, Settings, begin
from streamdeq.cluster.options import ArchiveOptions
from streamdeq.cluster.ray_pool import RayPool
from streamdeq.streaming.options import StreamOptions

ray = pytest.importorskip("ray", reason="ray is not installed: no cluster to work on")
pytestmark = [
    pytest.mark.slow,
    # Ray's own: files and sockets that it leaves to the garbage collector, what it calls deprecated of itself.
    pytest.mark.filterwarnings("ignore"),
]
LENGTH = 60


def noted(folder: Path, inner: Callable[[], Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """As `inner`; each process leaves its number."""
    work = inner()

    def do(job: Any) -> Any:
        (folder / str(os.getpid())).touch()
        time.sleep(0.3)
        return work(job)

    return do


def films_in(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    films = [folder / f"{n:02d}.mp4" for n in range(count)]
    for film in films:
        write_video(film, LENGTH, codec_options={"g": "12", "bf": "2"})
    return films


def rows_of(out: Path) -> list[tuple[str, int]]:
    rows = parquet.read_table(out / "results", columns=["camera", "index"]).to_pylist()
    return sorted((row["camera"], row["index"]) for row in rows)


def test_a_worker_and_a_node_die_and_every_frame_is_there_once(tmp_path: Path) -> None:
    with two_nodes() as cluster:
        check_deaths(cluster, tmp_path)


def check_deaths(cluster: Any, tmp_path: Path) -> None:
    films, out, pids = films_in(tmp_path / "films", 8), tmp_path / "out", tmp_path / "pids"
    pids.mkdir()
    weights = tiny_weights(tmp_path / "tiny.safetensors")
    chosen = ArchiveOptions(minutes=0.01, stream=StreamOptions(iterations=1))
    settings = Settings(model=str(weights), device="cpu", precision="fp32", options=chosen)
    work = Archive(films, out, settings, ray=cluster.address)
    work._pool = RayPool(partial(noted, pids, partial(begin, settings, out, 1)), cluster.address)

    def kill() -> None:
        while len(list((out / "results").glob("*.parquet"))) < 2:
            time.sleep(0.05)
        newest = max(pids.iterdir(), key=lambda path: path.stat().st_mtime)
        os.kill(int(newest.name), signal.SIGKILL)
        while len(list((out / "results").glob("*.parquet"))) < 6:
            time.sleep(0.05)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert sum(counts.processed for counts in work.run()) == LENGTH * len(films)
    killer.join(1)
    assert not killer.is_alive()
    assert work.report.problems == {}
    assert work.report.parts == 3 * len(films)
    assert rows_of(out) == [(str(film), n) for film in films for n in range(LENGTH)]
    # Without Ray there is nothing left to do.
    again = Archive(films, out, settings, processes=1)
    assert sum(counts.processed for counts in again.run()) == LENGTH * len(films)


def test_on_this_machine_alone_a_job_that_kills_every_actor_is_told_and_the_others_done(tmp_path: Path) -> None:
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    jobs = [("fine", 0), ("always", 99), ("odd", 0)]
    answers = dict(RayPool(partial(pool_jobs.dying, tmp_path), "local", 1).run(deque(jobs)))
    assert isinstance(answers["fine", 0], int)
    assert str(answers["odd", 0]) == "odd one"
    assert "Ray gave it up in 3 attempts" in str(answers["always", 99])
    assert not ray.is_initialized()
