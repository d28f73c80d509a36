"""A server that speaks the Hugging Face Hub's protocol as far as repositories of models need it.

Repositories are made, files committed (small ones in the commit, large ones over Git LFS), listed, and served by branch
or commit with the headers that the client checks. https://huggingface.co/docs/hub/api says what the real one does.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote

import yaml


@dataclass
class Repository:
    """Its commits (files by path), and the branches that point to them."""

    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, changes: dict[str, bytes]) -> str:
        files = {**self.files(branch), **changes}
        told = repr((branch, len(self.commits), sorted(files))).encode()
        self.branches[branch] = hashlib.sha1(told).hexdigest()
        self.commits[self.branches[branch]] = files
        return self.branches[branch]

    def files(self, revision: str) -> dict[str, bytes]:
        return self.commits.get(self.branches.get(revision, revision), {})

    def oid(self, revision: str) -> str | None:
        oid = self.branches.get(revision, revision)
        return oid if oid in self.commits else None


@dataclass
class Hub:
    """What the server holds, and what it was asked.

    Attributes:
        token: who has it may write, and read what is private.
        large: what Git LFS was sent, by hash.
        asked: method and path of every request.
    """

    address: str = ""
    token: str = "hf_writes"
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, repo: str, **files: bytes) -> str:
        """Files (`_` for `.`) in a repository's main branch; the commit."""
        made = self.repositories.setdefault(repo, Repository())
        return made.commit("main", {name.replace("_", "."): content for name, content in files.items()})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer_to("HEAD")

    def do_GET(self) -> None:
        self._answer_to("GET")

    def do_POST(self) -> None:
        self._answer_to("POST")

    def do_PUT(self) -> None:
        self._answer_to("PUT")

    def log_message(self, *_: Any) -> None:
        pass

    # -- what is asked ----------------------------------------------------------------------------------------

    def _answer_to(self, method: str) -> None:
        path = unquote(self.path.partition("?")[0])
        self.hub.asked.append(f"{method} {path}")
        self._body = self._read()
        self._writer = self.headers.get("Authorization") == f"Bearer {self.hub.token}"
        for pattern, verb, does in ROUTES:
            if method in verb and (found := re.fullmatch(pattern, path)):
                does(self, **found.groupdict())
                return
        self._refuse(404, "no such address")

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while length := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(length))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _json(self) -> Any:
        return json.loads(self._body)

    def _repository(self, repo: str, *, write: bool = False) -> Repository | None:
        found = self.hub.repositories.get(repo)
        if found is None or (found.private and not self._writer):
            self._refuse(401, "Repository not found", "RepoNotFound")
            return None
        if write and not self._writer:
            self._refuse(403, "you have no right to write here")
            return None
        return found

    def file(self, repo: str, revision: str, file: str) -> None:
        if (found := self._repository(repo)) is None:
            return
        oid = found.oid(revision)
        if oid is None:
            self._refuse(404, "no such revision", "RevisionNotFound")
        elif file not in found.files(oid):
            self._refuse(404, "no such file", "EntryNotFound", **{"X-Repo-Commit": oid})
        else:
            content = found.files(oid)[file]
            etag = hashlib.sha256(content).hexdigest()
            self._send(200, content, **{"X-Repo-Commit": oid, "ETag": f'"{etag}"', "Accept-Ranges": "none"})

    def info(self, repo: str, revision: str | None = None) -> None:
        if (found := self._repository(repo)) is None:
            return
        oid = found.oid(revision or "main")
        if oid is None:
            self._refuse(404, "no such revision", "RevisionNotFound")
            return
        files = [{"rfilename": name} for name in sorted(found.files(oid))]
        self._tell({"id": repo, "modelId": repo, "sha": oid, "private": found.private, "siblings": files})

    def create(self) -> None:
        if not self._writer:
            self._refuse(401, "log in first")
            return
        told = self._json()
        repo = f"{told['organization']}/{told['name']}"
        status = 409 if repo in self.hub.repositories else 200
        made = self.hub.repositories.setdefault(repo, Repository(private=told.get("visibility") == "private"))
        if not made.commits:
            made.commit("main", {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
        self._tell({"url": f"{self.hub.address}/{repo}", "name": repo}, status)

    def branch(self, repo: str, name: str) -> None:
        if (found := self._repository(repo, write=True)) is None:
            return
        status = 409 if name in found.branches else 200
        found.branches.setdefault(name, found.branches["main"])
        self._tell({}, status)

    def check_card(self) -> None:
        head = re.match(r"---\n(.*?)\n---\n", self._json()["content"], re.DOTALL)
        good = head is not None and isinstance(yaml.safe_load(head[1]), dict)
        told = {"warnings": [], "errors": [] if good else [{"message": "no metadata"}]}
        self._tell(told, 200 if good else 400)

    def preupload(self, repo: str, revision: str) -> None:
        if self._repository(repo, write=True) is not None:
            modes = ((one["path"], one["path"].endswith(".safetensors")) for one in self._json()["files"])
            files = [{"path": p, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False} for p, lfs in modes]
            self._tell({"files": files})

    def batch(self, repo: str) -> None:
        if self._repository(repo, write=True) is None:
            return
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.hub.address}/lfs/{one['oid']}"}}}
            for one in self._json()["objects"]
        ]
        self._tell({"transfer": "basic", "objects": objects})

    def upload(self, oid: str) -> None:
        if hashlib.sha256(self._body).hexdigest() != oid:
            self._refuse(400, "the content has another hash")
            return
        self.hub.large[oid] = self._body
        self._tell({})

    def commit(self, repo: str, revision: str) -> None:
        if (found := self._repository(repo, write=True)) is None:
            return
        changes = {}
        for key, value in ((line["key"], line["value"]) for line in map(json.loads, self._body.splitlines())):
            if key == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                changes[value["path"]] = self.hub.large[value["oid"]]
        oid = found.commit(revision, changes)
        url = f"{self.hub.address}/{repo}/commit/{oid}"
        self._tell({"success": True, "commitUrl": url, "commitOid": oid, "hookOutput": ""})

    # -- answers ----------------------------------------------------------------------------------------------

    def _tell(self, told: Any, status: int = 200) -> None:
        self._send(status, json.dumps(told).encode(), **{"Content-Type": "application/json"})

    def _refuse(self, status: int, why: str, code: str = "", **headers: str) -> None:
        named = {"X-Error-Code": code} if code else {}
        self._send(status, json.dumps({"error": why}).encode(), **{"X-Error-Message": why, **named, **headers})

    def _send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


