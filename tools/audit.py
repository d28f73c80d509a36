"""`make audit`: known vulnerabilities of what this package depends on, in the versions installed here, by pip-audit.

Without its service (no network) it says so, and that is no failure.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 100


def installed() -> list[str]:
    """`name==version` of the dependencies, those of the extras too, as far as they are there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    found = []
    for name in sorted({re.split(r"[^A-Za-z0-9._-]", one)[0] for one in wanted}):
        try:
            found.append(f"{name}=={version(name).partition('+')[0]}")  # +cpu is no version of PyPI
        except PackageNotFoundError:
            continue
    return found


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "requirements.txt")
        listed.write_text("\n".join(packages := installed()), encoding="utf-8")
        options = [
            "--requirement",
            str(listed),
            "--no-deps",
            "--disable-pip",
            "--progress-spinner=off",
            "--format=json",
        ]
        try:
            asked = subprocess.run(
                [Path(sys.executable).with_name("uv"), "tool", "run", "pip-audit", *options],
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
            )
            told = json.loads(asked.stdout)["dependencies"]
        except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
            lines = asked.stderr.strip().splitlines() if isinstance(error, ValueError) else []
            print(f"audit could not run: {lines[-1] if lines else error}")
            return 0
    known = [(one, hole) for one in told for hole in one.get("vulns", ())]
    for one, hole in known:
        print(
            f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        )
    print(f"audit: {len(known)} known vulnerabilities in {len(packages)} packages")
    return int(bool(known))


if __name__ == "__main__":
    sys.exit(main())
