"""Python imports this at the start of each process that finds this folder: it writes down who is talked to.

A line of JSON for each audit event (PEP 578) that leads out of the process goes to the file that the variable
``WATCHED`` names. Programs that are not Python are seen by their start alone.
"""

import json
import os
import sys

_FILE = os.environ.get("WATCHED", "")
_EVENTS = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "webbrowser.open",
}


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS:
        return
    # The first argument of those that speak of a socket is the socket itself.
    shown = arguments[1:] if event in ("socket.connect", "socket.sendto", "socket.sendmsg") else arguments
    line = json.dumps({"event": event, "arguments": shown}, default=str) + "\n"
    os.write(_DESCRIPTOR, line.encode())


if _FILE:
    _DESCRIPTOR = os.open(_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    sys.addaudithook(_watch)
    os.write(_DESCRIPTOR, json.dumps({"event": "start", "arguments": sys.orig_argv}).encode() + b"\n")
