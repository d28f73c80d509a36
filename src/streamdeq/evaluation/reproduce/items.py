"""The items of `streamdeq reproduce`: the paper's table and figures, and what goes beyond its protocol."""

from collections.abc import Callable
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.reproduce import accuracy, clocked, latents, paths, pictures, steadiness, systems, variants
from streamdeq.evaluation.reproduce.item import Item, Work, charted
from streamdeq.registry import unknown
from streamdeq.streaming.options import StartFrom

#: Frames of a clip in Fig. 8, and the iterations per frame.
CHANGING, CHANGES_AT = 6, (1, 2, 4, 8, 12, 21)
DISTANCE = "squared distance per entry of z"
SINCE = "frames since the start"


def _fig3(work: Work) -> dict[str, Any]:
    most = max(work.settings.counts((work.one.iterations,)))
    return {"lines": latents.along_iterations(work.one, most, work.done)}


def _fig15(work: Work) -> dict[str, Any]:
    most = max(work.settings.counts((work.one.iterations,)))
    return {"lines": latents.between_neighbours(work.one, most, work.done)}


def _from(start: StartFrom) -> Callable[[Work], dict[str, Any]]:
    def measure(work: Work) -> dict[str, Any]:
        counts, offsets = work.settings.counts(), work.settings.after(work.one.dataset)
        return {"lines": latents.along_offsets(work.one, counts, offsets, start, work.done)}

    return measure


def _fig8(work: Work) -> dict[str, Any]:
    counts, frames = work.settings.counts(CHANGES_AT), work.settings.frames or CHANGING
    return {"lines": latents.changes(work.one, counts, frames, work.done)}


def _distances(title: str, measure: Callable[[Work], dict[str, Any]], x_name: str = SINCE) -> Item:
    return Item(title, measure, charted(title, x_name, DISTANCE, "per_entry", log_y=True))


def _accuracy(system: str, task: str, start: StartFrom = StartFrom.PREVIOUS, needs: str = "") -> Item:
    return Item(f"{system}: accuracy over the offset", accuracy.over_offsets(start, needs), accuracy.draw_offsets, task)


def _drawn(title: str) -> Item:
    return Item(title, pictures.drawn_answers, pictures.draw_pictures)


def _valued(title: str, measure: Callable[[Work], dict[str, Any]], x_name: str) -> Item:
    return Item(title, measure, charted(title, x_name, "", "value"))


SEGMENTATION, DETECTION, POSE = "segmentation", "detection", "pose"
ITEMS = {
    "table1": Item(
        "Table I: the systems at 1, 2, 4, 8 iterations", systems.compared, systems.draw_table, several=True, peers=True
    ),
    "fig3": _distances("Distance from the reference over iterations", _fig3, "iterations"),
    "fig4": _distances("Distance from the reference, begun from a reference", _from(StartFrom.REFERENCE)),
    "fig5": _distances("Distance from the reference, begun from zeros", _from(StartFrom.PREVIOUS)),
    "fig7": Item("Paths of the solver, embedded in the plane", paths.embedded_paths, paths.draw_paths),
    "fig8": Item(
        "Change of z by a step, across frames",
        _fig8,
        charted("Change of z by a step", "steps since the start", "‖z⁺ − z‖ / ‖z‖", "change", log_y=True),
    ),
    "fig9": _accuracy("IL, segmentation", SEGMENTATION),
    "fig10": _drawn("Answers as pictures, the baseline beside streaming"),
    "fig11": _accuracy("UR, segmentation", SEGMENTATION),
    "fig12": _accuracy("SUR, segmentation", SEGMENTATION),
    "fig13": _accuracy("SUR, detection", DETECTION),
    "fig14": _accuracy("SUR, pose", POSE),
    "fig15": _distances("Distance of neighbouring frames' paths from zeros", _fig15, "iterations"),
    "fig16": _accuracy("IL, segmentation, from a reference", SEGMENTATION, StartFrom.REFERENCE),
    "fig17": _accuracy("IL, detection", DETECTION),
    "fig18": _accuracy("UR, detection", DETECTION),
    "fig19": _accuracy("IL, pose", POSE),
    "fig20": _accuracy("UR, pose", POSE),
    "fig21": _accuracy("IL, segmentation, after another clip", SEGMENTATION, StartFrom.OTHER),
    "fig22": _accuracy("IL, segmentation, after another data set", SEGMENTATION, StartFrom.OTHER, "the other data set"),
    "fig23": _drawn("Answers as pictures at several numbers of iterations"),
    "zero": _valued("No step at all beside some", accuracy.steps_on_the_frame, "iterations on the scored frame"),
    "budget": _valued("Accuracy while a clock decides", clocked.by_budget, "milliseconds per frame"),
    "latency": Item(
        "The latest answer at every frame's time",
        clocked.held,
        charted("The latest answer at every frame's time", "times as slow as here", "", "value", log_x=True),
        peers=True,
    ),
    "flicker": _valued("Flicker", steadiness.restlessness, "iterations"),
    "recovery": _valued("After a cut", steadiness.recovery, "frames since the cut"),
    "variants": Item("Ways of training, several seeds of each", variants.variants, variants.draw, several=True),
    "solvers": Item("Other solvers on the same cell", systems.solvers, systems.draw_over_ms),
}


def find_item(name: str) -> Item:
    """Raises StreamdeqError for a name that is none."""
    if name not in ITEMS:
        raise StreamdeqError(unknown("item", name, list(ITEMS)))
    return ITEMS[name]
