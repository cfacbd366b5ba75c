"""Figures as JSON: every key every time, null for what is not known."""

from dataclasses import fields

from moshi_speaker.events import (
    EchoFigures,
    HearingFigures,
    Json,
    ReportHealth,
    SoundFigures,
    WakeFigures,
)
from moshi_speaker.home.traffic import LinkFigures

_DIGITS = 3


def hearing(figures: HearingFigures | None) -> dict[str, Json]:
    """How hearing fares."""
    known = figures or HearingFigures(None, None, None)
    return {
        "echo": _object(EchoFigures, known.echo),
        "wake": _object(WakeFigures, known.wake),
        "sound": _object(SoundFigures, known.sound),
    }


def health(report: ReportHealth) -> dict[str, Json]:
    """How the process, its links and its parts fare."""
    process = report.process
    load = process.load or (None, None, None)
    return {
        "uptime_s": _value(process.uptime_s),
        "memory": {"rss": process.rss_bytes, "peak": process.peak_rss_bytes},
        "cpu_s": _value(process.cpu_s),
        "load": dict(zip(("1m", "5m", "15m"), map(_value, load), strict=True)),
        "threads": process.threads,
        "open_files": process.open_files,
        "mqtt": report.mqtt,
        "history": report.history,
        "sound": _object(SoundFigures, report.sound),
        "problems": report.problems,
    }


def traffic(figures: LinkFigures, connected_since: str | None) -> dict[str, Json]:
    """How the link to the broker fares; ``connected_since`` is a date and time."""
    return {
        "connected_since": connected_since,
        "connections": figures.connections,
        "published": figures.published,
        "received": figures.received,
        "queued": figures.queued,
        "dropped": figures.dropped,
        "refused": figures.refused,
        "rtt_ms": _value(figures.rtt_ms),
    }


def _object(
    kind: type[EchoFigures | WakeFigures | SoundFigures],
    figures: EchoFigures | WakeFigures | SoundFigures | None,
) -> dict[str, Json]:
    return {field.name: _value(getattr(figures, field.name, None)) for field in fields(kind)}


def _value(value: str | float | tuple[int, ...] | None) -> Json:
    if isinstance(value, tuple):
        return list(value)
    return round(value, _DIGITS) if isinstance(value, float) else value
