"""What the routes share."""

from dataclasses import dataclass, field

from streamdeq.serving.api.hub import Hub
from streamdeq.serving.api.pictures import Picture, Pictures
from streamdeq.serving.server import AllowConfig, Server
from streamdeq.serving.server.outputs import Outputs
from streamdeq.serving.web.headers import secure_headers
from streamdeq.serving.web.problems import RefusedError

HEADERS = secure_headers("'self'", "'self'")


@dataclass(frozen=True)
class Context:
    """Attributes:
    allow: sources that requests may name.
    outputs: where the server's results go.
    """

    server: Server
    hub: Hub
    allow: AllowConfig
    outputs: Outputs
    pictures: Pictures = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pictures", Pictures(self.server))

    def check_camera(self, name: str) -> None:
        if name not in self.server.cameras():
            raise RefusedError(404, f"no camera '{name[:60]}' here; GET /cameras lists them")

    def picture(self, name: str) -> Picture:
        self.check_camera(name)
        return self.pictures.of(name)
