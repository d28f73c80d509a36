"""Where a server listens, under which names, and behind which proxies."""

import re
from dataclasses import dataclass, field

from streamdeq.errors import require
from streamdeq.serving.web.limits import RateLimit

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True)
class Listen:
    """Where a server listens.

    Args:
        host: an address of this machine; 0.0.0.0 for all.
        port: 0 takes a free one.
        prefix: of every path, such as "/cameras".
        names: under which it may be asked for beside this machine's own, such as the proxy's public one.
        proxies: addresses and networks of proxies whose X-Forwarded-… headers are believed.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    prefix: str = ""
    names: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    rate: RateLimit = field(default_factory=RateLimit)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", self.prefix.rstrip("/"))
        require(PREFIX.fullmatch(self.prefix) is not None, "listen.prefix", "a path such as /cameras", self.prefix)
