"""What to train on somebody's own data, chosen from the data: task, weights to begin with, recipe; and why.

Weights that begin with others are fine-tuned: a lower rate than from scratch, the backbone frozen at first, while a new
head learns what it is worth, and fewer steps.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from streamdeq.codec import from_plain
from streamdeq.data.base import Dataset
from streamdeq.data.poses import PoseDataset, one_sided
from streamdeq.models import zoo
from streamdeq.models.matching import matched
from streamdeq.models.spec import ModelSpec, read_spec
from streamdeq.runtime.precision import Precision
from streamdeq.tasks.detection.settings import DetectorSettings
from streamdeq.training.anchors import box_sizes, fitted_anchors
from streamdeq.training.recipe import Augment, Pretrain, Recipe
from streamdeq.training.recipes import RECIPES
from streamdeq.training.schedules import Cosine

#: Packaged models to begin with, by task; the first where no class of any is among the data's. Where none is of the
#: task, its backbone is what is begun with.
STARTS = {
    "segmentation": ("camvid-s",),
    "detection": ("people-s", "person-s", "driving-s"),
    "pose": ("human-s", "mouse-s", "bee-s"),
    "depth": ("street-depth-s",),
    "classification": ("camvid-s",),
}
#: The recipes that runs of a task are made from, where the weights to begin with tell of none for it.
BASES = {"segmentation": "camvid-s", "detection": "person-s", "pose": "human-s", "depth": "street-depth-s"}


@dataclass(frozen=True)
class Preset:
    """How long and how fast, beside the recipe it is for.

    Args:
        rate: the learning rate, as a share of the recipe's.
        warmup, freeze: shares of the steps.
        epochs: how often every labelled picture is seen, within `least` and `most` steps.
    """

    rate: float
    warmup: float
    freeze: float
    epochs: float
    least: int
    most: int

    def steps(self, pictures: int, batch: int) -> int:
        return min(self.most, max(self.least, math.ceil(self.epochs * pictures / batch)))


FINE_TUNING = Preset(rate=0.5, warmup=0.1, freeze=0.2, epochs=20, least=300, most=3000)
FROM_SCRATCH = Preset(rate=1.0, warmup=0.05, freeze=0.0, epochs=60, least=1000, most=10_000)


@dataclass(frozen=True)
class Chosen:
    """`because`: what was chosen and why, a line each."""

    recipe: Recipe
    because: tuple[str, ...]


def choose(
    dataset: Dataset,
    init: str | None = None,
    epochs: float | None = None,
    change: Callable[[Recipe], Recipe] = lambda recipe: recipe,
) -> Chosen:
    """The recipe for a training split.

    Args:
        init: weights to begin with, by packaged name or path; "none" for random ones; None for those that suit best.
        epochs: how often each picture is seen; as many as the preset says if None.
        change: the user's own changes, made before steps are counted; whatever it sets stays.
    """
    because = [_task_line(dataset)]
    start, why = _start(dataset, init)
    because.append(why)
    base, source = _base(dataset.task, start)
    preset = FINE_TUNING if start else FROM_SCRATCH
    # A warm-up without a solve is for a network that has no fixed point yet.
    pretrain = Pretrain() if start else base.pretrain
    own = {"name": _name(dataset.name), "split": dataset.split, "init": start, "pretrain": pretrain}
    plain = replace(base, **own, precision=Precision.AUTO.value, freeze=0, seed=0)
    fitted, notes = _to_data(plain, dataset)
    steps = preset.steps(len(dataset.samples), change(fitted).batch)
    if epochs is not None:
        steps = max(1, math.ceil(epochs * len(dataset.samples) / change(fitted).batch))
    timed = replace(fitted, steps=steps)
    steps = change(timed).steps  # the shares are of what the user wants
    recipe = change(
        replace(
            timed,
            freeze=round(preset.freeze * steps),
            schedule=Cosine(warmup=round(preset.warmup * steps)),
            optimizer=replace(fitted.optimizer, lr=preset.rate * fitted.optimizer.lr),
        )
    )
    return Chosen(recipe, (*because, _recipe_line(recipe, source, len(dataset.samples)), *notes))


def _task_line(dataset: Dataset) -> str:
    count, classes = len(dataset.samples), len(dataset.classes)
    what = {"pose": "points", "depth": ""}.get(dataset.task, "classes")
    told = f", {classes} {what}" if what else ""
    return f"task {dataset.task}, which is what is labelled: {count} pictures in '{dataset.split}'{told}"


def _start(dataset: Dataset, init: str | None) -> tuple[str | None, str]:
    """The weights to begin with, and why."""
    if init == "none":
        return None, "weights: random, as you asked for (--init none)"
    if init is not None:
        spec = read_spec(zoo.find(init))
        return init, f"weights to begin with: {init}, as you asked for{_licence(spec)}"
    specs = {name: read_spec(zoo.find(name)) for name in STARTS.get(dataset.task, ()) if name in zoo.names()}
    if not specs:
        return None, f"weights: random, no packaged model is for {dataset.task}"
    known = {name: sum(k is not None for k in matched(dataset.classes, spec.classes)) for name, spec in specs.items()}
    best = max(specs, key=lambda name: known[name])  # the first of equal ones
    spec = specs[best]
    if spec.task != dataset.task:
        why = f"whose backbone has seen most: no packaged model is for {dataset.task}"
    elif known[best]:
        why = f"the packaged model that knows most of the classes, {known[best]} of {len(dataset.classes)}"
    else:
        unknown = ", which knows none of the classes" if dataset.classes else ""
        why = f"the packaged model for {dataset.task}{unknown}"
    return best, f"weights to begin with: {best}, {why}{_licence(spec)}"


def _licence(spec: ModelSpec) -> str:
    told = spec.provenance.licence.partition(";")[0]
    return f"; its data's licence: {told}" if told else ""


def _base(task: str, start: str | None) -> tuple[Recipe, str]:
    """A recipe for the task with the network that it is to begin with, and what it is called."""
    base = RECIPES[BASES[task]] if task in BASES else _for_whole_pictures(task)
    if start is None:
        return base, base.name
    spec = read_spec(zoo.find(start))
    told = spec.provenance.recipe
    if spec.task == task and start in RECIPES:
        base = RECIPES[start]
    elif spec.task == task and told:
        base = from_plain(Recipe, dict(told))
    if base.architecture != spec.architecture:  # of another task, of another's making
        base = replace(base, architecture=spec.architecture)
    if spec.task == task and base.size != spec.size:
        base = replace(base, size=spec.size)
    return base, base.name


def _for_whole_pictures(task: str) -> Recipe:
    """What is trained where no recipe is packaged: camvid-s's network and way of training, on all of a picture."""
    side = 128
    augment = Augment(scale_range=(1.0, 1.25))
    return replace(RECIPES["camvid-s"], name=f"{task}-s", task=task, size=side, crop_hw=(side, side), augment=augment)


