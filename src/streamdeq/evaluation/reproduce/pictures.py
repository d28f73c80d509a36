"""Figs 10 and 23: answers as pictures, every frame from zeros beside streaming, as a grid and as a film."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.evaluation.reproduce.item import Work
from streamdeq.files import atomic_path, ensure_folder
from streamdeq.solvers import make_solver
from streamdeq.streaming.loop import run_clip
from streamdeq.tasks.drawing import captioned
from streamdeq.values.frame import Frame
from streamdeq.video import VideoSink

#: Frames that are streamed over, and at the most so many of them stand in the grid.
FRAMES, COLUMNS = 21, 5
#: Height of a picture in the grid, in pixels.
HEIGHT = 180
#: Of the film, where the data's rate says nothing.
LEAST_FPS = 5.0


def drawn_answers(work: Work) -> dict[str, Any]:
    """The answers for the first frames of a clip, drawn on them: from zeros with M iterations each, and streaming with
    M; and from zeros with those of the model's reference. Written as PNGs beside the JSON file."""
    measured, settings = work.one, work.settings
    longest = max(len(clip) for clip in measured.dataset.clips)
    wanted = min(settings.frames or FRAMES, longest)
    clips = [n for n, clip in enumerate(measured.dataset.clips) if len(clip) >= wanted]
    chosen = measured.draw([Sample(n, 0) for n in clips])[0].clip if settings.clips else clips[0]
    clip, rows = measured.dataset.clips[chosen], []
    shown = [(count, keep) for count in settings.counts((1, 2)) for keep in (False, True)]
    ensure_folder(work.folder)
    for count, keep in [*shown, (measured.iterations, False)]:
        files = []
        for t, image in enumerate(_drawn(work, chosen, wanted, count, keep)):
            name = f"{'streaming' if keep else 'zeros'}-{count}-{t:03d}.png"
            with atomic_path(work.folder / name) as part:
                Image.fromarray(image).save(part, format="PNG")
            files.append(name)
            work.done()
        rows.append({"iterations": count, "streaming": keep, "files": files})
    return {"pictures": {"folder": work.folder.name, "clip": clip.name, "fps": clip.fps, "rows": rows}}


def draw_pictures(found: Mapping[str, Any], path: Path) -> list[Path]:
    """Rows of the grid are iterations, from zeros and streaming, columns frames; the film has all frames."""
    pictures = found["pictures"]
    folder, rows = path.parent / pictures["folder"], pictures["rows"]
    count = len(rows[0]["files"])
    columns = sorted({round(n) for n in np.linspace(0, count - 1, min(COLUMNS, count))})
    grid = [np.concatenate([_tile(folder, row, t, f", frame {t}") for t in columns], axis=1) for row in rows]
    picture, film = path.with_suffix(".png"), path.with_suffix(".mp4")
    with atomic_path(picture) as part:
        Image.fromarray(np.concatenate(grid)).save(part, format="PNG")
    film.unlink(missing_ok=True)
    fps = max(LEAST_FPS, pictures["fps"])
    with VideoSink(film, fps=fps) as sink:
        for t in range(count):
            left, right = (_column(folder, rows, t, streaming=side) for side in (False, True))
            right = np.pad(right, ((0, len(left) - len(right)), (0, 0), (0, 0)))
            sink.write(Frame(np.concatenate([left, right], axis=1), t, t / fps))
    return [picture, film]


def _drawn(work: Work, clip: int, frames: int, count: int, keep: bool) -> Iterator[np.ndarray]:
    measured = work.one
    model = measured.model
    engine = model.engine(make_solver(model.spec.solver, count), measured.size)
    pictures = [measured.frames.frame(Sample(clip, t)) for t in range(frames)]
    answers = run_clip(engine, engine.open(), pictures, engine.solver.evaluations(count), keep=keep)
    for picture, answer in zip(pictures, answers, strict=True):
        yield model.task.draw(picture.image, answer)


def _column(folder: Path, rows: Sequence[Mapping[str, Any]], t: int, *, streaming: bool) -> np.ndarray:
    return np.concatenate([_tile(folder, row, t) for row in rows if row["streaming"] is streaming])


def _tile(folder: Path, row: Mapping[str, Any], t: int, where: str = "") -> np.ndarray:
    image = Image.open(folder / row["files"][t])
    size = (2 * round(image.width * HEIGHT / image.height / 2), HEIGHT)
    scaled = np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    return captioned(scaled, f"{'streaming' if row['streaming'] else 'from zeros'}, {row['iterations']}{where}")
