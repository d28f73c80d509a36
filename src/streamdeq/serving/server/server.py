"""The server: cameras added, changed and removed while it runs, what they see handed over, what it costs reported."""

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from types import TracebackType
from typing import Any, Self

from streamdeq.api import load
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.running.memory import keep_memory
from streamdeq.serving.scheduler import Load
from streamdeq.serving.scheduler.camera import USUAL_FPS
from streamdeq.serving.server.config import CameraConfig, ModelConfig, ServerConfig, check_name
from streamdeq.serving.server.feed import Feed, open_camera
from streamdeq.serving.server.keeper import Keeper
from streamdeq.serving.server.privacy import Painter
from streamdeq.serving.server.published import Hub, Published, Subscription
from streamdeq.serving.server.reports import CameraReport
from streamdeq.serving.server.served import ServedCamera, ServedModel, Wishes, moved
from streamdeq.serving.server.ticks import Ticks
from streamdeq.video import Source

log = logging.getLogger("streamdeq.serving")
#: Frames of a source that does not say how large its own are, for what they may cost.
USUAL_HW = (360, 640)
#: What of a camera may change without another source, and without another state.
SAME_SOURCE = {field.name for field in fields(CameraConfig)} - {"source", "loop"}
SAME_STATE = SAME_SOURCE - {"model", "boxes", "size"}


