"""From a run's state to weights for use, and what they score."""

from dataclasses import replace

from torch import Tensor

from streamdeq.models.checkpoint import save_weights
from streamdeq.models.mdeq import Network
from streamdeq.tasks import build_network
from streamdeq.training.average import estimate_statistics
from streamdeq.training.compute import LAYOUT, autocast, problem
from streamdeq.training.log import RunLog
from streamdeq.training.plan import solving
from streamdeq.training.run import WEIGHTS
from streamdeq.training.setup import normalised
from streamdeq.training.trainer import Trainer
from streamdeq.training.validate import single_frame
from streamdeq.version import __version__


def export(trainer: Trainer, log: RunLog) -> None:
    """Write the weights to use into the run's folder: the averaged ones, if any."""
    state, recipe = trainer.state, trainer.recipe
    network = usable(trainer)
    if state.average and not recipe.freeze_batchnorm:
        passes = range(recipe.statistics * trainer.run.division.parts)
        estimate_statistics(network, (lambda i=i: _forward(trainer, network, i) for i in passes))
    metrics = validate(trainer, log, network)
    about = f"streamdeq {__version__}, {state.step} steps, {state.elapsed_s:.0f} s"
    spent = {"steps": state.step, "seconds": round(state.elapsed_s)}
    spec = trainer.spec.with_provenance(metrics=metrics, trained_with=about, **spent)
    spec = replace(spec, reference=spec.reference_solve)
    save_weights(trainer.run.folder / WEIGHTS, network, spec)


def usable(trainer: Trainer) -> Network:
    """A copy for use: the averaged weights, if any, and norms of this process alone."""
    network = build_network(trainer.spec).to(trainer.run.device, memory_format=LAYOUT)  # type: ignore[call-overload]
    network.load_state_dict((trainer.state.average or trainer.network).state_dict())
    return network


def validate(trainer: Trainer, log: RunLog, network: Network) -> dict[str, float]:
    """Log a network's single-frame quality on the validation split, if there is one."""
    split = trainer.run.validation
    if split is None:
        return {}
    name, scores = single_frame(network, trainer.spec, split, trainer.recipe.precision, trainer.run.device)
    rounded = {str(count): round(value, 3) for count, value in scores.items()}
    log.write({"event": "validation", "step": trainer.state.step, "split": split.split, name: rounded})
    return {f"{name} {split.split} single {count}": value for count, value in rounded.items()}


def _forward(trainer: Trainer, network: Network, index: int) -> Tensor:
    """The `index`-th batch of plain pictures through `network`."""
    run, recipe = trainer.run, trainer.recipe
    images = normalised(trainer.objective.plain(index).images.to(run.device))
    with autocast(recipe.precision, run.device):
        f, start = problem(network, images)
        iterations, how = solving(recipe, index // run.division.parts)
        return network.head(how(f, start, iterations))
