"""A file over https, taken up where it broke off."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from streamdeq.errors import StreamdeqError
from streamdeq.files import ensure_folder

_PATIENCE_S = 60


class _HttpsOnly(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if not newurl.startswith("https://"):
            raise URLError(f"it leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(request: Request) -> Any:
    return build_opener(_HttpsOnly).open(request, timeout=_PATIENCE_S)


def download(url: str, path: Path, open_: Callable[[Request], Any] = _open) -> Path:
    """`url` as the file `path`, which is there whole or not; one that is there is taken as it is.

    What came before the connection broke stays beside it and is gone on with, where the server can.

    Raises:
        StreamdeqError: with the address and what to do instead.
    """
    if path.is_file():
        return path
    if not url.startswith("https://"):
        raise StreamdeqError(f"expected an https address, got {url}")
    ensure_folder(path.parent)
    part = path.with_name(f"{path.name}.unfinished")
    done = part.stat().st_size if part.is_file() else 0
    headers = {"User-Agent": "streamdeq", **({"Range": f"bytes={done}-"} if done else {})}
    try:
        with open_(Request(url, headers=headers)) as answer:
            goes_on = answer.status == 206 and _begins(answer.headers.get("Content-Range", "")) == done
            expected = answer.headers.get("Content-Length")
            with part.open("ab" if goes_on else "wb") as file:
                before = file.tell()
                shutil.copyfileobj(answer, file, 1 << 20)
                came = file.tell() - before
    except HTTPError as error:
        if error.code == 416:  # what is there is no beginning of what is to come
            part.unlink()
        raise StreamdeqError(_failed(url, path, f"{error.code} {error.reason}")) from error
    except OSError as error:
        raise StreamdeqError(_failed(url, path, getattr(error, "reason", None) or error)) from error
    if expected is not None and came != int(expected):
        raise StreamdeqError(_failed(url, path, f"{came:,} of {int(expected):,} bytes came"))
    os.replace(part, path)
    return path


def _begins(content_range: str) -> int:
    found = re.match(r"bytes (\d+)-", content_range)
    return int(found[1]) if found else -1


def _failed(url: str, path: Path, why: object) -> str:
    return (
        f"cannot download {url}: {why}; run this again, or get it some other way and give it with --from ({path.name})"
    )
