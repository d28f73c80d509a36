"""The functions of a model for several threads: what they ask for at the same time is computed in one batch.

Each thread has an engine of its own. One that asks while a batch is computed waits, and all who wait for the same
function on the same canvas are computed together next. Nobody waits for one who has not asked.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.runtime.executor import HW, Executor

#: Rows of a batch: its memory has a bound. What one thread asks for is never divided.
MOST = 16


@dataclass(eq=False)
class _Asked:
    """What a thread waits for; `key` says with whom it may be computed. Once `done` it has an answer or an error."""

    key: Hashable
    compute: Callable[[Any], Any]
    inputs: Any
    rows: int
    answer: Any = None
    error: BaseException | None = None
    done: bool = False


class Gathered(Executor):
    """Args:
    functions: what computes a batch.
    batches: so many are computed at the same time.
    """

    def __init__(self, functions: Any, batches: int = 1) -> None:
        self._functions, self._batches = functions, batches
        self._waiting: list[_Asked] = []
        self._computing = 0
        self._changed = threading.Condition()

    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection:
        return self._ask(("inject", canvas_hw), lambda given: self._functions.inject(given, canvas_hw), pictures)

    def zeros(self, injection: Injection) -> Latent:
        return self._functions.zeros(injection)

    def step(self, z: Latent, injection: Injection) -> Latent:
        answer = self._ask(
            ("step",), lambda given: self._functions.step(Latent(given[0]), given[1]).maps, (z.maps, injection)
        )
        return Latent(answer)

    def predict(self, z: Latent) -> Any:
        return self._ask(("predict",), lambda given: self._functions.predict(Latent(given)), z.maps)

    def wait(self) -> None:
        self._functions.wait()

    def _ask(self, name: tuple[Any, ...], compute: Callable[[Any], Any], inputs: Any) -> Any:
        tensors = [leaf for leaf in pytree.tree_leaves(inputs) if isinstance(leaf, Tensor)]
        key = (*name, *((leaf.shape[1:], leaf.dtype) for leaf in tensors))
        own = _Asked(key, compute, inputs, len(tensors[0]))
        with self._changed:
            self._waiting.append(own)
        while (batch := self._turn(own)) is not None:
            try:
                _answer(batch)
            finally:
                with self._changed:
                    self._computing -= 1
                    self._changed.notify_all()
        if own.error is not None:
            raise own.error
        return own.answer

    def _turn(self, own: _Asked) -> list[_Asked] | None:
        """The batch that the calling thread is to compute; None once its own question is answered."""
        with self._changed:
            self._changed.wait_for(lambda: own.done or (self._waiting and self._computing < self._batches))
            if own.done:
                return None
            first, batch, rows = self._waiting[0], [], 0
            for one in self._waiting:
                if one.key == first.key and (not batch or rows + one.rows <= MOST):
                    batch.append(one)
                    rows += one.rows
            self._waiting = [one for one in self._waiting if one not in batch]
            self._computing += 1
            return batch


def _answer(batch: Sequence[_Asked]) -> None:
    """Compute for all together; where that is impossible, for each alone, so that each hears of its own error."""
    try:
        answers = _computed(batch)
    except Exception as error:
        if len(batch) == 1:
            batch[0].error, batch[0].done = error, True
            return
        for one in batch:
            _answer([one])
        return
    for one, answer in zip(batch, answers, strict=True):
        one.answer, one.done = answer, True


def _computed(batch: Sequence[_Asked]) -> list[Any]:
    first = batch[0]
    if len(batch) == 1:
        return [first.compute(first.inputs)]
    leaves = zip(*(pytree.tree_leaves(one.inputs) for one in batch), strict=True)
    _, shape = pytree.tree_flatten(first.inputs)
    joined = [torch.cat(some) if isinstance(some[0], Tensor) else some[0] for some in leaves]  # type: ignore[arg-type]
    together = first.compute(pytree.tree_unflatten(joined, shape))
    answers, begin = [], 0
    for one in batch:
        rows = slice(begin, begin + one.rows)
        answers.append(pytree.tree_map_only(Tensor, lambda values, rows=rows: values[rows], together))
        begin += one.rows
    return answers
