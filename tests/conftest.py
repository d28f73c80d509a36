"""Fixtures of the whole suite."""

import os
import signal
from pathlib import Path

import pytest
from support.sharing import pytest_runtestloop as pytest_runtestloop

# Tests read what commands say; what is said once per user is tested where it is the subject.
os.environ["STREAMDEQ_LICENCE_NOTICE"] = "off"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder beside the repository with real data and golden tensors; tests marked `shared` need it."""
    folder = Path(__file__).resolve().parents[1].parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip(f"needs {folder}")
    return folder


def pytest_configure() -> None:
    """Ctrl-C means what it means in a terminal, also where the tests run in a background job, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test marked `gpu` needs a GPU, however it was selected."""
    if any("gpu" in item.keywords for item in items):
        import torch

        if not torch.cuda.is_available():
            for item in items:
                if "gpu" in item.keywords:
                    item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
