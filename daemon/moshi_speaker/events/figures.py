"""How hearing and the process fare, in numbers; None is what is not known, or not due."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EchoFigures:
    """The echo canceller's."""

    rung: str
    """How far it is trusted: ``open``, ``guarded`` or ``half_duplex``."""
    reduction_db: float | None
    """How much softer it makes the echo."""
    delay_ms: float | None
    """From what is played to its echo, by the devices' own account."""
    drift_ppm: float | None
    """How much faster the loudspeaker's clock runs than the microphone's, in millionths."""
    residual_dbfs: float | None
    """How loud what is left of the echo was when it was heard last."""


@dataclass(frozen=True, slots=True)
class WakeFigures:
    """The wake words', since the start of the speaker."""

    detections: int
    near_misses: int
    """Peaks of the score that came near the threshold and were no detection."""
    histogram: tuple[int, ...]
    """How many peaks of the score rose how high, in ten bins from 0 to 1."""
    last_score: float
    """Best score for the latest 80 ms, 0 to 1."""


@dataclass(frozen=True, slots=True)
class SoundFigures:
    """The devices': counts since the start of the speaker, then how many seconds ago something happened."""

    reopenings: int
    """How often they were opened again."""
    overflows: int
    """How often the system lost captured sound."""
    underflows: int
    """How often the loudspeaker had nothing to play."""
    gaps: int
    """How often captured time was missing, the microphone's pauses included."""
    dropped_blocks: int
    """Captured blocks lost because we were too slow."""
    bad_samples: int
    """Captured samples that were no finite number."""
    clipped_samples: int
    """Captured samples at full scale."""
    captured_s: float | None
    """A block of the microphone."""
    sounding_s: float | None
    """A sample of the microphone that was not zero."""
    scored_s: float | None
    """A chunk that the wake word's detector heard."""
    stepped_s: float | None
    """A step of the model; in a talk."""
    played_s: float | None
    """A block for the loudspeaker."""


@dataclass(frozen=True, slots=True)
class HearingFigures:
    """All of them."""

    echo: EchoFigures | None
    """None without an echo canceller."""
    wake: WakeFigures | None
    """None if nobody listens for a wake word."""
    sound: SoundFigures | None


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """The speaker process', without those of its engine."""

    uptime_s: float
    """Seconds since the start of the speaker."""
    rss_bytes: int | None
    """Memory that it has in use."""
    peak_rss_bytes: int
    """The most that it had in use."""
    cpu_s: float
    """Seconds of one core that it took so far."""
    load: tuple[float, float, float] | None
    """The machine's load in the last 1, 5 and 15 minutes."""
    threads: int
    open_files: int | None
