"""Video semantic segmentation: a class for every pixel."""

from streamdeq.tasks.segmentation.result import Segmentation
from streamdeq.tasks.segmentation.task import SegmentationTask

__all__ = ["Segmentation", "SegmentationTask"]
