"""A second speaker with the id of this one: how it is recognised, and for how long it is a problem."""

import json
import os
import re
import secrets
import socket

from moshi_speaker.events import ProblemSource, ReportProblem

GONE_S = 95.0
"""Seconds without a sign of it after which it counts as gone: three missing diagnostics."""
MAX_BYTES = 65_536
"""Longest diagnostics that are looked at, in bytes."""

_INSTANCE = re.compile(r"([^/]{1,64})/([0-9]{1,10})/[0-9a-f]{8}", re.ASCII)


def new_instance() -> str:
    """What tells this process from all others: ``<host>/<process id>/<random>``."""
    host = re.sub(r"[^A-Za-z0-9_.-]", "-", socket.gethostname())[:64] or "-"
    return f"{host}/{os.getpid()}/{secrets.token_hex(4)}"


def stranger(payload: bytes, instance: str) -> str | None:
    """Who sent these diagnostics, in words; None if it was this ``instance``, or if they are none at all."""
    try:
        fields = json.loads(payload) if len(payload) <= MAX_BYTES else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        return None
    other = fields.get("instance")
    if other == instance:
        return None
    known = _INSTANCE.fullmatch(other) if isinstance(other, str) else None
    return f"process {known[2]} on {known[1]}" if known and known[1].isprintable() else "an unknown one"


class Rival:
    """The problem that it makes."""

    def __init__(self) -> None:
        """There is none."""
        self._who: str | None = None
        self.over_at = float("inf")
        """When it counts as gone if there is no further sign of it, in seconds of the clock."""

    def noticed(self, who: str, now: float) -> ReportProblem | None:
        """There is a sign of it; what is to be said, if that is news."""
        known, self._who = self._who, who
        self.over_at = now + GONE_S
        if who == known:
            return None
        message = f"another speaker uses the id of this one ({who}): give each its own speaker.id"
        return ReportProblem("duplicate_id", message, now, ProblemSource.IDENTITY)

    def passed(self, now: float) -> ReportProblem | None:
        """Time has passed; what is to be said, if it is gone."""
        if now < self.over_at:
            return None
        self._who, self.over_at = None, float("inf")
        return ReportProblem("", "", now, ProblemSource.IDENTITY)
