"""Object detection: boxes with classes and scores, by a Faster R-CNN on the equilibrium's scales."""

from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.detection.settings import DetectorSettings
from streamdeq.tasks.detection.task import DetectionTask

__all__ = ["DetectionTask", "Detections", "DetectorSettings"]
