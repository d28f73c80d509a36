"""Frames a second from a file to an annotated file, beside decoding and encoding the same file and nothing else.

python benchmarks/end_to_end.py FILE [--model NAME] [--turns N] [--out JSON] [-- OPTIONS OF streamdeq run]

Both are processes of their own, in turns; what it takes to start them is in neither: `run` says its own rate, and the
bare copy is timed inside its process.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import torch

from streamdeq.training.log import surroundings

BARE = """
import sys, time, av
began, frames = time.perf_counter(), 0
with av.open(sys.argv[1]) as source, av.open(sys.argv[2], "w") as target:
    video = source.streams.video[0]
    video.thread_type = "AUTO"
    out = target.add_stream("libx264", rate=video.average_rate, options={"preset": "veryfast"})
    out.width, out.height, out.pix_fmt = video.width // 2 * 2, video.height // 2 * 2, "yuv420p"
    for frame in source.decode(video):
        image = frame.to_ndarray(format="rgb24")
        target.mux(out.encode(av.VideoFrame.from_ndarray(image[: out.height, : out.width], format="rgb24")))
        frames += 1
    target.mux(out.encode())
print(frames / (time.perf_counter() - began))
"""


def bare(source: str, folder: Path) -> float:
    """Frames a second of decoding to RGB and encoding again."""
    command = [sys.executable, "-c", BARE, source, str(folder / "bare.mp4")]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run(source: str, model: str, folder: Path, options: list[str]) -> float:
    """Frames a second of `streamdeq run`, as its summary says."""
    command = [sys.executable, "-m", "streamdeq", "run", source, "--model", model, "--save", str(folder), "--quiet"]
    said = subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout
    [fps] = re.findall(r"([\d.]+) fps$", said, re.MULTILINE)
    return float(fps)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("source")
    given.add_argument("--model", default="camvid-s")
    given.add_argument("--turns", type=int, default=3)
    given.add_argument("--out", type=Path)
    given.add_argument("options", nargs="*", help="of `streamdeq run`, behind --")
    asked = given.parse_args()
    rates: dict[str, list[float]] = {"run": [], "bare": []}
    for _ in range(asked.turns):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            rates["run"].append(run(asked.source, asked.model, folder / "run", asked.options))
            rates["bare"].append(bare(asked.source, folder))
    fps = {name: median(some) for name, some in rates.items()}
    print(f"run {fps['run']:.1f} fps, decode and encode alone {fps['bare']:.1f} fps: {fps['run'] / fps['bare']:.2f}")
    if asked.out:
        header = {"command": sys.argv, **surroundings(torch.device("cpu"))}
        asked.out.write_text(json.dumps({"header": header, "fps": fps, "turns": rates}, indent=1) + "\n")


if __name__ == "__main__":
    main()
