"""What a server is asked to do: models, cameras, where it listens; read from YAML."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from streamdeq.codec import from_plain
from streamdeq.codec.annotations import Text, Written
from streamdeq.data.documents import read_yaml
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.results.sinks import SinkOptions, read_sink
from streamdeq.serving.scheduler import Terms
from streamdeq.serving.web.limits import RateLimit
from streamdeq.streaming.options import RuntimeName, SolverName, StartFrom, StreamOptions, WorkingSize
from streamdeq.values.choice import Choice
from streamdeq.values.numbers import check_above_zero, check_number
from streamdeq.video import redacted
from streamdeq.video.live import parse_address

T = TypeVar("T")
#: Corners (x, y) in the frame's pixels.
Polygon = tuple[tuple[float, float], ...]
#: A camera's or model's name: it stands in addresses and names of files.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True)
class ModelConfig(Written):
    """A model that cameras may name; written as its weights alone where nothing else is said.

    Attributes:
        weights: the name of packaged weights, or a `.safetensors` file.
        device, precision: as `load` has them.
        solver, runtime: as `StreamOptions` has them.
    """

    weights: str
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    solver: SolverName = None
    runtime: RuntimeName = "eager"

    @classmethod
    def read(cls, text: str) -> "ModelConfig":
        return cls(text)


@dataclass(frozen=True)
class CameraConfig:
    """A camera.

    Attributes:
        source: what `run` takes: an address, whose secrets may be named (`${NAME}`, `${file:PATH}`), a camera's number,
            a video file or a folder of pictures, which are played at their rate. Never shown.
        model: one of the server's; None where it has but one.
        fps: frames per second to look at, at the most; None: all.
        deadline_ms: from a frame's arrival to its answer; None: until the next frame is due.
        min_steps, max_steps: applications of f per frame; how many it gets is what the machine has time for.
        priority: its part of the steps beyond the least, and of the frames where not even those suffice.
        conf, classes, track: which detections are shown, as in `Choice`.
        boxes: where the instances are, for a task that looks at each of them: a detection model or a file.
        zone: detections whose box stands outside (the middle of its lower edge), and poses outside, are left out.
        privacy: polygons that are painted black before anything looks at a frame.
        blur: classes that are made unrecognisable in the frames that are published.
        rules: a file of lines and zones (`docs/rules.md`): objects are tracked, events are records beside the answers.
        size: as `StreamOptions` has it.
        start: where a frame's solve begins: the previous answer, or zeros, for comparison.
        loop: play a file again and again.
    """

    source: str = field(repr=False)
    model: str | None = None
    fps: float | None = None
    deadline_ms: float | None = None
    min_steps: int = 1
    max_steps: int = 8
    priority: float = 1.0
    conf: float | None = None
    classes: tuple[str, ...] = ()
    track: bool = False
    boxes: str | None = None
    zone: Polygon = ()
    privacy: tuple[Polygon, ...] = ()
    blur: tuple[str, ...] = ()
    rules: Path | None = None
    size: WorkingSize = None
    start: Literal["previous", "zeros"] = "previous"
    loop: bool = True

    def __post_init__(self) -> None:
        self.terms()
        if self.deadline_ms is not None:
            check_above_zero("deadline_ms", self.deadline_ms)
        for name, polygon in (("zone", self.zone), *(("privacy", one) for one in self.privacy)):
            if (name == "privacy" or polygon) and len(polygon) < 3:
                raise StreamdeqError(f"{name}: expected at least 3 corners [x, y], got {len(polygon)}")

    def terms(self, source_fps: float | None = None) -> Terms:
        """For the scheduler, of a source of that rate."""
        rates = [fps for fps in (self.fps, source_fps) if fps is not None]
        deadline_s = None if self.deadline_ms is None else self.deadline_ms / 1e3
        return Terms(self.min_steps, self.max_steps, self.priority, deadline_s, min(rates, default=None))

    @property
    def choice(self) -> Choice:
        return Choice(self.conf, self.classes, self.track or self.rules is not None)

    @property
    def label(self) -> str:
        """The source without its secrets."""
        return redacted(self.source)

    def options(self, model: ModelConfig) -> StreamOptions:
        return StreamOptions(self.max_steps, model.solver, StartFrom(self.start), self.size, runtime=model.runtime)


@dataclass(frozen=True)
class StateConfig:
    """Where the cameras' latents are kept, so that a restarted server goes on warm; nowhere if `folder` is None."""

    folder: Path | None = None
    every_s: float = 30.0

    def __post_init__(self) -> None:
        check_above_zero("every_s", self.every_s)


