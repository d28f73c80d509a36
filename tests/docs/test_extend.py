"""The steps of docs/extend.md, followed literally: its files are written, its commands run, in an environment of their
own that sees the program and what it needs."""

import os
import subprocess
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
from support.markdown import ROOT, blocks

STEPS = [block for block in blocks(ROOT / "docs" / "extend.md") if block.title or block.language == "bash"]
COMMANDS = [block for block in STEPS if not block.title]


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
    return {**os.environ, **quiet, "PATH": path, "VIRTUAL_ENV": str(folder), "PYTHONPATH": ""}


def test_the_steps_lead_to_models_that_are_trained_scored_and_run(environment: dict[str, str], tmp_path: Path) -> None:
    for block in STEPS:
        if block.title:
            file = tmp_path / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    said = ""
    for block in COMMANDS:
        command = ["bash", "-euo", "pipefail", "-c", block.text]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docs/extend.md, line {block.line}:\n{done.stdout}{done.stderr}"
        said += done.stdout
    assert "films with masks" in said
