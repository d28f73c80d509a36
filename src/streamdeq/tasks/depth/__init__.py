"""Monocular depth: for every pixel the distance, in metres, along the camera's axis."""

from streamdeq.tasks.depth.result import Depth
from streamdeq.tasks.depth.task import DepthTask

__all__ = ["Depth", "DepthTask"]
