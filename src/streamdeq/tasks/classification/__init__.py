"""Picture classification: one class for the whole frame."""

from streamdeq.tasks.classification.result import Classification
from streamdeq.tasks.classification.task import ClassificationTask

__all__ = ["Classification", "ClassificationTask"]
