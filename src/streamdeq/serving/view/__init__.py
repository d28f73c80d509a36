"""A page on this machine that shows a run and changes its settings.

What it is built on (FastAPI, uvicorn: the extra `serve`) is imported when it is used.
"""

from streamdeq.serving.view.monitor import RunMonitor
from streamdeq.serving.view.viewer import Viewer

__all__ = ["RunMonitor", "Viewer"]
