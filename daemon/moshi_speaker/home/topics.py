"""The MQTT topics of one speaker: ``<base>/<device id>/...``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """The topic tree of one speaker; a ``/set`` topic is one that we listen to."""

    base: str
    """First part of every topic, without a slash at its end."""
    device_id: str
    """Identity of the speaker."""

    @property
    def root(self) -> str:
        """What every topic of this speaker begins with, without a slash at its end."""
        return f"{self.base}/{self.device_id}"

    @property
    def availability(self) -> str:
        """``online`` or ``offline``, retained; the last will is here."""
        return f"{self.root}/availability"

    @property
    def state(self) -> str:
        """What the speaker does, retained."""
        return f"{self.root}/state"

    @property
    def conversation(self) -> str:
        """``ON`` while there is a conversation, retained."""
        return f"{self.root}/conversation"

    @property
    def conversation_attributes(self) -> str:
        """JSON about the current or the last conversation, retained."""
        return f"{self.conversation}/attributes"

    @property
    def conversation_set(self) -> str:
        """Takes ``start`` and ``stop``."""
        return f"{self.conversation}/set"

    @property
    def mute(self) -> str:
        """``ON`` while the microphone is muted, retained."""
        return f"{self.root}/mute"

    @property
    def mute_set(self) -> str:
        """Takes ``ON`` and ``OFF``."""
        return f"{self.mute}/set"

    @property
    def volume(self) -> str:
        """Loudness in percent, retained."""
        return f"{self.root}/volume"

    @property
    def volume_set(self) -> str:
        """Takes a whole number from 0 to 100."""
        return f"{self.volume}/set"

    @property
    def wake_event(self) -> str:
        """JSON, once for each wake word."""
        return f"{self.root}/event/wake"

    @property
    def conversation_event(self) -> str:
        """JSON, once for each start and each end of a conversation."""
        return f"{self.root}/event/conversation"

    @property
    def assistant_transcript(self) -> str:
        """JSON, once for each utterance of Moshi."""
        return f"{self.root}/transcript/assistant"

    @property
    def problem(self) -> str:
        """``ON`` while something is wrong, retained."""
        return f"{self.root}/problem"

    @property
    def problem_attributes(self) -> str:
        """JSON about what is wrong, retained."""
        return f"{self.problem}/attributes"

    @property
    def diagnostics(self) -> str:
        """JSON about the engine's pace and memory, every half a minute, retained."""
        return f"{self.root}/diagnostics"

    @property
    def request_set(self) -> str:
        """Takes JSON: another value of a setting, for as long as the speaker runs."""
        return f"{self.root}/request/set"

    @property
    def response_set(self) -> str:
        """JSON, once for each such request."""
        return f"{self.root}/response/set"

    @property
    def retained(self) -> tuple[str, ...]:
        """Every topic on which the broker keeps what we last published."""
        return (
            self.availability,
            self.state,
            self.conversation,
            self.conversation_attributes,
            self.mute,
            self.volume,
            self.problem,
            self.problem_attributes,
            self.diagnostics,
        )

    @property
    def commands(self) -> tuple[str, ...]:
        """Every topic that we listen to."""
        return (self.conversation_set, self.mute_set, self.volume_set, self.request_set)
