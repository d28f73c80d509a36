"""How threads wait, by what OpenMP itself says it read, and what is told of it."""

import os
import subprocess
import sys

import pytest
import torch

from streamdeq import threads


def openmp(**environment: str) -> str:
    """What the OpenMP that torch brings shows of its settings in a process that imports streamdeq first."""
    kept = {name: value for name, value in os.environ.items() if name not in threads.CHOICES}
    program = "import streamdeq, torch; torch.ones(1)"
    env = {**kept, "OMP_DISPLAY_ENV": "VERBOSE", "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr.upper()


@pytest.mark.skipif(sys.platform != "linux", reason="the OpenMP of torch's wheels for Linux is asked")
def test_threads_sleep_when_they_wait_unless_the_environment_has_chosen() -> None:
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in openmp()
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in openmp(OMP_WAIT_POLICY="active")


def test_nothing_is_set_once_torch_is_there_or_the_environment_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in threads.CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", sys)
    threads.wait_asleep()
    assert not set(threads.CHOICES) & set(os.environ)
    assert threads.waiting().startswith("spinning: torch was imported before streamdeq")
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setenv("GOMP_SPINCOUNT", "1000")
    threads.wait_asleep()
    assert threads.waiting() == "GOMP_SPINCOUNT=1000: perhaps spinning, at the cost of others"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setattr(os, "environ", dict(os.environ))  # what is set here ends with the test
    threads.wait_asleep()
    assert threads.waiting() == "OMP_WAIT_POLICY=PASSIVE KMP_BLOCKTIME=0: asleep, programs share the machine"


def test_cores_are_spared_unless_somebody_has_said_how_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    try:
        for had, threads_asked, spared, expected in [(4, None, 1, 3), (1, None, 1, 1), (4, 2, 1, 2), (4, None, 0, 4)]:
            torch.set_num_threads(had)
            threads.use(threads_asked, spared)
            assert torch.get_num_threads() == expected
        torch.set_num_threads(4)
        monkeypatch.setenv("OMP_NUM_THREADS", "4")
        threads.use(None, 1)
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)
