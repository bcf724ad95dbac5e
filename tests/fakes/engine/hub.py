"""A Hugging Face on loopback: repositories, gates, tokens, ranges, and accidents on the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

REVISION = "a" * 40


@dataclass(slots=True)
class FakeHub:
    """What it holds and how it behaves; `asked` are the requests so far, with their ranges."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    """Tokens that are accepted."""
    agreed: set[str] = field(default_factory=set)
    """Tokens whose accounts have agreed to every licence."""
    wrong: set[str] = field(default_factory=set)
    """Files that arrive with one byte changed."""
    cut_at: int | None = None
    """So many bytes of a file are sent, once, before the line breaks."""
    failing: bool = False
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    endpoint: str = ""


@contextmanager
def running(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve on a free port of this computer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append((self.command, path, self.headers.get("Range")))
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        if self.hub.failing:
            return self._say(500, b"{}")
        if token is not None and token not in self.hub.tokens:
            return self._say(401, b"{}", **{"X-Error-Message": "Invalid credentials"})
        if path.startswith("/api/models/"):
            name = path.removeprefix("/api/models/").partition("/revision/")[0]
            return self._describe(name)
        name, _, rest = path.lstrip("/").partition("/resolve/")
        return self._send(name, rest.partition("/")[2], token)

    def _describe(self, name: str) -> None:
        files = self.hub.repositories.get(name)
        if files is None:
            return self._say(404, b"{}", **{"X-Error-Code": "RepoNotFound"})
        siblings = [
            {"rfilename": file, "size": len(data), "blobId": "0" * 40}
            | ({"lfs": {"sha256": _sha256(data), "size": len(data), "pointerSize": 134}}
               if len(data) > 1000 else {})
            for file, data in files.items()
        ]  # fmt: skip
        about = {"id": name, "sha": REVISION, "siblings": siblings, "private": False}
        card = {"license": "other", "license_name": "stable-audio-community"}
        text = json.dumps(about | {"cardData": card, "tags": [], "downloads": 0, "likes": 0})
        return self._say(200, text.encode(), **{"Content-Type": "application/json"})

    def _send(self, name: str, file: str, token: str | None) -> None:
        if name in self.hub.gated and token not in self.hub.agreed:
            status = 401 if token is None else 403
            return self._say(status, b"{}", **{"X-Error-Code": "GatedRepo"})
        data = self.hub.repositories.get(name, {}).get(file)
        if data is None:
            return self._say(404, b"{}", **{"X-Error-Code": "EntryNotFound"})
        etag = f'"{_sha256(data)}"'
        if file in self.hub.wrong:
            data = bytes([data[0] ^ 1]) + data[1:]
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].split("-")[0])
        more = {"ETag": etag, "X-Repo-Commit": REVISION, "Accept-Ranges": "bytes"}
        if start:
            more["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self._say(206 if start else 200, data[start:], **more)

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.hub.cut_at
        if cut is not None and len(body) > cut:
            self.hub.cut_at = None
            self.wfile.write(body[:cut])
            self.close_connection = True
            return
        self.wfile.write(body)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
