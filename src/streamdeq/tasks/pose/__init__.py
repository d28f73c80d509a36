"""Pose estimation: the key points of every person or animal, top-down, by heat maps on the equilibrium's scales."""

from streamdeq.tasks.pose.jitter import jitter
from streamdeq.tasks.pose.result import Poses
from streamdeq.tasks.pose.settings import PoseSettings
from streamdeq.tasks.pose.task import PoseTask

__all__ = ["PoseSettings", "PoseTask", "Poses", "jitter"]
