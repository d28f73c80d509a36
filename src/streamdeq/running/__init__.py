"""One run of a model over a source, with everything written that was asked for. Prints nothing."""

from streamdeq.running.observer import Controls, Drawing, Observer
from streamdeq.running.run import Run, RunOptions
from streamdeq.running.summary import STAGES, Summary

__all__ = ["STAGES", "Controls", "Drawing", "Observer", "Run", "RunOptions", "Summary"]
