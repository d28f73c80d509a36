"""Reads the authors' MDEQ checkpoints of all tasks (`.pkl`, `.pth`). Nothing in them is run.

What the tensors show is read from their shapes: channels, expansion, classes, the head's widths, which norms have a
scale and shift. What they cannot show is assumed: groups (8 in every published file), ImageNet's normalisation, no
dropout, the picture size and the solver's iterations of the paper.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.models import mmdet
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec, Provenance
from streamdeq.models.unpickle import unpickle
from streamdeq.registry import unknown
from streamdeq.values.palette import distinct_colours

Tensors = dict[str, Tensor]

#: Wrapped around the network by DataParallel, by the segmentation code's loss and by mmdet.
PREFIXES = re.compile(r"^(?:(?:module|model|backbone)\.)+")
#: Saved along but no part of the network: the copy for the backward pass, the class weights of the loss.
STRAY = re.compile(r"^(?:fullstage_copy|loss)\.")
#: All that is not the head.
BACKBONE = re.compile(r"^(?:downsample|stage0|fullstage)\.")


@dataclass(frozen=True)
class Converted:
    """A checkpoint, read.

    Args:
        spec: what it is; `build_network(spec)` makes its network.
        tensors: under the names of `Network.state_dict`, in the file's own precision.
        dropped: names in the file that are no part of the network.
    """

    spec: ModelSpec
    tensors: Tensors
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class _Head:
    """How a task's head is recognised and measured. `size`, `longest` and `iterations` are the paper's; `background`
    is how many of the sign's outputs are no class."""

    sign: str
    size: int
    iterations: int
    settings: Callable[[Tensors], dict[str, Any]]
    background: int = 0
    longest: int | None = None


def _classifier_widths(tensors: Tensors) -> dict[str, Any]:
    inner = [tensors[f"incre_modules.{i}.0.conv1.weight"].shape[0] for i in range(_scales(tensors))]
    return {"head_channels": inner, "final_channels": tensors["final_layer.0.weight"].shape[0]}


#: By task; the sign is the layer that has one output per class.
HEADS: dict[str, _Head] = {
    "classification": _Head("classifier.weight", 224, 26, _classifier_widths),
    "segmentation": _Head("last_layer.3.weight", 1024, 8, lambda tensors: {}),
    "detection": _Head(mmdet.SIGN, 600, 26, mmdet.head_settings, background=1, longest=1000),
}


def convert_checkpoint(
    path: str | os.PathLike[str], task: str, groups: int = 8, classes: tuple[str, ...] | None = None
) -> Converted:
    """Read a checkpoint; whether every tensor is there and fits shows when a network loads it.

    Args:
        task: `segmentation`, `classification` or `detection`.
        groups: of every GroupNorm in the cell; a wrong number that divides the channels cannot be noticed.
        classes: their names in the order of the outputs; by number if None.

    Raises:
        StreamdeqError: no such file, no PyTorch file, more in it than tensors and plain values, no MDEQ of this task.
    """
    path = Path(path)
    if task not in HEADS:
        raise StreamdeqError(unknown("task", task, sorted(HEADS)))
    sha = _sha256(path)
    tensors, dropped = _network_tensors(unpickle(path), path)
    try:
        _complete_norms(tensors)
        architecture = _architecture(tensors, groups, path)
        count = _class_count(tensors, task, path)
        head = HEADS[task].settings(tensors)
    except KeyError as error:
        raise StreamdeqError(f"{path} is incomplete: it lacks the tensor {error}; fetch it again") from None
    except IndexError:
        raise StreamdeqError(f"{path} is not as published: a tensor has too few axes; fetch it again") from None
    about = {"imported": {"file": path.name, "sha256": sha, "groups": groups}}
    spec = ModelSpec(
        name=path.stem,
        task=task,
        architecture=architecture,
        classes=_names(classes, count, path),
        palette=distinct_colours(count),
        size=HEADS[task].size,
        longest=HEADS[task].longest,
        solver="broyden",
        iterations=HEADS[task].iterations,
        head=head,
        provenance=Provenance(about, "not recorded in the imported file", "that of the imported file"),
    )
    named = dict(mmdet.renamed(name, value) for name, value in tensors.items())
    ours = {("backbone." if BACKBONE.match(name) else "head.") + name: value for name, value in named.items()}
    return Converted(spec, ours, dropped)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StreamdeqError(f"cannot read {path}: {error.strerror}; give the path of a .pkl or .pth file") from error


