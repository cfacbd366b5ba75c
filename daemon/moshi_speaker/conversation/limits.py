"""How long each thing may take: settings, and the limits that nobody needs to change."""

from dataclasses import dataclass
from typing import Self

from moshi_speaker.settings import Settings

START_LIMIT_S = 60.0
"""Seconds to open all parts but the engine; devices and brokers answer within a few."""
STOP_LIMIT_S = 5.0
"""Seconds to stop in order; service managers kill after ten or more."""
ENGINE_GRACE_S = 10.0
"""Seconds past the start timeout of the engine, which its supervisor should have noticed by itself."""
REOPEN_LIMIT_S = 30.0
"""Seconds that one try to open the devices may take; sound servers block for a while when they restart."""
HEALTHY_S = 60.0
"""Seconds of readiness after which earlier losses of the engine no longer count."""
SAME_WORD_S = 1.5
"""Seconds after a wake word that did something in which another one is its echo, or its own end."""
STEADY_S = 10.0
"""Seconds after which earlier losses of the devices no longer count."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that the conversation needs, in seconds unless said otherwise."""

    preroll_s: float
    """Sound before the moment of detection that Moshi still hears."""
    wake_word_stops: bool
    """The wake word in a talk ends it."""
    end_silence_s: float
    """Silence of both sides that ends a conversation."""
    no_speech_s: float
    """The same while the user has said nothing yet."""
    max_conversation_s: float
    """A conversation lasts no longer."""
    moshi_wordless_s: float
    """Sound of Moshi's without words that counts as speech no longer."""
    goodbye_phrases: tuple[str, ...]
    """Words of Moshi's that end a conversation."""
    goodbye_pause_s: float
    """Silence of both sides that follows them."""
    background_speech_s: float
    """Speech of the user's side without a break that counts as speech no longer."""
    engine_start_s: float
    """Loading and warming up the engine."""
    restart_delay_s: float
    """Pause before the first restart of a lost engine; doubled at each further loss."""
    restart_delay_max_s: float
    """The longest such pause."""
    reopen_delay_s: float
    """Pause before the first try to open a lost device; doubled at each further one."""
    reopen_delay_max_s: float
    """The longest such pause."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take what the conversation needs out of all settings."""
        talk = settings.conversation
        return cls(
            preroll_s=talk.preroll_s,
            wake_word_stops=talk.wake_word_stops,
            end_silence_s=talk.end_silence_s,
            no_speech_s=talk.no_speech_s,
            max_conversation_s=talk.max_conversation_s,
            moshi_wordless_s=talk.moshi_wordless_s,
            goodbye_phrases=talk.goodbye_phrases,
            goodbye_pause_s=talk.goodbye_pause_s,
            background_speech_s=talk.background_speech_s,
            engine_start_s=settings.engine.start_timeout_s,
            restart_delay_s=settings.engine.restart_delay_s,
            restart_delay_max_s=settings.engine.restart_delay_max_s,
            reopen_delay_s=settings.audio.reopen_delay_s,
            reopen_delay_max_s=settings.audio.reopen_delay_max_s,
        )

    def restart_delay(self, losses: int) -> float:
        """Seconds before the restart after so many losses in a row (at least 1)."""
        return _doubled(self.restart_delay_s, losses, self.restart_delay_max_s)

    def reopen_delay(self, losses: int) -> float:
        """Seconds before the next try to open the devices after so many losses in a row (at least 1)."""
        return _doubled(self.reopen_delay_s, losses, self.reopen_delay_max_s)


def _doubled(first_s: float, losses: int, most_s: float) -> float:
    doublings = min(losses - 1, 32)  # far beyond the cap, and no float overflows
    return min(first_s * 2.0**doublings, most_s)
