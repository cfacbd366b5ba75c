"""Microphone and loudspeaker, and the echo of one at the other."""

from typing import Annotated

from pydantic import Field

from moshi_speaker.settings.types import DeviceName, Percent, Probability, Section


class AudioSettings(Section):
    """Microphone, loudspeaker and what is heard."""

    input_device: DeviceName | int | None = None
    """Microphone, by (part of the) name or by index. Empty: the system's default."""
    output_device: DeviceName | int | None = None
    """Loudspeaker, by (part of the) name or by index. Empty: the system's default."""
    volume: Percent = 70
    """Loudness of everything that is played, in percent."""
    earcons: bool = True
    """Play a short sound on wake, end, error, mute and unmute."""
    wake_earcon: bool = True
    """Play the one on wake too. Without it a talk begins in silence."""
    earcon_volume: Percent = 75
    """Loudness of these sounds, in percent of the volume."""
    speech_threshold: Probability = 0.5
    """Probability from which a sound at the microphone counts as speech."""
    speech_margin_db: Annotated[float, Field(ge=0, le=40)] = 6.0
    """Decibels by which speech must be louder than the noise of the room, which is tracked."""
    noise_suppression_db: Annotated[float, Field(ge=0, le=30)] = 0.0
    """Decibels by which steady noise is turned down at most; 0: not at all, as Moshi was trained."""
    gain_control: bool = False
    """Bring speech at the microphone slowly to one level."""
    reopen_delay_s: Annotated[float, Field(ge=0.01, le=600)] = 0.5
    """Seconds before the first try to open a lost device again, at most; doubled at each further try."""
    reopen_delay_max_s: Annotated[float, Field(ge=0.01, le=600)] = 3.0
    """Seconds between these tries at most."""
    zero_input_s: Annotated[float, Field(ge=0, le=600)] = 3.0
    """Seconds of nothing but zeros after which the microphone counts as muted elsewhere, or forbidden by
    the system; no real one is that silent. 0: never, for a virtual source or one with a noise gate."""


class EchoSettings(Section):
    """Moshi's own voice at the microphone."""

    enabled: bool = True
    """Take out of the microphone what the loudspeaker plays. Not needed with headphones, nor with a
    speakerphone that does it itself."""
    suppress_residual: bool = True
    """Turn down what is left of it as long as nobody else talks; double talk is never touched."""
    remember_room: bool = True
    """Keep what was learnt of the room in state_dir, so that the first word after a start is clean."""
    duck_db: Annotated[float, Field(ge=0, le=40)] = 9.0
    """Decibels by which Moshi is softer while its echo is badly cancelled."""
