"""The study of shot changes on CamVid, rendered streets and a clip with known cuts: how well each detector finds them,
and what each response to them costs.

Its results and what was concluded: docs/cuts.md.
"""

from collections.abc import Callable, Iterator

from streamdeq.api import Model
from streamdeq.data.open import open_dataset
from streamdeq.evaluation.cuts.cases import EVERY, CutCase, cases_between, cases_of
from streamdeq.evaluation.cuts.clips import CutClip, fast_street_clip, street_clip, wandering_clip
from streamdeq.evaluation.cuts.detection import CutTrace, margins, score_cuts, trace_stream
from streamdeq.evaluation.cuts.recovery import recover
from streamdeq.evaluation.cuts.report import Record, detection_row, recovery_rows
from streamdeq.streaming.cut import ResidualCut
from streamdeq.streaming.options import StreamOptions

ITERATIONS = (1, 2)
SEEDS = 5
#: The group of clips that another model streams, one whose residuals had no part in the choice of thresholds.
OTHER_MODEL = "streets (val), street-s"
#: Streets that are cut into, and other ones they are cut into from.
STREETS, OTHER_STREETS = "synthetic:clips=2,frames=41,size=192x256", "synthetic:clips=14,frames=1,size=192x256"


def detection_groups(data: str, demo: CutClip) -> dict[str, Callable[[], list[CutClip]]]:
    """By name. Thresholds were chosen on the first three groups; the others had no part in that."""

    def sequence() -> list[CutClip]:
        [clip] = open_dataset(data, "val").clips
        return [CutClip("CamVid val", tuple(clip.image(t) for t in range(len(clip))), ())]

    train = open_dataset(data, "train")
    return {
        "streets (train)": lambda: [street_clip(1000 + seed, "train") for seed in range(SEEDS)],
        "streets at 6 fps (train)": lambda: [fast_street_clip(2000 + seed, "train") for seed in range(SEEDS)],
        "moved stills (train)": lambda: [wandering_clip(train, seed) for seed in range(SEEDS)],
        "streets (val)": lambda: [street_clip(seed, "val") for seed in range(SEEDS)],
        OTHER_MODEL: lambda: [street_clip(seed, "val") for seed in range(SEEDS)],
        demo.name: lambda: [demo],
        "CamVid val": sequence,
    }


def detect(
    model: Model, street: Model, data: str, demo: CutClip
) -> Iterator[tuple[Record, list[CutClip], list[CutTrace]]]:
    """A row for every group of clips and detector, with the clips and what the detector saw in them.

    Args:
        street: another model, of the rendered street's classes.
        data: CamVid's folder.
    """
    for name, build in detection_groups(data, demo).items():
        clips, used = build(), street if name == OTHER_MODEL else model
        options = [] if used is street else [StreamOptions(1, cuts="picture")]
        for chosen in (*options, *(StreamOptions(count, cuts="residual") for count in ITERATIONS)):
            traces = [trace_stream(used, clip, chosen) for clip in clips]
            if chosen.cuts == "picture":
                yield detection_row(name, "picture", score_cuts(clips, traces)), clips, traces
            else:
                margin = margins(clips, traces, ResidualCut().floor)
                detector = f"residual, {chosen.iterations} it."
                yield detection_row(name, detector, score_cuts(clips, traces), margin), clips, traces


def camvid_cases(data: str, every: int = EVERY) -> list[CutCase]:
    """Cuts into CamVid's val, which is of another drive than both of its test split, from the pictures of that."""
    return cases_between(open_dataset(data, "test"), open_dataset(data, "val"), every=every)


def recover_all(model: Model, street: Model, data: str, demo: CutClip, every: int = EVERY) -> Iterator[list[Record]]:
    """For every group of cuts and number of iterations a row for each response, the first without a cut."""
    streets = cases_between(open_dataset(OTHER_STREETS, "test"), open_dataset(STREETS, "val"))
    groups = (("CamVid val", model, camvid_cases(data, every)), ("streets", street, streets))
    for name, used, cases in (*groups, (demo.name, model, cases_of(demo))):
        for iterations in ITERATIONS:
            yield recovery_rows(name, len(cases), recover(used, cases, iterations))
