"""Why there is no link to the broker, in one line, with the remedy."""

import socket
import ssl
from dataclasses import dataclass, replace

from moshi_speaker.home import handshake

UNSUPPORTED_VERSION = 132
TAKEN_OVER = 142
_SILENT = "closed or silent at the first word, as if no MQTT broker were there"
_REFUSALS = {
    133: ("refuses our client id", "set another mqtt.client_id"),
    134: ("refuses user name or password", "set mqtt.username and mqtt.password right"),
    135: ("does not let us in", "set mqtt.username and mqtt.password, or allow this speaker at the broker"),
    138: ("has banned us", "look into the broker's log"),
    140: ("wants another way of authentication", "use a user name and password, or a client certificate"),
}
"""Reason codes of MQTT 5 (specification §2.4; paho translates those of 3.1.1 into them)."""
_DISMISSALS = {
    135: (
        "ended the connection: something is not allowed to us",
        "allow this speaker its topics at the broker",
    ),
    137: ("is busy", "trying again"),
    139: ("shuts down", "trying again"),
    141: ("heard nothing from us for too long", "check the network; trying again"),
    149: ("ended the connection: a message was too large", "let the broker take larger messages"),
    151: ("ended the connection: a quota is used up", "look into the broker's quotas"),
    152: ("ended the connection: somebody asked it to", "trying again"),
}
_NOT_US = {139, 141, 152}
"""They are what a lost connection is, and nothing that we sent is the reason."""
_OWN_ID = "give each speaker its own speaker.id"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason for having no link."""

    kind: str
    """Troubles of one kind are told once, until there was a link again."""
    line: str
    """For the log: what, where, what to do."""
    other_version: bool = False
    """Another version of MQTT may help."""
    unexplained: bool = False
    """A link that was open has ended, and nobody said why."""
    our_fault: bool = False
    """The broker may not have liked what we sent."""
    rival: bool = False
    """Another client has our id."""


def unreachable(error: OSError | UnicodeError, address: str) -> Trouble:
    """Why no connection could be opened to ``address`` (host:port)."""
    match error:
        case ssl.SSLError():
            kind, what, remedy = handshake.explain(error)
            return _trouble(kind, address, what, remedy)
        case socket.gaierror() | UnicodeError():
            return _trouble("unreachable", address, "the host is not known", "check mqtt.host")
        case TimeoutError():
            what = "no answer"
        case ConnectionResetError() | ConnectionAbortedError() | BrokenPipeError():
            return _trouble("silent", address, _SILENT, "check mqtt.port and mqtt.tls")
        case OSError():
            what = (error.strerror or str(error) or "connection failed").lower()
    return _trouble("unreachable", address, what, "check that the broker runs, mqtt.host and mqtt.port")


def refused(code: int, name: str, address: str) -> Trouble:
    """Why the broker at ``address`` said no: its reason ``code`` and the code's ``name``."""
    if code == UNSUPPORTED_VERSION:
        what = "the broker does not speak this version of MQTT"
        return _trouble("version", address, what, "set mqtt.protocol: auto", other_version=True)
    what, remedy = _REFUSALS.get(code, (f"says: {name}", "look into the broker's log"))
    return _trouble(f"refused {code}", address, f"the broker {what}", remedy)


def unanswered(address: str) -> Trouble:
    """Something listens at ``address``, but hung up or stayed silent when greeted."""
    return _trouble("silent", address, _SILENT, "check mqtt.port and mqtt.tls", other_version=True)


def lost(name: str, address: str, *, silent: bool = False) -> Trouble:
    """An open link to ``address`` ended; ``name`` is that of MQTT's reason code.

    ``silent``: nothing had come from there for too long.
    """
    found = _trouble("unreachable", address, f"connection lost ({name.lower()})", "trying again")
    return replace(found, unexplained=True, our_fault=not silent)


def contested(client_id: str, address: str) -> Trouble:
    """The link ends soon after each start, as it does when two clients take it from each other."""
    what = "the connection is lost again and again"
    remedy = f"check that no other client has the id {client_id}: {_OWN_ID}"
    return replace(_trouble("contested", address, what, remedy), rival=True)


def dismissed(code: int, name: str, client_id: str, address: str) -> Trouble:
    """The broker at ``address`` ended an open link: its reason ``code`` and the code's ``name``."""
    if code == TAKEN_OVER:
        what = f"another client with the id {client_id} took the connection over"
        return replace(_trouble("contested", address, what, _OWN_ID), rival=True)
    what, remedy = _DISMISSALS.get(
        code, (f"ended the connection ({name.lower()})", "look into the broker's log")
    )
    kind = "unreachable" if code in _NOT_US else f"dismissed {code}"
    return replace(_trouble(kind, address, what, remedy), our_fault=code not in _NOT_US)


def deaf(address: str) -> Trouble:
    """The broker at ``address`` is there, but acknowledges nothing."""
    return _trouble("deaf", address, "does not acknowledge what we send", "look into the broker's log")


def _trouble(kind: str, address: str, what: str, remedy: str, *, other_version: bool = False) -> Trouble:
    return Trouble(kind, f"MQTT broker {address}: {what}; {remedy}", other_version)
