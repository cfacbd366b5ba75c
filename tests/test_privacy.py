"""What docs/mqtt.md promises of connections and files, held against the source."""

import pytest

from moshi_speaker.audio.echo import room
from moshi_speaker.home import identity
from moshi_speaker.speaker import memory, sole
from moshi_speaker.wake import clip
from tests.page import Page, code
from tests.test_layers import PACKAGE, users_of

PAGE = Page("mqtt.md")
CONNECTIONS = "Whom it talks to"

OUTWARD = {
    "amqtt": ["home/broker.py"],
    "huggingface_hub": ["moshi/download.py"],
    "openwakeword": ["wake/openww.py"],
    "paho": ["home/connection.py"],
}
"""Libraries that open connections, and who uses them: each is in the page's table."""
INWARD = {
    # Shuts a connection of paho's down; names errors; asks for the name of this machine.
    "socket": {"home/connection.py", "home/trouble.py", "home/rival.py"},
    "ssl": {"home/handshake.py", "home/tls.py", "home/trouble.py"},
}
"""Modules that could, and who uses them for something else."""
ABSENT = (
    "aiohttp",
    "ftplib",
    "http",
    "httpx",
    "imaplib",
    "poplib",
    "requests",
    "smtplib",
    "socketserver",
    "telnetlib",
    "urllib",
    "urllib3",
    "webbrowser",
    "websockets",
    "xmlrpc",
    "zeroconf",
)
"""Others that could."""
CALLS = ("open_connection", "create_connection", "create_datagram_endpoint", "start_server", "create_server")
"""Of asyncio, which everybody uses."""


@pytest.mark.parametrize("library", OUTWARD)
def test_who_opens_connections(library: str) -> None:
    assert list(users_of(library)) == OUTWARD[library]


@pytest.mark.parametrize("module", INWARD)
def test_who_could_and_does_not(module: str) -> None:
    assert set(users_of(module)) <= INWARD[module]
    for user in users_of(module):
        text = (PACKAGE / user).read_text(encoding="utf-8")
        assert not any(f"socket.{call}(" in text for call in ("socket", "create_connection", "getaddrinfo"))


@pytest.mark.parametrize("module", ABSENT)
def test_nobody_uses_another_way_out(module: str) -> None:
    assert list(users_of(module)) == []


def test_nobody_opens_connections_with_asyncio() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [path for path, text in sources.items() if any(f".{call}(" in text for call in CALLS)] == []


def test_the_page_has_each_of_them() -> None:
    table = " ".join(first for first, *_ in PAGE.sections[CONNECTIONS].rows)
    assert set(code(table)) == {"mqtt.host", "huggingface.co", "HF_ENDPOINT", "github.com"}
    assert "itself, on 127.0.0.1" in table


def test_telemetry_is_off_before_the_libraries_are_loaded() -> None:
    for user, variable, library in (
        ("moshi/download.py", "HF_HUB_DISABLE_TELEMETRY", "import huggingface_hub"),
        ("wake/openww.py", "ORT_DISABLE_TELEMETRY", "import openwakeword"),
    ):
        text = (PACKAGE / user).read_text(encoding="utf-8")
        assert 0 < text.index(variable) < text.index(library)
        assert variable in PAGE.sections[CONNECTIONS].words


def test_the_page_has_each_file_that_is_kept() -> None:
    named = {code(first)[0] for first, *_ in PAGE.sections["What is stored where"].rows if first[0] == "`"}
    kept = {identity.ID_FILE, sole.FILE, memory.FILE, room.FILE, clip.CLIP_FILE, "history.sqlite3"}
    assert named == {*kept, "~/.cache/huggingface"}
