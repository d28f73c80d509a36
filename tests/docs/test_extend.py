"""The steps of docs/extend.md, followed literally: its files are written, its commands run, in an environment of their
own that sees the program and what it needs."""

import json
import os
import shlex
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
from support import forked
from support.markdown import ROOT, Block, blocks

PAGE = blocks(ROOT / "docs" / "extend.md")
FILES = [block for block in PAGE if block.title]
COMMANDS = [block for block in PAGE if block.language == "bash"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a shell in which a fresh environment is active; what this one has installed is seen there."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    seen = [ROOT / "src", sysconfig.get_path("purelib")]
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    Path(purelib, "seen.pth").write_text("\n".join(map(str, seen)) + "\n", encoding="utf-8")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for name, entry in (("pip", "pip._internal.cli.main:main"), ("streamdeq", scripts["streamdeq"])):
        module, function = entry.split(":")
        script = folder / "bin" / name
        script.write_text(
            f"#!{folder}/bin/python\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    quiet = {"OMP_NUM_THREADS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_DEPS": "1"}
    variables = {**os.environ, **quiet, "PATH": path, "VIRTUAL_ENV": str(folder), "PYTHONPATH": ""}
    forked.also(str(folder / "bin" / "python"), variables)
    return variables


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the page's files are and its commands are run."""
    folder = tmp_path_factory.mktemp("workshop")
    for block in FILES:
        file = folder / block.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
    return folder


# One test per block of commands, in the page's order: what a block makes, a later one may use.
@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: f"line-{block.line}")
def test_commands_of_the_page_run(block: Block, workshop: Path, environment: dict[str, str]) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        command = ["bash", "-euo", "pipefail", "-c", line]
        if line.startswith("streamdeq ") and " data " not in line:  # forked, to be quick; but one is started
            command = [f"{environment['VIRTUAL_ENV']}/bin/python", "-m", *shlex.split(line)]
        done = forked.run(command, cwd=workshop, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "cannot be loaded" not in done.stderr  # the package of the page


def test_what_the_page_makes_is_there(workshop: Path) -> None:
    last = (workshop / "runs" / "cover-film" / "val.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert set(json.loads(last)["cover"]) >= {"road", "car"}
    assert (workshop / "runs" / "recipe" / "model.safetensors").is_file()
