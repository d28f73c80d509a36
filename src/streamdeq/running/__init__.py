"""One run of a model over a source, with everything written that was asked for. Prints nothing."""

from streamdeq.running.run import Run, RunOptions
from streamdeq.running.summary import STAGES, Summary
from streamdeq.running.watching import Drawing, Watcher, Wish

__all__ = ["STAGES", "Drawing", "Run", "RunOptions", "Summary", "Watcher", "Wish"]
