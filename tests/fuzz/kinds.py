"""What is damaged, and what reads it. Each kind makes its whole files in a folder, then reads mutant after mutant of
them; StreamdeqError is a refusal, AccountingError is a finding, as is any other error."""

import json
import shutil
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from models.authors_files import LAYOUTS, write
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.golden_file import GoldenFile
from support.label_trees import SETS
from support.making_videos import write_video
from support.small_files import tiny_weights
from support.small_models import frames, tiny_model
from support.small_runs import train, trainer

from fuzz.mutants import mutated
from streamdeq import load
from streamdeq.data.check import check
from streamdeq.errors import StreamdeqError
from streamdeq.models import checkpoint as weights_file
from streamdeq.models.convert import convert_checkpoint
from streamdeq.models.spec import description_hash, read_spec
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.options import StreamOptions
from streamdeq.tasks import load_network
from streamdeq.training import checkpoint, log, session

GOLDEN = Path(__file__).parent.parent / "golden"


class AccountingError(Exception):
    """The lines written are not the frames that were processed."""


class Kind(ABC):
    """Files of a kind, in a folder that is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def read(self, rng: Random) -> None:
        """Make a mutant and read it. Raises StreamdeqError where it is refused."""


def tensors_mutated(path: Path, entry: str, hashed: Callable[[str, dict[str, torch.Tensor]], dict[str, str]]) -> Any:
    """A function that writes a mutant of a safetensors file whose metadata has a text under `entry`.

    Half of them are damaged anywhere. The others are somebody's who can write such files, and compute a hash: another
    text, other bytes in a tensor.
    """
    content, tensors = path.read_bytes(), load_file(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()

    def write(target: Path, rng: Random) -> None:
        how = rng.random()
        if how < 0.3:
            target.write_bytes(mutated(content, rng))
            return
        if how < 0.5:
            (length,) = struct.unpack("<Q", content[:8])
            header = mutated(content[8 : 8 + length], rng, text=True)
            target.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
            return
        text, held = metadata[entry], dict(tensors)
        if how < 0.85:
            text = mutated(text.encode(), rng, text=True).decode("utf-8", "replace")
        else:
            name = rng.choice(sorted(held))
            raw = bytearray(held[name].contiguous().flatten().view(torch.uint8).numpy().tobytes())
            if raw:
                same = (mutated(bytes(raw), rng) + bytes(len(raw)))[: len(raw)]
                held[name] = torch.frombuffer(bytearray(same), dtype=held[name].dtype).reshape(held[name].shape).clone()
        save_file(held, target, metadata | hashed(text, held))

    return write


class Weights(Kind):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)

        def hashed(text: str, tensors: dict[str, torch.Tensor]) -> dict[str, str]:
            tensor_hash = weights_file.digest(tensors)
            return {
                "spec": text,
                "hash": tensor_hash,
                weights_file.DESCRIPTION_HASH: description_hash(text, tensor_hash),
            }

        self._write = tensors_mutated(tiny_weights(folder / "whole.safetensors"), "spec", hashed)
        self._frame = frames(1)[0]

    def read(self, rng: Random) -> None:
        path = self.folder / "mutant.safetensors"
        self._write(path, rng)
        read_spec(path)
        model = load(path, "cpu", "fp32")
        result, _ = model.step(self._frame, model.begin(StreamOptions(iterations=1)))
        model.task.draw(self._frame.image, result)


class States(Kind):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._model, self._frames, self._writers = tiny_model(), frames(2), []
        options = (
            StreamOptions(iterations=1),
            StreamOptions(iterations=1, cuts="residual"),
            StreamOptions(target_fps=5.0),
        )
        for number, one in enumerate(options):
            _, state = self._model.step(self._frames[0], self._model.begin(one))
            state.save(folder / f"{number}.safetensors")
            self._writers.append(
                tensors_mutated(
                    folder / f"{number}.safetensors",
                    "state",
                    lambda text, held: {"state": text, "hash": description_hash(text, weights_file.digest(held))},
                )
            )

    def read(self, rng: Random) -> None:
        path = self.folder / "mutant.safetensors"
        rng.choice(self._writers)(path, rng)
        self._model.step(self._frames[1], self._model.restore(path))


class Checkpoints(Kind):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        done: list[int] = []
        train(folder / "run", report=lambda record: done.append(record.step), stop=lambda: len(done) == 2)
        path = folder / "run" / checkpoint.NAME
        self._write = tensors_mutated(path, "streamdeq", lambda text, held: {"streamdeq": text})
        self._log = (folder / "run" / log.NAME).read_bytes()
        self._whole = path.read_bytes()

    def read(self, rng: Random) -> None:
        run = self.folder / "run"
        damaged_log = rng.random() < 0.1
        (run / log.NAME).write_bytes(mutated(self._log, rng, text=True) if damaged_log else self._log)
        if damaged_log:
            (run / checkpoint.NAME).write_bytes(self._whole)
        else:
            self._write(run / checkpoint.NAME, rng)
        session.past(run)
        session.resume(trainer(run)).close()


class Published(Kind):
    """The authors' checkpoints, pickles in an archive or, older, one after the other."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        golden = GoldenFile(GOLDEN / "random_f64.safetensors")
        paths = [write(folder / f"whole-{old}.pth", golden, LAYOUTS["a run"], legacy=old) for old in (False, True)]
        self._whole = [path.read_bytes() for path in paths]

    def read(self, rng: Random) -> None:
        path, content = self.folder / "mutant.pth", rng.choice(self._whole)
        begin = content.find(b"ctorch._utils") - 100  # most of a file is numbers: half of the damage is in the program
        program = slice(begin, begin + 20_000) if rng.random() < 0.5 else slice(0, len(content))
        changed = mutated(content[program], rng, text=rng.random() < 0.2)
        path.write_bytes(content[: program.start] + changed + content[program.stop :])
        published = convert_checkpoint(path, "segmentation", 4)
        load_network(published.spec, published.tensors, str(path))


