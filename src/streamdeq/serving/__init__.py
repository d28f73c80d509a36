"""A run over HTTP: for now a page that shows it and changes it. Knows nothing of how a frame is solved.

What it is built on (FastAPI, uvicorn: the extra `serve`) is imported when it is used.
"""

from streamdeq.serving.monitor import RunMonitor
from streamdeq.serving.viewer import Viewer

__all__ = ["RunMonitor", "Viewer"]
