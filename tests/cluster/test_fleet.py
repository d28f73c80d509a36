"""Cameras on two machines of a cluster (two nodes on this one): a machine that dies costs seconds, not cameras."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.camera_server import BEARER, TOKEN, until, written
from support.http_server import request
from support.making_videos import write_video
from support.ray_cluster import two_nodes
from support.small_files import tiny_weights

from streamdeq.errors import StreamdeqError
from streamdeq.serving.server import CameraConfig, ModelConfig, ServerConfig
from streamdeq.serving.server.config import StateConfig

ray = pytest.importorskip("ray", reason="ray is not installed: no cluster to work on")
# Ray's own: files and sockets that it leaves to the garbage collector, what it calls deprecated of itself.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
NAMES = ("a", "b", "c", "d")


def config_in(folder: Path) -> ServerConfig:
    weights = tiny_weights(folder / "tiny.safetensors")
    film = folder / "film.mp4"
    write_video(film, 100, codec_options={"g": "10"})
    camera = CameraConfig(str(film), fps=5, max_steps=2)
    models = {"tiny": ModelConfig(str(weights), "cpu", "fp32")}
    return ServerConfig(models, dict.fromkeys(NAMES, camera), StateConfig(folder / "state", 1.0))


def answered(fleet: Any, names, since_s: float) -> bool:
    """Whether each has an answer that this machine got later: `captured_s` is of the same clock, here."""
    latest = {name: fleet.latest(name) for name in names}
    return all(one is not None and one.answered_s > since_s for one in latest.values())


def test_a_killed_machines_cameras_answer_elsewhere_within_ten_seconds_from_their_state(tmp_path: Path) -> None:
    from streamdeq.cluster.fleet import Fleet

    with two_nodes() as cluster, Fleet(config_in(tmp_path), cluster.address) as fleet, fleet.subscribe() as answers:
        until(lambda: answered(fleet, NAMES, 0.0), "all answer")
        where = fleet.where()
        assert sorted(map(list(where.values()).count, {*where.values()})) == [2, 2]
        until(lambda: len(list((tmp_path / "state").glob("*.safetensors"))) == len(NAMES), "states are saved")
        dead = next(iter(cluster.worker_nodes))
        moved = [name for name, node in where.items() if node == dead.node_id]
        assert len(moved) == 2
        began_s = time.monotonic()
        cluster.remove_node(dead, allow_graceful=False)
        until(lambda: dead.node_id not in fleet.where().values(), "it is given up")
        until(lambda: answered(fleet, moved, began_s + 0.5) and len({*fleet.where().values()}) == 1, "they answer")
        took_s = time.monotonic() - began_s
        assert took_s < 10, f"{took_s:.1f} s"
        until(lambda: all(fleet.reports()[name].warm for name in moved), "from their states")
        assert answers.get(5) is not None
        # A machine that joins gets its share, and what it gets goes on from its state.
        cluster.add_node(num_cpus=1, object_store_memory=128 << 20)
        until(lambda: len({*fleet.where().values()}) == 2, "two machines have cameras again")
        until(lambda: sorted(map(list(fleet.where().values()).count, {*fleet.where().values()})) == [2, 2], "shares")
        # A replica that nobody had asked for long has let go of its cameras; it is given them again.
        ray.get(fleet._cameras["c"][1].actor.remove.remote("c", True))
        let_go_s = time.monotonic()
        until(lambda: answered(fleet, ("c",), let_go_s + 1), "it goes on")
        fleet.change("a", max_steps=1)
        fleet.remove("b")
        assert fleet.cameras()["a"].max_steps == 1
        with pytest.raises(StreamdeqError, match="unknown camera 'b'"):
            fleet.latest("b")
        with pytest.raises(StreamdeqError, match="no file or folder"):
            fleet.add("e", CameraConfig(str(tmp_path / "none.mp4")))
        since_s = time.monotonic()
        until(lambda: answered(fleet, ("a", "c", "d"), since_s), "the others go on")
    assert os.listdir(tmp_path / "state")


def test_the_command_shows_a_clusters_cameras_as_one_machines_and_ends_in_order(tmp_path: Path) -> None:
    file = written(tmp_path, f"state: {{ folder: {tmp_path / 'state'} }}\n")
    command = [sys.executable, "-m", "streamdeq", "serve", str(file), "--port", "0", "--ray", "local"]
    own = {"OMP_NUM_THREADS": "1", "STREAMDEQ_TOKEN": TOKEN, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment = {**os.environ, **own}
    log = tmp_path / "log"
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as running,
    ):
        try:
            told = re.match(r"page: http://127\.0\.0\.1:(\d+)/", running.stdout.readline())
            assert told is not None, log.read_text()

            def ask(path: str) -> tuple[int, str]:
                return request(int(told[1]), path, **BEARER)[:2]

            until(lambda: json.loads(ask("/cameras/gate")[1])["processed"] > 3, "answers")
            assert [one["name"] for one in json.loads(ask("/cameras")[1])["cameras"]] == ["gate", "yard"]
            for path in ("/healthz", "/metrics", "/cameras/gate/latest", "/cameras/gate/picture"):
                assert ask(path)[0] == 200, path
            running.send_signal(signal.SIGTERM)
            assert running.wait(60) == 0, log.read_text()
        finally:
            running.kill()
    assert {path.stem for path in (tmp_path / "state").glob("*.safetensors")} == {"gate", "yard"}
