"""One server for the tests of a file, which leave its two cameras as they were."""

from collections.abc import Iterator

import pytest
import torch
from support.camera_server import Served, running, until, written


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Takes more than a slow machine has room for."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("served")
    store = f"results:\n  - {{ kind: sqlite, path: {folder / 'results.db'} }}\n"
    allow = "allow:\n  schemes: [rtsp, tcp]\n  hosts: [10.0.0.*, '*.cams.example', 127.0.0.1]\n"
    with running(written(folder, f"{store}{allow}listen: {{ port: 0 }}\noverload: true\n")) as one:
        until(lambda: all(one.camera(name)["processed"] for name in ("gate", "yard")), "an answer of each camera")
        yield one
    torch.set_num_threads(before)
