"""Things by name, and those that other packages bring by their entry points."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import forked
from support.runtimes import install

import streamdeq
from streamdeq.errors import StreamdeqError
from streamdeq.registry import Registry

SOLVER = """
import streamdeq
from streamdeq.solvers import Picard

@streamdeq.register("solver", "patient")
def patient(iterations):
    return Picard(0.5)
"""


def python(site: Path, program: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.path.append({str(site)!r})\n{program}"
    return forked.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)


def test_an_unknown_name_lists_the_choices_and_the_nearest_spelling() -> None:
    colours: Registry[int] = Registry("colour")
    colours.register("red")(1)
    colours.register("blue")(2)
    with pytest.raises(StreamdeqError, match=r"unknown colour 'rad'; did you mean 'red'\? \(choices: blue, red\)"):
        colours["rad"]
    with pytest.raises(ValueError, match="colour 'red' is registered twice"):
        colours.register("red")(3)


def test_nobody_registers_what_does_not_exist() -> None:
    with pytest.raises(StreamdeqError, match="unknown kind of thing to register 'sell'; did you mean 'cell'"):
        streamdeq.register("sell", "mine")


def test_an_installed_package_brings_a_solver(tmp_path: Path) -> None:
    install(tmp_path, "patience", SOLVER)
    done = python(tmp_path, "from streamdeq.solvers.named import make_solver; print(make_solver('patient', 3))")
    assert done.stdout.startswith("Picard(")
    assert done.stderr == ""


def test_packages_are_not_imported_for_what_is_known(tmp_path: Path) -> None:
    install(tmp_path, "noisy", "print('here')")
    known = python(tmp_path, "from streamdeq.solvers.named import SOLVERS; SOLVERS['picard']")
    assert known.stdout == ""
    listed = python(tmp_path, "from streamdeq.solvers.named import SOLVERS; list(SOLVERS); list(SOLVERS)")
    assert listed.stdout == "here\n"


def test_a_broken_package_costs_one_line_and_the_others_work(tmp_path: Path) -> None:
    install(tmp_path, "broken", "raise RuntimeError('no luck')")
    install(tmp_path, "patience", SOLVER)
    done = python(tmp_path, "from streamdeq.solvers.named import SOLVERS; print(*SOLVERS)")
    assert done.stdout == "broyden patient picard unrolled\n"
    assert done.stderr == "the plugin package 'broken' cannot be loaded: RuntimeError: no luck\n"
