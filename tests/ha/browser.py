"""A real browser without a window, at Home Assistant's real frontend."""

import base64
import itertools
import json
import os
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import URLError

from websockets.sync.client import connect

PATIENCE_S = 60.0
"""Seconds for the browser's start, and for a page to be complete."""
_FUNCTIONS = """
function all(selector, root = document) {
  const inner = [...root.querySelectorAll('*')].flatMap(e => e.shadowRoot ? all(selector, e.shadowRoot) : []);
  return [...root.querySelectorAll(selector), ...inner];
}
function written(e) {
  if (e.nodeType == 3) return e.textContent;
  if (['STYLE', 'SCRIPT'].includes(e.tagName)) return '';
  return [...(e.shadowRoot ? e.shadowRoot.childNodes : []), ...e.childNodes].map(written).join(' ');
}
"""


class Browser:
    """Chromium, as script/test-ha installs it; a context manager."""

    def __init__(self, folder: Path, width: int) -> None:
        """``folder`` is for what it keeps; the page is ``width`` pixels wide."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        command = ["chroot", os.environ["MOSHI_TEST_HA"], "chromium", "--headless=new", "--no-sandbox"]
        command += ["--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"]
        command += [f"--remote-debugging-port={port}", f"--user-data-dir={folder}"]
        command += ["about:blank"]
        environment = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._socket = connect(_page(port), max_size=1 << 26, compression=None)
        self._numbers = itertools.count(1)
        size = {"width": width, "height": 3 * width, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", **size)

    def sign_in(self, url: str, token: str) -> None:
        """Leave the token where the frontend looks for it."""
        self._go(f"{url}/robots.txt")
        tokens = {"access_token": token, "token_type": "Bearer", "expires_in": 10**9, "hassUrl": url}
        tokens |= {"clientId": f"{url}/", "expires": 10**14, "refresh_token": ""}
        self.run(f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(tokens))})")

    def open(self, url: str, selector: str, words: str = "") -> None:
        """Open a page of the frontend and wait for an element in which these words are written."""
        self._go(url)
        # The launch screen lies above the page for a while, and takes its clicks.
        there = "!document.getElementById('ha-launch-screen') && "
        there += f"all({json.dumps(selector)}).some(e => written(e).includes({json.dumps(words)}))"
        wait = f"new Promise(done => {{ {_FUNCTIONS} const look = () => {there}"
        wait += " ? requestIdleCallback(() => done(true)) : setTimeout(look, 50); look(); })"
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(AssertionError):  # the frontend sends the page elsewhere in mid-script
                if self.run(wait):
                    return
        raise AssertionError(f"no {selector} with {words!r} at {url}: {self.text('body')}")

    def count(self, selector: str) -> int:
        """How many such elements there are."""
        return int(self.run(f"(() => {{ {_FUNCTIONS} return all({json.dumps(selector)}).length }})()"))

    def text(self, selector: str) -> str:
        """What is written in the first of such elements, with all that is inside it."""
        found = self.run(f"(() => {{ {_FUNCTIONS} return written(all({json.dumps(selector)})[0]) }})()")
        return " ".join(str(found).split())

    def click(self, selector: str, words: str) -> None:
        """Click on the first of such elements in which these words are written."""
        x, y, width, height = self._box(selector, words)
        where = {"x": x + width / 4, "y": y + height / 2, "button": "left", "clickCount": 1}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, **where)

    def picture(self, selector: str, margin: float, scale: float) -> bytes:
        """A PNG of the first of such elements and ``margin`` pixels around it, drawn ``scale`` fold."""
        x, y, width, height = self._box(selector, "")
        clip = {"x": x - margin, "y": y - margin, "width": width + 2 * margin, "height": height + 2 * margin}
        clip["scale"] = scale
        answer = self._ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script says
        """Evaluate JavaScript in the page; a promise is waited for."""
        answer = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(10)

    def _box(self, selector: str, words: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of the first of such elements in which these words are written."""
        return tuple(
            self.run(
                f"(() => {{ {_FUNCTIONS} const b = all({json.dumps(selector)})"
                f".find(e => written(e).includes({json.dumps(words)})).getBoundingClientRect();"
                " return [b.x, b.y, b.width, b.height] })()"
            )
        )

    def _go(self, url: str) -> None:
        self._ask("Page.enable")
        number = self._send("Page.navigate", {"url": url})
        loaded = answered = False
        while not (loaded and answered):
            message = json.loads(self._socket.recv(PATIENCE_S))
            loaded |= message.get("method") == "Page.loadEventFired"
            answered |= message.get("id") == number

    def _send(self, method: str, parameters: dict[str, Any]) -> int:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return number

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        number = self._send(method, parameters)
        while True:
            message = json.loads(self._socket.recv(PATIENCE_S))
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                answer: dict[str, Any] = message["result"]
                return answer


def _page(port: int) -> str:
    """The websocket of the browser's page, once it listens."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(URLError, ConnectionError):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                pages = [page for page in json.load(answer) if page["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise AssertionError("the browser does not start")
