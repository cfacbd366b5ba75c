"""What the self-test found, in figures; None is what could not be measured."""

from dataclasses import dataclass

from moshi_speaker.audio.echo import Rung


@dataclass(frozen=True, slots=True)
class Stream:
    """How a recording came about, from its beginning to its end."""

    seconds: float
    """Sound that the microphone gave."""
    heard_hz: float | None
    """Samples of the microphone in a second of the clock."""
    played_hz: float | None
    """Samples of the loudspeaker in a second of the clock."""
    gaps: int
    """How often sound of the microphone was lost."""
    holes: int
    """How often the loudspeaker had nothing to play in time."""
    zeros: float
    """Part of the microphone's samples that are exactly zero."""
    not_numbers: int
    """Samples that are not a number, or infinite."""


@dataclass(frozen=True, slots=True)
class Rest:
    """The microphone while nothing is played."""

    noise_dbfs: float
    """Level of the room's and the microphone's noise."""
    offset: float
    """Mean of the samples, which should be 0; full scale is 1."""
    zeros: float
    """Part of the samples that are exactly zero."""
    clipped: float
    """Part of the samples at full scale."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The sweep at the microphone."""

    heard: bool
    """Whether it arrived at all; if not, the other figures mean nothing."""
    played_dbfs: float
    """Level of what was played."""
    level_dbfs: float
    """Level at the microphone."""
    clipped: float
    """Part of the samples at full scale."""
    delay_ms: float | None = None
    """From playing to hearing, by the devices' own account of time."""
    inverted: bool = False
    """Whether loudspeaker or microphone turns the sound's sign."""
    distortion: float | None = None
    """Amplitude of the second to fifth harmonic, as a part of the sound."""
    reverberation_s: float | None = None
    """T60: seconds in which sound decays by 60 dB."""


@dataclass(frozen=True, slots=True)
class Echo:
    """Speech through the echo canceller, which did not know the room before."""

    echo_dbfs: float
    """Level at the microphone in the last seconds."""
    residual_dbfs: float
    """Level behind the canceller in the last seconds, noise included."""
    reduction_db: float | None
    """How much softer the echo became, in the last seconds."""
    at_least: bool
    """Whether it is more than that, and what is left drowns in noise."""
    open_after_s: float | None
    """Seconds of speech until the echo was softer by what open talk needs."""
    broke_at_s: float | None
    """Second of speech at which the echo was no longer reduced, after it had been well reduced."""
    clipped: float
    """Part of the microphone's samples at full scale."""
    located: bool
    """Whether the canceller found where the echo is."""
    own_estimate_db: float | None
    """How much softer the echo became, as the canceller itself thinks."""
    delay_ms: float | None
    """From playing to hearing, as the canceller has it."""
    drift_ppm: float | None
    """How much faster the loudspeaker's clock runs than the microphone's, in millionths."""
    rung: Rung
    """How the speaker would talk by now."""
    missing_db: float | None
    """How much softer speech arrives in the last seconds than the sweep did: what the device takes out."""


@dataclass(frozen=True, slots=True)
class Findings:
    """All of it."""

    volume: int
    """Percent at which the test was played."""
    stream: Stream
    rest: Rest
    sweep: Sweep
    echo: Echo | None
    """None where nothing of the loudspeaker arrives."""
    cancelling: bool = True
    """Whether the speaker cancels the echo at all, by its settings."""