REPO, REVISION = r"(?P<repo>[\w.-]+/[\w.-]+)", r"(?P<revision>[\w.-]+)"
ROUTES: tuple[tuple[str, tuple[str, ...], Any], ...] = (
    (rf"/{REPO}/resolve/{REVISION}/(?P<file>.+)", ("GET", "HEAD"), Handler.file),
    (rf"/api/models/{REPO}", ("GET",), Handler.info),
    (rf"/api/models/{REPO}/revision/{REVISION}", ("GET",), Handler.info),
    (r"/api/repos/create", ("POST",), Handler.create),
    (r"/api/validate-yaml", ("POST",), Handler.check_card),
    (rf"/api/models/{REPO}/branch/(?P<name>[\w.-]+)", ("POST",), Handler.branch),
    (rf"/api/models/{REPO}/preupload/{REVISION}", ("POST",), Handler.preupload),
    (rf"/{REPO}\.git/info/lfs/objects/batch", ("POST",), Handler.batch),
    (r"/lfs/(?P<oid>[0-9a-f]{64})", ("PUT",), Handler.upload),
    (rf"/api/models/{REPO}/commit/{REVISION}", ("POST",), Handler.commit),
)


@contextmanager
def serving() -> Iterator[Hub]:
    """A hub on this machine while the block lasts."""
    hub = Hub()
    handler = type("Bound", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
