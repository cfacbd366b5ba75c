"""What went over the link since the start."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """How the link fares."""

    connected_since: float | None
    """Seconds of the clock; None while there is no connection."""
    connections: int
    """How often a broker let us in."""
    published: int
    """Messages that the broker has acknowledged."""
    received: int
    """Messages that came from it."""
    queued: int
    """Messages that wait, and those that the broker has not answered yet; without the backlog's events."""
    dropped: int
    """Messages that were given up because too many waited."""
    refused: int
    """Messages that the broker did not take for good."""
    rtt_ms: float | None
    """Milliseconds from the newest acknowledged message to its acknowledgement."""


@dataclass(slots=True)
class Traffic:
    """Counts; its owner locks."""

    connected_since: float | None = None
    connections: int = 0
    published: int = 0
    received: int = 0
    refused: int = 0
    rtt_ms: float | None = None

    def connected(self, now: float) -> None:
        """A broker has let us in."""
        self.connections += 1
        self.connected_since = now

    def lost(self) -> None:
        """The connection has ended."""
        self.connected_since = None

    def acknowledged(self, took_s: float) -> None:
        """The broker has a message."""
        self.published += 1
        self.rtt_ms = round(took_s * 1_000, 2)

    def figures(self, queued: int, dropped: int) -> LinkFigures:
        """All of it now."""
        return LinkFigures(
            connected_since=self.connected_since,
            connections=self.connections,
            published=self.published,
            received=self.received,
            queued=queued,
            dropped=dropped,
            refused=self.refused,
            rtt_ms=self.rtt_ms,
        )