class LabelFiles(Kind):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._sets = {name: one.write(folder / name.replace(" ", "-")) for name, one in SETS.items()}

    def read(self, rng: Random) -> None:
        name = rng.choice(sorted(SETS))
        path = self._sets[name] / rng.choice(SETS[name].files)
        whole = path.read_bytes()
        path.write_bytes(mutated(whole, rng, text=True))
        try:
            report = check(self._sets[name], 2, task=SETS[name].task)
            json.dumps(list(report.problems), ensure_ascii=False).encode()
        finally:
            path.write_bytes(whole)


class Videos(Kind):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._model = tiny_model()
        films = [
            write_video(folder / f"{codec}.{ending}", 10, codec=codec, pix_fmt=pixels)
            for codec, ending, pixels in (
                ("libx264", "mp4", "yuv420p"),
                ("libx264", "ts", "yuv420p"),
                ("libx264", "mkv", "yuv420p"),
                ("mpeg4", "avi", "yuv420p"),
                ("mjpeg", "mov", "yuvj420p"),
                ("ffv1", "mkv", "yuv420p"),
            )
        ]
        pictures = [Image.fromarray(np.full((32, 48, 3), 40 * k, np.uint8)) for k in range(1, 5)]
        for ending in ("gif", "png", "webp", "tiff"):
            films.append(folder / f"pages.{ending}")
            pictures[0].save(films[-1], save_all=True, append_images=pictures[1:], duration=40)
        self._films = {path: path.read_bytes() for path in films}

    def read(self, rng: Random) -> None:
        path = rng.choice(sorted(self._films))
        mutant, out = self.folder / f"mutant{path.suffix}", self.folder / "out"
        mutant.write_bytes(mutated(self._films[path], rng))
        shutil.rmtree(out, ignore_errors=True)
        options = RunOptions(save=out, stream=StreamOptions(iterations=1), max_frames=200)
        run = Run(self._model, str(mutant), options)
        try:
            with run.results() as results:
                handed = sum(1 for _ in results)
        finally:
            told, written = run.summary, self._lines(out)
            answers = sum("failed" not in line for line in written)
            counts = (told.decoded, told.processed + told.dropped + told.failed), (told.processed, answers)
            if any(a != b for a, b in counts):
                raise AccountingError(
                    f"{told.decoded} = {told.processed} + {told.dropped} + {told.failed}, {answers} lines"
                )
        if handed != told.processed:
            raise AccountingError(f"{handed} answers, {told.processed} processed")

    @staticmethod
    def _lines(out: Path) -> list[Any]:
        return [json.loads(line) for path in out.glob("*.jsonl") for line in path.read_text("utf-8").splitlines()]


KINDS: dict[str, type[Kind]] = {
    "videos": Videos,
    "weights": Weights,
    "states": States,
    "checkpoints": Checkpoints,
    "labels": LabelFiles,
    "published": Published,
}
__all__ = ["KINDS", "AccountingError", "Kind", "StreamdeqError"]
