"""What this machine's FFmpeg, as PyAV brings it, can read and write."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

import av
from av.codec.codec import Codec, UnknownCodecError
from av.error import FFmpegError, ProtocolNotFoundError

CODECS = ("h264", "hevc", "vp9", "av1")
#: FFmpeg's own "av1" only drives hardware.
DECODERS = {"av1": ("libdav1d", "libaom-av1")}
#: Each is asked for in a way that a protocol refuses at once if it is there: a port where nobody listens, a number
#: out of range.
PROTOCOLS = {
    "rtsp": "rtsp://127.0.0.1:1/",
    "http": "http://127.0.0.1:1/",
    "https": "https://127.0.0.1:1/",
    "tcp": "tcp://127.0.0.1:1",
    "udp": "udp://127.0.0.1:1?ttl=999",
}
CAMERAS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Abilities:
    """What was found.

    Args:
        ffmpeg: its version.
        decoders, encoders: codec → the implementation, None where there is none.
        protocols: name → whether sources can be read over it.
        camera: the input device cameras are read by, None where there is none.
    """

    ffmpeg: str
    decoders: dict[str, str | None]
    encoders: dict[str, str | None]
    protocols: dict[str, bool]
    camera: str | None


def abilities() -> Abilities:
    """Find out; takes some milliseconds and asks nothing of any other machine."""
    device = CAMERAS.get(sys.platform)
    known = {name for names in av.formats_available for name in names.split(",")}
    return Abilities(
        ffmpeg=av.ffmpeg_version_info,
        decoders={name: _first(DECODERS.get(name, (name,)), "r") for name in CODECS},
        encoders={name: _first((name,), "w") for name in CODECS},
        protocols={name: reads_over(address) for name, address in PROTOCOLS.items()},
        camera=device if device in known else None,
    )


def _first(names: tuple[str, ...], mode: Literal["r", "w"]) -> str | None:
    for name in names:
        try:
            return Codec(name, mode).name
        except UnknownCodecError:
            continue
    return None


def reads_over(address: str) -> bool:
    """Whether FFmpeg knows the protocol of `address`, which is to be one that is refused at once."""
    try:
        av.open(address, timeout=TIMEOUT_S).close()
    except ProtocolNotFoundError:
        return False
    except (FFmpegError, OSError):
        return True
    return True
