"""A hub on 127.0.0.1 with the routes that a download uses, for one repo with two revisions."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

REPO = "someone/tiny-moshi"
OLD, NEW = "1" * 40, "2" * 40
"""Commits; NEW is what the branch main stands at."""

Files = dict[str, bytes]


class Hub:
    """What the hub holds, and how it behaves."""

    def __init__(self, old: Files, new: Files) -> None:
        self.commits = {OLD: old, NEW: new}
        self.breaks_off = False
        """Every file of more than 1 MB ends half-way, and the hub has a bad time afterwards."""
        self.broken_off: set[str] = set()
        self.requests: list[str] = []
        self.url = ""
        self._server: ThreadingHTTPServer | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Answer within the block, on a port of its own."""
        hub = self

        class Handler(_Handler):
            held = hub

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    held: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the screen."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.held.requests.append(f"{self.command} {path}")
        if not (found := re.match(rf"(/api/models)?/{REPO}/(revision|tree|resolve)/(\w+)/?(.*)$", path)):
            self._refuse(404, "RepoNotFound")
            return
        _, what, revision, name = found.groups()
        commit = NEW if revision == "main" else revision
        files = self.held.commits.get(commit)
        if files is None:
            self._refuse(404, "RevisionNotFound")
        elif what == "revision":
            self._json({"id": REPO, "sha": commit, "siblings": [{"rfilename": name} for name in files]})
        elif what == "tree":
            self._json(
                [{"type": "file", "path": n, "size": len(c), "oid": _oid(c)} for n, c in files.items()]
            )
        elif name in files:
            self._file(files[name], commit)
        else:
            self._refuse(404, "EntryNotFound")

    def _file(self, content: bytes, commit: str) -> None:
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        half = len(content) // 2
        large = self.command == "GET" and self.held.breaks_off and len(content) > 1_000_000
        if large and _oid(content) in self.held.broken_off:
            self._refuse(503, "")
            return
        if large:
            self.held.broken_off.add(_oid(content))
        self.send_response(206 if self.headers["Range"] else 200)
        self.send_header("ETag", f'"{_oid(content)}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Accept-Ranges", "bytes")
        if self.headers["Range"]:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[start : half if large else None])
            self.close_connection = large

    def _json(self, values: object) -> None:
        content = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-HF-Warning", "token; you are nobody, set HF_TOKEN")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, code: int, reason: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", reason)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