@dataclass(frozen=True)
class ListenConfig:
    """Where the interface and the page are.

    Attributes:
        host: an address of this machine; 0.0.0.0 for all.
        port: 0 takes a free one.
        prefix: the path under which a proxy has them.
        names: under which they are asked for beside this machine's own, such as the proxy's public one.
        proxies: addresses and networks of proxies whose X-Forwarded-… headers are believed.
        rate: requests of one address.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    prefix: str = ""
    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    rate: RateLimit = field(default_factory=RateLimit)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", self.prefix.rstrip("/"))
        if not PREFIX.fullmatch(self.prefix):
            raise StreamdeqError(f"prefix: expected a path such as /cameras, got {self.prefix}")
        check_number("port", self.port, whole=True, least=0)
        if self.port > 65535:
            raise StreamdeqError(f"port: expected 0 to 65535, got {self.port}; 0 takes a free one")


@dataclass(frozen=True)
class AllowConfig:
    """Which sources a request may name; what stands in the file itself may be any.

    Attributes:
        schemes: of addresses, and `camera` for this machine's own by number; never a path.
        hosts: patterns such as `10.0.0.*` and `*.example.com`, a star for what is between two dots; `*` for any;
            none by default.
    """

    schemes: tuple[str, ...] = ("rtsp", "rtsps")
    hosts: tuple[str, ...] = ()

    def check(self, source: str) -> None:
        """Raise StreamdeqError unless a request may name this source. Nothing is read from files or the environment."""
        if "${" in source:
            raise StreamdeqError("source: ${…} may stand in the server's own file only; write the address out")
        if source.isdecimal():
            kind, host = "camera", ""
        elif "://" in source and (address := parse_address(source)) is not None:
            kind, host = address.kind, urlsplit(address.url).hostname or ""
        else:
            kind, host = "a path", ""
        if kind not in self.schemes:
            raise StreamdeqError(f"source: expected one of {', '.join(self.schemes)}, got {kind}; see 'allow'")
        if kind != "camera" and not any(_matches(host, pattern) for pattern in self.hosts):
            raise StreamdeqError(f"source: host {host} is not among those allowed; see 'allow'")


def _matches(host: str, pattern: str) -> bool:
    parts = (re.escape(part) for part in pattern.lower().split("*"))
    return pattern == "*" or re.fullmatch("[^.:]+".join(parts), host) is not None


@dataclass(frozen=True)
class ServerConfig:
    """All of it.

    Attributes:
        overload: take more cameras than can be served at their least steps; frames are dropped then.
    """

    models: dict[str, ModelConfig]
    cameras: dict[str, CameraConfig] = field(default_factory=dict)
    state: StateConfig = StateConfig()
    allow: AllowConfig = AllowConfig()
    listen: ListenConfig = ListenConfig()
    overload: bool = False
    results: tuple[SinkOptions, ...] = ()

    def __post_init__(self) -> None:
        if not self.models:
            raise StreamdeqError("models: expected at least one, such as 'main: camvid-s'")
        for name in (*self.models, *self.cameras):
            check_name(name)

    def model_of(self, camera: CameraConfig) -> str:
        """The name of a camera's model."""
        if camera.model is not None and camera.model not in self.models:
            raise StreamdeqError(unknown("model", camera.model, list(self.models)))
        if camera.model is None and len(self.models) > 1:
            raise StreamdeqError(f"model: expected one of {', '.join(self.models)}, for there are several; name one")
        return camera.model or next(iter(self.models))


def check_name(name: str) -> None:
    """Raise StreamdeqError unless it can stand in an address and in a file's name."""
    if not NAME.fullmatch(name):
        raise StreamdeqError(f"expected a name of letters, digits, '_', '.' and '-', at most 64, got '{name[:80]}'")


def read_config(path: Path | str) -> ServerConfig:
    """A server's YAML file.

    Raises:
        StreamdeqError: it cannot be read, has a key that there is not, or says what cannot be; names the file and key.
    """
    path = Path(path)
    plain = {key: value for key, value in read_yaml(path).items() if value != ""}
    try:
        for key, kind in (("models", ModelConfig), ("cameras", CameraConfig)):
            if isinstance(plain.get(key), dict):
                plain[key] = {name: _entry(kind, f"{key}.{name}", one) for name, one in plain[key].items()}
        rest = {key: _texts(value) for key, value in plain.items() if key not in ("models", "cameras", "results")}
        checked = from_plain(ServerConfig, {"models": {"any": {"weights": "any"}}, **rest}, "key")
        unread = {key: plain[key] for key in ("models", "cameras") if not isinstance(plain.get(key, {}), dict)}
        for key, value in unread.items():
            raise StreamdeqError(f"{key}: expected names and settings, got '{value}'")
        sinks = tuple(read_sink(_texts(one) if isinstance(one, dict) else one) for one in plain.get("results", ()))
        named = {key: plain.get(key, {}) for key in ("models", "cameras")}
        return ServerConfig(**{**vars(checked), **named, "results": sinks})
    except StreamdeqError as error:
        raise StreamdeqError(f"{path}: {error}") from error


def _entry(kind: type[T], place: str, plain: Any) -> T:
    try:
        return from_plain(kind, _texts(plain), "key")
    except StreamdeqError as error:
        raise StreamdeqError(f"{place}: {error}") from error


def _texts(plain: Any) -> Any:
    """What a YAML file says, for the codec, which reads a text as what is wanted there; what is empty is left out."""
    if isinstance(plain, dict):
        return {key: _texts(value) for key, value in plain.items() if value != ""}
    if isinstance(plain, list):
        return [_texts(value) for value in plain]
    return Text(plain)
