"""Cameras' latents on disk: written now and then and at the end, and read when a server begins."""

import logging
import threading
from pathlib import Path

from streamdeq.errors import StreamdeqError
from streamdeq.serving.server.config import StateConfig
from streamdeq.serving.server.served import ServedCamera
from streamdeq.serving.server.ticks import Ticks
from streamdeq.streaming.statefile import SavedState, write_state

log = logging.getLogger("streamdeq.serving")


class Keeper:
    """A file for each camera, `NAME.safetensors`, whole at every moment. Does nothing without a folder."""

    def __init__(self, ticks: Ticks, config: StateConfig) -> None:
        self._ticks, self._config = ticks, config
        self._saved: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        if self._config.folder is not None:
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def take_up(self, camera: ServedCamera) -> None:
        """Go on from a camera's file, if there is one that fits; else from zeros."""
        path = self._path(camera.name)
        if path is None or not path.is_file():
            return
        model, engine = camera.model, camera.state.engine
        try:
            state = model.model.restore(path, camera.wishes.locate, engine)
        except StreamdeqError as error:
            log.warning("camera %s begins from zeros: %s", camera.name, error)
            return
        camera.take_up(state)
        camera.warm = True

    def save(self, camera: ServedCamera) -> None:
        """Write a camera's state, if it is another one than that of the file. The ticks copy it and go on."""
        path = self._path(camera.name)
        if path is None:
            return
        state = self._ticks.call(lambda: self._snapshot(camera))
        if state is None:
            return
        try:
            write_state(path, camera.state.architecture, state)
        except (StreamdeqError, OSError) as error:
            log.warning("camera %s: its state cannot be saved: %s", camera.name, error)
            return
        self._saved[camera.name] = state.next_index

    def forget(self, name: str) -> None:
        self._saved.pop(name, None)
        if (path := self._path(name)) is not None:
            path.unlink(missing_ok=True)

    def _snapshot(self, camera: ServedCamera) -> SavedState | None:
        state = camera.state
        if not state.next_index or state.next_index == self._saved.get(camera.name):
            return None
        if any(row.pool is None for row in state.rows):
            return None  # its first frame waits
        return state.snapshot()

    def _path(self, name: str) -> Path | None:
        return None if self._config.folder is None else self._config.folder / f"{name}.safetensors"

    def _run(self) -> None:
        while not self._stop.wait(self._config.every_s):
            with self._ticks.lock:
                cameras = list(self._ticks.cameras.values())
            for camera in cameras:
                try:
                    self.save(camera)
                except StreamdeqError:
                    return  # the ticks have ended