def _to_data(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, list[str]]:
    """The recipe with what these data ask for, and what that is."""
    notes: list[str] = []
    changes: dict[str, Any] = {}
    if isinstance(dataset, PoseDataset):
        lost = one_sided(dataset.classes, dataset.mirrored)
        if lost and recipe.augment.flip:
            changes["augment"] = replace(recipe.augment, flip=0.0)
            notes.append(f"no mirrored samples: '{lost[0]}' has no partner on the other side")
    if dataset.task == "detection":
        head = recipe.head if isinstance(recipe.head, DetectorSettings) else DetectorSettings()
        fitted = fitted_anchors(box_sizes(dataset, recipe.size), head)
        if fitted:
            changes["head"] = fitted
            ratios, scales = (
                ", ".join(f"{v:g}" for v in values) for values in (fitted.anchor_ratios, fitted.anchor_scales)
            )
            notes.append(f"anchors as the boxes are: height over width {ratios}, scales {scales}")
    if dataset.task in ("segmentation", "detection", "depth") and recipe.crop_hw and dataset.samples:
        clip, t = dataset.samples[0]
        crop = _crop(recipe.crop_hw, clip.image(t).shape[:2], recipe.stride)
        if crop != recipe.crop_hw:
            changes["crop_hw"] = crop
            notes.append(f"crops of {crop[0]}x{crop[1]} pixels, in the pictures' proportion")
    return replace(recipe, **changes), notes


def _crop(crop_hw: tuple[int, int], picture_hw: Any, stride: int) -> tuple[int, int]:
    """As large a crop, upright for upright pictures, square for square ones."""
    height, width = crop_hw
    aspect = picture_hw[1] / picture_hw[0]
    if aspect > 1.15:
        return crop_hw
    if aspect < 1 / 1.15:
        return width, height
    side = max(stride, round(math.sqrt(height * width) / stride) * stride)
    return side, side


def _recipe_line(recipe: Recipe, source: str, pictures: int) -> str:
    epochs = recipe.steps * recipe.batch / max(1, pictures)
    how = "fine-tuned" if recipe.init else "from scratch"
    frozen = f", the backbone frozen for the first {recipe.freeze}" if recipe.freeze else ""
    return (
        f"recipe: that of {source}, {how}: {recipe.steps} steps of {recipe.batch} pictures ({epochs:.1f} epochs), "
        f"rate {recipe.optimizer.lr:g}{frozen}"
    )


def _name(dataset: str) -> str:
    """Of the weights: that of the data, as a name of a file may be."""
    return re.sub(r"[^\w.-]+", "-", dataset).strip("-.") or "model"
