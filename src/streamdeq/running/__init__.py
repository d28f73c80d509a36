"""One run of a model over a source, with everything written that was asked for."""

from streamdeq.running.observer import AnnotatedFrame, Controls, Observer
from streamdeq.running.run import Run, RunOptions
from streamdeq.running.summary import STAGES, Summary

__all__ = ["STAGES", "AnnotatedFrame", "Controls", "Observer", "Run", "RunOptions", "Summary"]
