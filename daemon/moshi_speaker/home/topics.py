"""The MQTT topics of one speaker: ``<base>/<device id>/...``."""

from dataclasses import dataclass

from moshi_speaker.events import Side

REQUESTS = ("health", "restart", "reload", "set", "history", "bench")
"""What may be asked for, each on a topic of its own."""


def discovery(prefix: str, device_id: str) -> str:
    """The topic that tells Home Assistant what entities there are, retained."""
    return f"{prefix}/device/moshi_speaker_{device_id}/config"


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
    def wake_sensitivity(self) -> str:
        """How sensitive the wake words are, 0 to 1, retained."""
        return f"{self.root}/wake_sensitivity"

    @property
    def wake_sensitivity_set(self) -> str:
        """Takes a number from 0 to 1."""
        return f"{self.wake_sensitivity}/set"

    @property
    def wake_word(self) -> str:
        """Which wake word is listened for, or ``off``, retained."""
        return f"{self.root}/wake_word"

    @property
    def wake_word_set(self) -> str:
        """Takes one of the options that discovery names."""
        return f"{self.wake_word}/set"

    def transcript(self, side: Side) -> str:
        """JSON, once for each utterance of this side; retained if the settings say so."""
        return f"{self.root}/transcript/{side.value}"

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
    def info(self) -> str:
        """JSON about versions, machine and settings, retained."""
        return f"{self.root}/info"

    @property
    def health(self) -> str:
        """JSON about the process, its links and its parts, every ten minutes, retained."""
        return f"{self.root}/health"

    @property
    def log(self) -> str:
        """JSON, once for each line of the log that is grave enough; only if the settings say so."""
        return f"{self.root}/log"

    def request(self, command: str) -> str:
        """Takes JSON: one of ``REQUESTS``."""
        return f"{self.root}/request/{command}"

    def response(self, command: str) -> str:
        """JSON, once for each such request."""
        return f"{self.root}/response/{command}"

    @property
    def retained(self) -> tuple[str, ...]:
        """Every topic below the root on which the broker may keep what we last published."""
        return (
            self.availability,
            self.state,
            self.conversation,
            self.conversation_attributes,
            self.mute,
            self.volume,
            self.wake_sensitivity,
            self.wake_word,
            self.transcript(Side.USER),
            self.transcript(Side.ASSISTANT),
            self.problem,
            self.problem_attributes,
            self.diagnostics,
            self.info,
            self.health,
        )

    @property
    def commands(self) -> tuple[str, ...]:
        """Every topic that we listen to."""
        return (
            self.conversation_set,
            self.mute_set,
            self.volume_set,
            self.wake_sensitivity_set,
            self.wake_word_set,
            *map(self.request, REQUESTS),
        )