def _network_tensors(loaded: list[Mapping[Any, Any]], path: Path) -> tuple[Tensors, tuple[str, ...]]:
    """The network's tensors under their bare names, and the names of those left out."""
    seen: list[str] = []
    for table in loaded:
        found = {name: value for name, value in table.items() if isinstance(value, Tensor) and isinstance(name, str)}
        seen += found
        bare = {name: PREFIXES.sub("", name) for name in found}
        if not any(name.startswith("fullstage.") for name in bare.values()):
            continue
        kept: Tensors = {}
        for name, short in bare.items():
            if STRAY.match(short):
                continue
            if short in kept:
                raise StreamdeqError(f"{path} has the tensor '{short}' twice, under two prefixes; keep one")
            kept[short] = found[name]
        return kept, tuple(name for name, short in bare.items() if STRAY.match(short))
    some = f"'{seen[0]}' and {len(seen) - 1} more" if seen else "no tensors"
    raise StreamdeqError(f"{path} holds no MDEQ: expected tensors named fullstage.…, got {some}")


def _scales(tensors: Tensors) -> int:
    found = {int(m[1]) for name in tensors if (m := re.match(r"fullstage\.branches\.(\d+)\.", name))}
    return max(found, default=0) + 1


def _architecture(tensors: Tensors, groups: int, path: Path) -> Architecture:
    kernels = [tensors[f"fullstage.branches.{i}.blocks.0.conv1.weight_v"] for i in range(_scales(tensors))]
    channels = tuple(kernel.shape[1] for kernel in kernels)
    expansions = {kernel.shape[0] / max(kernel.shape[1], 1) for kernel in kernels}
    if len(expansions) != 1 or not min(expansions).is_integer():
        text = ", ".join(f"{k.shape[1]} → {k.shape[0]}" for k in kernels)
        raise StreamdeqError(f"{path}: expected every scale to widen by one whole factor, got {text}")
    affine = any(re.match(r"fullstage\.post_fuse_layers\.\d+\.gnorm\.", name) for name in tensors)
    try:
        return Architecture(channels, groups, int(min(expansions)), post_affine=affine)
    except StreamdeqError as error:
        raise StreamdeqError(f"{path}: {error}; give the right number of groups with --groups") from error


def _complete_norms(tensors: Tensors) -> None:
    """Where a checkpoint's norms have no scale and shift, ours have 1 and 0: the same function.

    Only if all norms of a kind have none; a single one that is missing is an error. (The norm after fusion is not
    among them: the architecture says whether it has any.)
    """
    block = {f"gn{k}": f"conv{min(k, 2)}.weight_v" for k in (1, 2, 3)}
    for kind, convs in (
        (r"(fullstage\.branches\.\d+\.blocks\.0\.)", block),
        (r"(fullstage\.fuse_layers\..*)", {"gnorm": "conv.weight"}),
    ):
        norms = "|".join(convs)
        if any(re.match(rf"{kind}({norms})\.", name) for name in tensors):
            continue
        for norm, conv in convs.items():
            found = [
                (m[1], value) for name, value in tensors.items() if (m := re.fullmatch(kind + re.escape(conv), name))
            ]
            for where, kernel in found:
                tensors[f"{where}{norm}.weight"] = kernel.new_ones(kernel.shape[0])
                tensors[f"{where}{norm}.bias"] = kernel.new_zeros(kernel.shape[0])


def _class_count(tensors: Tensors, task: str, path: Path) -> int:
    sign = HEADS[task].sign
    if sign not in tensors:
        for other, head in HEADS.items():
            if head.sign in tensors:
                raise StreamdeqError(f"{path} is of {other} (it has '{head.sign}'), not {task}; give --task {other}")
    return tensors[sign].shape[0] - HEADS[task].background


def _names(given: tuple[str, ...] | None, count: int, path: Path) -> tuple[str, ...]:
    if given is None:
        return tuple(f"class {k}" for k in range(count))
    if len(given) != count:
        raise StreamdeqError(f"expected the names of the {count} classes of {path}, got {len(given)}; one per line")
    return given
