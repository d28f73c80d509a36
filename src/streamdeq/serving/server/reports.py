"""The figures of a camera: every frame accounted for, how old answers are, where the time goes."""

from collections import deque
from dataclasses import dataclass, field
from math import isnan

import numpy as np

from streamdeq.serving.scheduler import Counts, Demand
from streamdeq.serving.server.published import Published

#: `publish` is choosing what is shown, blurring, and handing over.
STAGES = ("decode", "locate", "inject", "solve", "head", "publish")
#: Percentiles are over so many answers at the end.
WINDOW = 512


@dataclass(frozen=True)
class CameraReport:
    """A camera as it stands. Counts and seconds are since the server began, or the camera came.

    Attributes:
        state: connecting, live, away (it is waited for), ended, failed (it is tried again).
        note: why, where that is no good news; without secrets.
        source, model: what it shows, without secrets, and what looks at it.
        fps: frames per second that come, those that are beyond the camera's own fps left out.
        processed, dropped, failed: what became of the frames; together they are `decoded`.
        thinned: of the dropped, those beyond the camera's own fps.
        at_hand: frames that came and wait, or are being solved: not yet among the decoded.
        in_time: of the processed, answered by their deadline.
        steps: applications of f, for all that were processed.
        age_s, age_p50_s, age_p99_s: from a frame's arrival to its answer: of the last one, and of the last hundreds.
        residual: of the last answer, relative.
        nonfinite: processed frames whose solve met NaN or infinity.
        least, full: the part of this machine it asks for, at its least steps and at the most.
        stages_s: seconds spent, by stage.
        reconnects: how often the source was lost and came back.
        warm: whether it went on from a saved latent.
    """

    state: str
    note: str
    source: str
    model: str
    fps: float
    processed: int
    dropped: int
    failed: int
    thinned: int
    at_hand: int
    in_time: int
    steps: int
    age_s: float
    age_p50_s: float
    age_p99_s: float
    residual: float
    nonfinite: int
    least: float
    full: float
    stages_s: dict[str, float]
    reconnects: int
    warm: bool

    @property
    def decoded(self) -> int:
        """Frames that came out of the decoder and are accounted for."""
        return self.processed + self.dropped + self.failed

    @property
    def steps_per_frame(self) -> float:
        """Applications of f per processed frame; NaN before the first."""
        return self.steps / self.processed if self.processed else float("nan")


@dataclass
class Figures:
    """What is added up while a camera runs."""

    thinned: int = 0
    nonfinite: int = 0
    residual: float = float("nan")
    stages_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    ages_s: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def add(self, published: Published, publish_s: float) -> None:
        status = published.result.status
        for stage, seconds in {**published.stages_s, "publish": publish_s}.items():
            self.stages_s[stage] += seconds
        self.ages_s.append(published.answered_s - published.captured_s)
        self.nonfinite += status.failed
        self.residual = self.residual if isnan(status.residual) else status.residual

    def report(self, counts: Counts, demand: Demand, **known: object) -> CameraReport:
        ages = np.array(self.ages_s) if self.ages_s else np.full(1, np.nan)
        median, late = np.percentile(ages, (50, 99))
        return CameraReport(
            processed=counts.processed,
            dropped=counts.dropped,
            failed=counts.failed,
            thinned=self.thinned,
            in_time=counts.in_time,
            steps=counts.steps,
            age_s=float(ages[-1]),
            age_p50_s=float(median),
            age_p99_s=float(late),
            residual=self.residual,
            nonfinite=self.nonfinite,
            least=demand.least,
            full=demand.full,
            stages_s=dict(self.stages_s),
            **known,  # type: ignore[arg-type]
        )
