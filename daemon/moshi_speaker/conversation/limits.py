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


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that the conversation needs, all in seconds."""

    preroll_s: float
    """Sound before the moment of detection that Moshi still hears."""
    end_silence_s: float
    """Silence of both sides that ends a conversation."""
    max_conversation_s: float
    """A conversation lasts no longer."""
    engine_start_s: float
    """Loading and warming up the engine."""
    restart_delay_s: float
    """Pause before the first restart of a lost engine; doubled at each further loss."""
    restart_delay_max_s: float
    """The longest such pause."""
    reopen_delay_s: float
    """Pause between tries to open a lost device."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Take what the conversation needs out of all settings."""
        return cls(
            preroll_s=settings.conversation.preroll_s,
            end_silence_s=settings.conversation.end_silence_s,
            max_conversation_s=settings.conversation.max_conversation_s,
            engine_start_s=settings.engine.start_timeout_s,
            restart_delay_s=settings.engine.restart_delay_s,
            restart_delay_max_s=settings.engine.restart_delay_max_s,
            reopen_delay_s=settings.audio.reopen_delay_s,
        )

    def restart_delay(self, losses: int) -> float:
        """Seconds before the restart after so many losses in a row (at least 1)."""
        doublings = min(losses - 1, 32)  # far beyond the cap, and no float overflows
        return min(self.restart_delay_s * 2.0**doublings, self.restart_delay_max_s)