class Server:
    """Cameras and models while the context lasts. Every method may be called from any thread.

    Args:
        config: what it begins with.
        models: already loaded, by the names of the configuration; those that are not are loaded.

    Raises on entering:
        StreamdeqError: a model cannot be loaded, a camera wants what it cannot have, or they are too many.
    """

    def __init__(self, config: ServerConfig, models: dict[str, Any] | None = None) -> None:
        self.config = config
        self._hub = Hub()
        self._ticks = Ticks(self._hub)
        self._loaded = models or {}
        self._models: dict[str, ServedModel] = {}
        self._keeper = Keeper(self._ticks, config.state)
        self._last: dict[str, CameraReport] = {}

    def __enter__(self) -> Self:
        keep_memory()
        for name, one in self.config.models.items():
            self._models[name] = self._load(name, one, self._loaded.get(name))
        self._ticks.start()
        try:
            for name, camera in self.config.cameras.items():
                self._add(name, camera, waiting=True)
        except BaseException:
            self._close()
            raise
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    # -- cameras ---------------------------------------------------------------------------------------------

    def add(
        self, name: str, camera: CameraConfig, open_: Callable[[], Source] | None = None, *, waiting: bool = False
    ) -> None:
        """A camera more.

        Args:
            open_: opens it, in the place of what `camera.source` says.
            waiting: one that cannot be opened is tried again, and no error.

        Raises:
            StreamdeqError: there is one of that name, it wants what cannot be, or it cannot be served beside the
                others; then with the figures.
        """
        self._add(name, camera, open_, waiting=waiting)

    def change(self, name: str, **changes: Any) -> None:
        """Other settings, from the next frame on; the latent is kept where model, size and boxes are.

        Raises:
            StreamdeqError: no such camera or setting, or a value that cannot be; nothing is changed.
        """
        camera = self._camera(name)
        for key in changes:
            if key not in SAME_SOURCE | {"source", "loop"}:
                raise StreamdeqError(unknown("setting", key, sorted(SAME_SOURCE | {"source", "loop"})))
        self._become(camera, replace(camera.config, **changes))

    def remove(self, name: str, *, keep: bool = False) -> CameraReport:
        """A camera less; its figures. What it had at hand is dropped; its state is saved to `keep`, or deleted."""
        camera = self._camera(name)
        if keep:
            self._keeper.save(camera)
        report = self._remove(camera)
        if not keep:
            self._keeper.forget(name)
        return report

    def swap_model(self, name: str, weights: str) -> None:
        """Other weights for the cameras of a model, between two ticks; latents are kept where the architecture is.

        Raises:
            StreamdeqError: they cannot be loaded, or a camera wants what they cannot give; nothing is changed.
        """
        if name not in self._models:
            raise StreamdeqError(unknown("model", name, list(self._models)))
        config = replace(self._models[name].config, weights=weights)
        served = self._load(name, config, None)
        wishes = {one.name: Wishes.of(one.config, served.model) for one in self._of_model(name)}

        def swap() -> None:
            self._models[name] = served
            for camera in self._of_model(name):
                made = wishes.get(camera.name) or Wishes.of(camera.config, served.model)
                self._move(camera, served, camera.config, made)

        self._ticks.call(swap)
        self.config = replace(self.config, models={**self.config.models, name: config})

    def apply(self, config: ServerConfig) -> None:
        """Become what a file says now: models swapped, cameras removed, changed and added.

        Raises:
            StreamdeqError: something of it cannot be; what could be done before is done.
        """
        if config.models.keys() != self.config.models.keys():
            raise StreamdeqError("models: adding or removing one needs a restart; their weights may change")
        for name, model in config.models.items():
            if replace(model, weights="") != replace(self._models[name].config, weights=""):
                raise StreamdeqError(f"models.{name}: only its weights may change while the server runs; restart it")
            if model.weights != self._models[name].config.weights:
                self.swap_model(name, model.weights)
        for name in self.cameras().keys() - config.cameras.keys():
            self.remove(name)
        for name, camera in config.cameras.items():
            if name in self.cameras():
                self._become(self._camera(name), camera)
            else:
                self._add(name, camera, waiting=True)

    # -- what comes of it ------------------------------------------------------------------------------------

    def cameras(self) -> dict[str, CameraConfig]:
        """What each is asked for."""
        with self._ticks.lock:
            return {name: camera.config for name, camera in self._ticks.cameras.items()}

    def reports(self) -> dict[str, CameraReport]:
        """The figures of every camera; after the end, the last ones."""
        with self._ticks.lock:
            return self._last | {name: self._report(camera) for name, camera in self._ticks.cameras.items()}

    def latest(self, name: str) -> Published | None:
        """The newest answer of a camera; None before the first."""
        return self._camera(name).latest

    def model(self, name: str) -> Any:
        """The loaded model that a camera's answers come from, to draw them."""
        return self._camera(name).model.model

    def subscribe(self, depth: int = 64) -> Subscription:
        """The answers of all cameras, from now on; `depth` wait at the most."""
        return self._hub.subscribe(depth)

    @property
    def healthy(self) -> bool:
        """Whether it computes, or would if there were frames."""
        return self._ticks.running

    def load(self) -> Load:
        """How much of this machine the cameras ask for."""
        with self._ticks.lock:
            return self._ticks.scheduler.load()

    # -- inside ----------------------------------------------------------------------------------------------

    def _load(self, name: str, config: ModelConfig, loaded: Any) -> ServedModel:
        return ServedModel(name, config, loaded or load(config.weights, config.device, config.precision))

    def _camera(self, name: str) -> ServedCamera:
        with self._ticks.lock:
            if name not in self._ticks.cameras:
                raise StreamdeqError(unknown("camera", name, list(self._ticks.cameras)))
            return self._ticks.cameras[name]

    def _of_model(self, name: str) -> list[ServedCamera]:
        with self._ticks.lock:
            return [camera for camera in self._ticks.cameras.values() if camera.model.name == name]

    def _add(
        self,
        name: str,
        config: CameraConfig,
        open_: Callable[[], Source] | None = None,
        *,
        waiting: bool = False,
    ) -> None:
        """A camera more; where it may be `waiting`, one that cannot be opened is tried again."""
        self._ticks.check_running()
        check_name(name)
        if name in self.cameras():
            raise StreamdeqError(f"camera '{name}' is there already; change it, or take another name")
        served = self._models[self.config.model_of(config)]
        wishes = Wishes.of(config, served.model)
        opens = open_ or (lambda: open_camera(config.source, config.loop))
        source = None
        try:
            source = opens()
        except StreamdeqError as error:
            if not waiting:
                raise
            log.warning("camera %s: %s", name, error)
        feed = Feed(name, opens, source, config.fps, Painter(config.privacy), self._ticks.wake)
        camera = ServedCamera(name, config, served, wishes, feed)
        self._keeper.take_up(camera)
        try:
            self._ticks.call(lambda: self._join(camera, source))
        except BaseException:
            feed.close()
            raise
        feed.start()

    def _join(self, camera: ServedCamera, source: Source | None) -> None:
        """Between two ticks: the camera is measured, admitted, and one of them."""
        hw = source.size_hw if source is not None and source.size_hw is not None else USUAL_HW
        pool, fps = self._ticks.know(camera, hw), None if source is None else source.fps
        with self._ticks.lock:
            self._admit(camera, camera.config, fps, pool)
            self._ticks.scheduler.add(camera.name, camera.config.terms(fps), pool)
            self._ticks.cameras[camera.name] = camera

    def _admit(self, camera: ServedCamera, config: CameraConfig, fps: float | None, pool: object = None) -> None:
        """Between two ticks: raise StreamdeqError where a camera with these settings does not fit beside the others."""
        scheduler, terms = self._ticks.scheduler, config.terms(fps)
        if not self.config.overload:
            rate = terms.fps or USUAL_FPS
            demand = scheduler.demand(terms, pool or scheduler.pool(camera.name), rate)
            scheduler.load(without=camera.name).check_room(camera.name, rate, terms.min_steps, demand)

    def _become(self, camera: ServedCamera, config: CameraConfig) -> None:
        """A camera with other settings."""
        before = camera.config
        changed = {field.name for field in fields(config) if getattr(config, field.name) != getattr(before, field.name)}
        if not changed:
            return
        served = self._models[self.config.model_of(config)]
        wishes = Wishes.of(config, served.model)
        if not changed <= SAME_SOURCE:
            self._ticks.call(lambda: self._admit(camera, config, None))
            self._remove(camera)
            self._keeper.forget(camera.name)
            self._add(camera.name, config, waiting=True)
            return
        if not changed & {"boxes", "conf", "classes", "track", "rules", "model"}:
            wishes = replace(camera.wishes, zone=wishes.zone)

        def become() -> None:
            rate = self._ticks.scheduler.fps(camera.name)
            with self._ticks.lock:
                self._admit(camera, config, rate)
                if changed <= SAME_STATE:
                    camera.config, camera.wishes = config, wishes
                    camera.take_up(camera.state)
                else:
                    self._move(camera, served, config, wishes)
                self._ticks.scheduler.change(camera.name, config.terms(rate if config.fps else None))
                camera.feed.fps = config.fps
                if "privacy" in changed:
                    camera.feed.paint = Painter(config.privacy)

        self._ticks.call(become)

    def _move(self, camera: ServedCamera, served: ServedModel, config: CameraConfig, wishes: Wishes) -> None:
        """Between two ticks: a camera goes on in another engine; the frame that is being solved begins anew."""
        with self._ticks.lock:
            state = moved(camera.state, served, config, wishes.locate)
            camera.close()
            camera.state, camera.model, camera.config, camera.wishes = state, served, config, wishes
            if camera.solving is not None:
                camera.again(waits=self._ticks.scheduler.again(camera.name))
            if camera.waiting:
                hw = camera.waiting[0].frame.image.shape[:2]
                self._ticks.scheduler.change(camera.name, pool=self._ticks.know(camera, (hw[0], hw[1])))

    def _report(self, camera: ServedCamera) -> CameraReport:
        scheduler, feed, name = self._ticks.scheduler, camera.feed, camera.name
        return camera.figures.report(
            scheduler.counts(name),
            scheduler.demand_of(name),
            state=str(feed.state),
            note=feed.note,
            source=camera.config.label,
            model=camera.model.name,
            fps=scheduler.fps(name),
            at_hand=scheduler.at_hand(name) + feed.uncounted,
            reconnects=feed.reconnects,
            warm=camera.warm,
        )

    def _remove(self, camera: ServedCamera) -> CameraReport:
        camera.feed.close()

        def leave() -> CameraReport:
            with self._ticks.lock:
                self._ticks.collect(camera)
                report = self._report(camera)
                counts = self._ticks.scheduler.remove(camera.name)
                del self._ticks.cameras[camera.name]
                camera.close()
                return replace(report, dropped=counts.dropped, at_hand=0)

        return self._ticks.call(leave)

    def _close(self) -> None:
        """Sources first, then what the cameras know is saved, then everything goes."""
        self._keeper.stop()
        with self._ticks.lock:
            cameras = list(self._ticks.cameras.values())
        for camera in cameras:
            self._keeper.save(camera)
            self._last[camera.name] = self._remove(camera)
        self._ticks.stop()
        self._hub.end()
