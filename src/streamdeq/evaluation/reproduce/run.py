"""One item or all of them: open models and data, measure, write JSON, draw."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamdeq.codec import to_plain as plain
from streamdeq.data.base import Dataset
from streamdeq.data.check import check_present
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bench.run import open_model
from streamdeq.evaluation.peers import load_peer
from streamdeq.evaluation.protocol.plan import Draw
from streamdeq.evaluation.protocol.run import check_classes
from streamdeq.evaluation.reporting.table import check_writable, write_json
from streamdeq.evaluation.reproduce.item import Work, read_found, to_plain
from streamdeq.evaluation.reproduce.items import ITEMS, find_item
from streamdeq.evaluation.reproduce.latents import Measured
from streamdeq.evaluation.reproduce.settings import ItemSettings
from streamdeq.evaluation.reproduce.variants import unique
from streamdeq.models import zoo
from streamdeq.models.checkpoint import digest, read_weights
from streamdeq.runtime.precision import precision_of
from streamdeq.training.log import surroundings

#: What decides the numbers: found again in a file, they need not be measured again.
DECIDING = ("models", "references", "peers", "data", "split", "settings", "precision")
#: From an item's name to a context that counts what is done.
Track = Callable[[str], AbstractContextManager[Callable[[], None]]]


@dataclass(frozen=True)
class Subjects:
    """What an item is measured on, as a user says it.

    Args:
        peers: (name, weights file).
        outside: the data set's files may name others that do not lie below it.
    """

    models: tuple[str, ...]
    data: str
    split: str = "val"
    peers: tuple[tuple[str, Path], ...] = ()
    outside: bool = False
    device: str = "auto"
    precision: str = "fp32"


class Reproduction:
    """The items on some models and a data set, into a folder. Models and data are opened once."""

    def __init__(self, subjects: Subjects, settings: ItemSettings, out: Path) -> None:
        self.subjects, self.settings, self.out = subjects, settings, out
        opened = [open_model(name, subjects.device, subjects.precision) for name in subjects.models]
        first = opened[0][0]
        self.task = first.spec.task
        self.dataset: Dataset = open_dataset(subjects.data, subjects.split, self.task, subjects.outside)
        check_present(self.dataset)  # hours later is too late
        draw = Draw(settings.clips, settings.frames_per_clip, settings.seed)
        scored = self.dataset.scored(first.spec.classes)
        for model, _ in opened:
            check_classes(model.spec, scored)
        self.measured = [
            Measured(model, scored, draw, settings.size, settings.batch, network) for model, network in opened
        ]
        device = first.functions.device
        self.peers = [load_peer(name, path, first.spec, device, subjects.precision) for name, path in subjects.peers]
        specs = [model.spec for model, _ in opened]
        self._names = unique([one.name for one in specs], [one.provenance.recipe.get("seed") for one in specs])
        hashes = [digest(read_weights(zoo.find(name))[1]) for name in subjects.models]
        self._hashes = dict(zip(self._names, hashes, strict=True))

    def fits(self, name: str) -> str:
        """Why an item cannot be measured on these subjects; empty if it can."""
        item = ITEMS[name]
        if item.task and item.task != self.task:
            return f"it is of {item.task}, and the model is for {self.task}"
        if not item.several and len(self.measured) > 1:
            return "it is of one model"
        return ""

    def measure(self, name: str, done: Callable[[], None]) -> Path:
        """Measure into ITEM.json, unless that holds just this already; returns its path."""
        item, file = find_item(name), self.out / f"{stem(name, self.task)}.json"
        if reason := self.fits(name):
            raise StreamdeqError(f"{name}: {reason}")
        if self.peers and not item.peers:
            raise StreamdeqError(f"--peer: {name} has no place for one")
        check_writable(file)
        header = self._header()
        if not self._there(file, header):
            work = Work(self.measured, self.settings, file.with_suffix(""), done, self.peers)
            write_json(to_plain(name, header, item.measure(work)), file)
        return file

    def _there(self, file: Path, header: Mapping[str, Any]) -> bool:
        if not file.exists():
            return False
        try:
            before = read_found(file, ITEMS)["header"]
        except StreamdeqError:
            return False
        return all(before.get(key) == header[key] for key in DECIDING)

    def _header(self) -> dict[str, Any]:
        model = self.measured[0].model
        functions, subjects = model.functions, self.subjects
        return {
            "models": self._hashes,
            "references": {
                name: plain(one.model.spec.reference_solve)
                for name, one in zip(self._names, self.measured, strict=True)
            },
            "peers": [name for name, _ in subjects.peers],
            "data": subjects.data,
            "dataset": self.dataset.name,
            "split": subjects.split,
            "population": f"{len(self.dataset.clips)} clips, {len(self.dataset.samples)} labelled frames",
            "settings": plain(self.settings),
            "precision": str(precision_of(functions.dtype)),
            "command": " ".join(["streamdeq", *sys.argv[1:]]),
            **surroundings(functions.device),
        }


def stem(name: str, task: str) -> str:
    """Of an item's files: the table has one for each task."""
    return f"{name}-{task}" if ITEMS[name].several else name


def draw(file: Path) -> list[Path]:
    """The pictures of what was measured, beside it."""
    found = read_found(file, ITEMS)
    return ITEMS[found["item"]].draw(found, file)


def measured_files(out: Path, names: Sequence[str]) -> list[Path]:
    """The JSON files of items in a folder.

    Raises:
        StreamdeqError: an item has none.
    """
    files: list[Path] = []
    for name in names:
        found = sorted(out.glob(f"{name}-*.json" if find_item(name).several else f"{name}.json"))
        if not found and len(names) == 1:
            raise StreamdeqError(f"cannot read {out / name}.json: No such file; measure it first, without --draw")
        files += found
    return files


#: Rendered streets, and models of them that come with the package: no data are needed.
_RENDERED, _OTHER = "synthetic:clips=2,frames=26,size=192x256", "synthetic:seed=9,clips=2"
_QUICK = {
    "segmentation": (("street-s",), _RENDERED),
    "detection": (("street-boxes-s",), f"{_RENDERED},labels=boxes"),
    "pose": (("walkers-s",), f"{_RENDERED},labels=keypoints"),
}
_QUICK_SETTINGS = ItemSettings(
    offsets=(0, 1, 2, 5),
    frames=12,
    batch=4,
    clips=2,
    frames_per_clip=2,
    resamples=100,
    start_from=_OTHER,
)


def quick(out: Path, names: Sequence[str], settings: ItemSettings, device: str) -> Iterator[tuple[Reproduction, str]]:
    """Every item on rendered data and packaged models, small: whatever `settings` says comes before that."""
    said = {key: value for key, value in vars(settings).items() if value != getattr(ItemSettings(), key)}
    for task, (models, data) in _QUICK.items():
        own = [name for name in names if ITEMS[name].task in ("", task)]
        # What is of no task is measured once, and the table for every task.
        own = [name for name in own if ITEMS[name].task or ITEMS[name].several or task == "segmentation"]
        if own:
            made = Reproduction(Subjects(models, data, device=device), replace(_QUICK_SETTINGS, **said), out)
            yield from ((made, name) for name in own)
