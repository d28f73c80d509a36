"""The figures of a model on a split, for Python: what `Model.val` gives."""

from dataclasses import dataclass

from streamdeq.evaluation.protocol.rows import ScoreRow, best_single, table_blocks
from streamdeq.evaluation.protocol.score import Mode
from streamdeq.evaluation.reporting.table import Text


@dataclass(frozen=True)
class Scores:
    """What `Model.val` found; printed it is the table of `streamdeq eval`."""

    rows: tuple[ScoreRow, ...]

    @property
    def single(self) -> float | None:
        """The best of single frames."""
        best = best_single(self.rows)
        return None if best is None else best.value

    def streaming(self, iterations: int, offset: int | None = None) -> float | None:
        """After so many frames, the most there are if None, with so many iterations on each; None where not scored."""
        found = [row for row in self.rows if row.mode is Mode.STREAMING and row.iterations == iterations]
        wanted = max((row.offset or 0 for row in found), default=0) if offset is None else offset
        return next((row.value for row in found if row.offset == wanted), None)

    def __str__(self) -> str:
        return Text().page("", table_blocks(self.rows, Text()), [])
