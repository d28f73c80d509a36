"""A page on this machine that shows a run and changes its settings.

What it is built on (FastAPI, uvicorn: the extra `serve`) is imported when it is used.
"""

from streamdeq.serving.monitor import RunMonitor
from streamdeq.serving.viewer import Viewer

__all__ = ["RunMonitor", "Viewer"]
