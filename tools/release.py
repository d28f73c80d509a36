"""Make a release: source and wheels into `dist/`, checked as PyPI checks them, and a package index beside them.

.venv/bin/python tools/release.py [FOLDER]

The wheel of `streamdeq` is built from the source that is released, not from this checkout. Files of other versions
stay.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
INDEX = "simple"


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").absolute()
    version = version_of(ROOT)
    try:
        check_versions(version)
        with tempfile.TemporaryDirectory() as new:
            built = build(Path(new))
            check(built)
            folder.mkdir(parents=True, exist_ok=True)
            released = [keep(file, folder) for file in built]
        index(folder)
    except (subprocess.CalledProcessError, ValueError, OSError) as error:
        said = getattr(error, "stderr", None) or error
        print(f"release: {said}", file=sys.stderr)
        return 1
    if "(unreleased)" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        print(f"release: a rehearsal: CHANGELOG.md calls {version} unreleased", file=sys.stderr)
    for file in released:
        print(f"{file}  {file.stat().st_size / 1e6:.1f} MB  sha256 {sha256(file)}")
    print(f"pip install --index-url file://{folder / INDEX} --extra-index-url https://pypi.org/simple streamdeq")
    return 0


def version_of(project: Path) -> str:
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def check_versions(version: str) -> None:
    """Raise ValueError where the two distributions, which share files, are not of one version."""
    if (edge := version_of(ROOT / "edge")) != version:
        raise ValueError(f"streamdeq is {version} and streamdeq-edge {edge}; give them one version")


def build(folder: Path) -> list[Path]:
    """The source and the wheel made of it; the edge's wheel, whose files lie beside its project."""
    common = [UV, "build", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable, "-o", folder]
    run(*common, ROOT)
    run(*common, "--wheel", ROOT / "edge")
    return sorted(file for file in folder.iterdir() if file.suffix in (".gz", ".whl"))


def check(files: list[Path]) -> None:
    """The metadata and the README as PyPI reads them; CalledProcessError where it would refuse them."""
    run(sys.executable, "-m", "twine", "check", "--strict", *files)


def run(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, stderr=f"{done.stdout}{done.stderr}".strip())


def keep(file: Path, folder: Path) -> Path:
    """A copy in `folder` that appears whole."""
    part = folder / f".{file.name}.part"
    part.write_bytes(file.read_bytes())
    os.replace(part, folder / file.name)
    return folder / file.name


def index(folder: Path) -> None:
    """Pages by which pip finds every file in `folder` (PEP 503, the simple repository API)."""
    files = sorted(file for file in folder.iterdir() if file.name.endswith((".tar.gz", ".whl")))
    named: dict[str, list[Path]] = {}
    for file in files:
        named.setdefault(file.name.split("-")[0].replace("_", "-"), []).append(file)
    for name, own in named.items():
        links = [f'<a href="../../{file.name}#sha256={sha256(file)}">{file.name}</a><br>' for file in own]
        page(folder / INDEX / name, links)
    page(folder / INDEX, [f'<a href="{name}/">{name}</a><br>' for name in named])


def page(folder: Path, links: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    body = "\n".join(links)
    (folder / "index.html").write_text(f"<!DOCTYPE html>\n<html><body>\n{body}\n</body></html>\n", encoding="utf-8")


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
