"""Figures as JSON: every key every time, null for what is not known."""

from dataclasses import fields

from moshi_speaker.events import EchoFigures, HearingFigures, Json, SoundFigures, WakeFigures

_DIGITS = 3


def hearing(figures: HearingFigures | None) -> dict[str, Json]:
    """How hearing fares."""
    known = figures or HearingFigures(None, None, None)
    return {
        "echo": _object(EchoFigures, known.echo),
        "wake": _object(WakeFigures, known.wake),
        "sound": _object(SoundFigures, known.sound),
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
