"""A real Home Assistant as a process, set up by its own first steps, without a hand on its storage."""

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ha.api import Api, Refused, post
from tests.program import Lines

START_S = 90.0
"""Seconds for its start; it takes three on two idle cores."""
STOP_S = 60.0
"""Seconds for an orderly stop."""
OURS = Path(__file__).parents[2] / "config" / "home_assistant"
"""What we give to people; put where docs/home-assistant.md says."""
ABOUT_US = re.compile(r"mqtt|template|automation|script|blueprint|moshi|trigger|condition", re.IGNORECASE)
"""What a complaint of ours would name: us, or what we use."""
_CONFIG = """\
homeassistant:
  name: House
  time_zone: {zone}
  unit_system: metric
  auth_mfa_modules: []
http:
  server_host: 127.0.0.1
  server_port: {port}
logger: {{default: info}}
history:
logbook:
{more}
"""


class HomeAssistant:
    """Home Assistant on a free port of the loopback interface; port and storage stay over a restart."""

    def __init__(self, folder: Path, more: str = "", zone: str = "Europe/Berlin") -> None:
        """``more`` is added to its configuration.yaml, ``zone`` is its time zone. It is not started yet."""
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        shutil.copytree(OURS / "blueprints", folder / "blueprints")
        shutil.copy(OURS / "automations.yaml", folder / "moshi_speaker.yaml")
        shutil.copy(OURS / "dashboard.yaml", folder / "dashboard.yaml")
        (folder / "board.yaml").write_text("views: [{title: Moshi, cards: [!include dashboard.yaml]}]\n")
        (folder / "configuration.yaml").write_text(_CONFIG.format(port=port, more=more, zone=zone))
        self.url = f"http://127.0.0.1:{port}"
        self.token = ""
        self._process: subprocess.Popen[str] | None = None
        self._earlier = ""
        self._lines: Lines | None = None

    def start(self) -> Api:
        """Start it; returns when everything in it has started. At the first time it gets a user."""
        root = os.environ.get("MOSHI_TEST_HA")
        if root is None:
            pytest.fail("there is no Home Assistant here: run make test-ha")
        command = ["chroot", root, "/ha/bin/python", "-m", "homeassistant"]
        command += ["--skip-pip", "--config", str(self.folder)]
        environment = {"HOME": str(self.folder), "PATH": "/usr/sbin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        self._lines = Lines(self._process.stdout)
        try:
            self._lines.expect(r"Home Assistant initialized in", within_s=START_S)
            if not self.token:
                self.token = self._onboard()
            return Api(self.url, self.token)
        except BaseException:
            self.kill()
            raise

    @property
    def running(self) -> bool:
        """It was started and not ended."""
        return self._process is not None

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._end(signal.SIGKILL)

    @property
    def log(self) -> str:
        """What it logged so far, in all its lives."""
        return self._earlier + (self._lines.text if self._lines else "")

    def complaints(self) -> list[str]:
        """Lines of the log that are warnings or errors, and are about something that we brought."""
        grave = re.findall(r"^\S+ \S+ (?:WARNING|ERROR|CRITICAL) .*$", self.log, re.MULTILINE)
        return [line for line in grave if ABOUT_US.search(line)]

    def join_broker(self, api: Api, port: int) -> None:
        """Set MQTT up, as a user does in the settings."""
        flow = api.post("/api/config/config_entries/flow", handler="mqtt", show_advanced_options=False)
        asked = {field["name"] for field in flow["data_schema"]}
        other = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
        folded = {"other_settings": other} if "other_settings" in asked else {}
        page = f"/api/config/config_entries/flow/{flow['flow_id']}"
        done = api.post(page, broker="127.0.0.1", port=port, **folded)
        if done["type"] != "create_entry":
            raise Refused(str(done))

    def _onboard(self) -> str:
        """The first steps of a new user; a token that lasts."""
        client = f"{self.url}/"
        user = {
            "client_id": client,
            "name": "Tester",
            "username": "tester",
            "password": "x",
            "language": "en",
        }
        code = post(f"{self.url}/api/onboarding/users", user)["auth_code"]
        form = {"client_id": client, "grant_type": "authorization_code", "code": code}
        token = post(f"{self.url}/auth/token", form, form=True)["access_token"]
        for step in ("core_config", "analytics"):
            post(f"{self.url}/api/onboarding/{step}", {}, token)
        post(f"{self.url}/api/onboarding/integration", {"client_id": client, "redirect_uri": client}, token)
        with Api(self.url, token) as api:
            with suppress(Refused):  # older ones do not ask
                api.ask("http/config/promote")
            return str(api.ask("auth/long_lived_access_token", client_name="tests", lifespan=3650))

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._lines is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError(f"Home Assistant does not end:\n{self._lines.text[-3000:]}") from None
        self._lines.join()
        self._earlier += self._lines.text
        self._lines = self._process = None
