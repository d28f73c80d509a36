"""What the tasks give the loop to work on, one file per task; each puts itself into `WORKS`."""

from streamdeq.training.work import WORKS
from streamdeq.training.works import classification as classification
from streamdeq.training.works import detection as detection
from streamdeq.training.works import pose as pose
from streamdeq.training.works import segmentation as segmentation

__all__ = ["WORKS"]
