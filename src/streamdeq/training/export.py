"""From a run's state to weights for use, and what they score."""

import math
from dataclasses import replace
from typing import Any

from torch import Tensor

from streamdeq.models.checkpoint import save_weights
from streamdeq.models.mdeq import Network
from streamdeq.tasks import build_network, build_task
from streamdeq.training import results
from streamdeq.training.average import estimate_statistics
from streamdeq.training.compute import LAYOUT, autocast, problem
from streamdeq.training.log import RunLog
from streamdeq.training.plan import solving
from streamdeq.training.report import write_report
from streamdeq.training.run import BEST, WEIGHTS
from streamdeq.training.setup import normalised
from streamdeq.training.trainer import Trainer
from streamdeq.training.validate import single_frame, streamed
from streamdeq.version import __version__


def export(trainer: Trainer, log: RunLog) -> None:
    """Write the weights to use into the run's folder: the averaged ones, if any."""
    state, recipe = trainer.state, trainer.recipe
    network = usable(trainer)
    if state.average and not recipe.freeze_batchnorm:
        passes = range(recipe.statistics * trainer.run.division.parts)
        estimate_statistics(network, (lambda i=i: _forward(trainer, network, i) for i in passes))
    _save(trainer, network, validate(trainer, log, network), WEIGHTS)
    table = write_results(trainer)
    if trainer.run.reported is not None:
        write_report(trainer, table)


def _save(trainer: Trainer, network: Network, metrics: dict[str, float], name: str) -> None:
    state = trainer.state
    about = f"streamdeq {__version__}, {state.step} steps, {state.elapsed_s:.0f} s"
    spent = {"steps": state.step, "seconds": round(state.elapsed_s)}
    spec = trainer.spec.with_provenance(metrics=metrics, trained_with=about, ancestors=state.ancestors, **spent)
    spec = replace(spec, reference=spec.reference_solve)
    save_weights(trainer.run.folder / name, network, spec)


def usable(trainer: Trainer) -> Network:
    """A copy for use: the averaged weights, if any, and norms of this process alone."""
    network = build_network(trainer.spec).to(trainer.run.device, memory_format=LAYOUT)  # type: ignore[call-overload]
    network.load_state_dict((trainer.state.average or trainer.network).state_dict())
    return network


def validate(trainer: Trainer, log: RunLog, network: Network) -> dict[str, float]:
    """Log a network's quality on the validation split, if there is one, and keep the weights if they are the best yet.

    What they are compared by is the mean figure of what is streamed; where nothing can be, the best single frames'.
    """
    split = trainer.run.validation
    if split is None:
        return {}
    given = network, trainer.spec, split, trainer.recipe.precision, trainer.run.device
    name, scores = single_frame(*given)
    streaming = streamed(*given)
    errors = build_task(trainer.spec).metric().errors
    signed = [-value if name in errors else value for value in (streaming or scores).values()]
    score = float(sum(signed) / len(signed) if streaming else max(signed))
    single, stream = ({str(count): round(v, 3) for count, v in one.items()} for one in (scores, streaming))
    line = {"event": "validation", "step": trainer.state.step, "split": split.split, name: single}
    line = {**line, "streaming": stream, "score": score} if stream else {**line, "score": score}
    log.write(line)
    told = {f"{name} {split.split} single {count}": value for count, value in single.items()}
    told |= {f"{name} {split.split} streaming at {count}": value for count, value in stream.items()}
    best = math.isfinite(score) and not log.stale
    if best:
        _save(trainer, network, told, BEST)
    trainer.run.scored({**line, "best": best})
    write_results(trainer)
    return told


def write_results(trainer: Trainer) -> list[dict[str, Any]]:
    """The run's table so far."""
    run = trainer.run
    return results.write(run.folder, trainer.recipe.batch, len(trainer.dataset.samples), run.validate_every)


def _forward(trainer: Trainer, network: Network, index: int) -> Tensor:
    """The `index`-th batch of plain pictures through `network`."""
    run, recipe = trainer.run, trainer.recipe
    images = normalised(trainer.objective.plain(index).images.to(run.device))
    with autocast(recipe.precision, run.device):
        f, start = problem(network, images)
        iterations, how = solving(recipe, index // run.division.parts)
        return network.head(how(f, start, iterations))
