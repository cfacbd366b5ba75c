"""The errors a user may see: one line each, with an exit code.

A message says what is wrong, where (a file and line, a topic, a device), and what to do.
Exit codes: 2 usage, 69 a needed part is missing, 78 configuration (``sysexits.h``), 1 otherwise.
"""

import traceback
from pathlib import Path


class SpeakerError(Exception):
    """Base of every expected failure; ``str()`` is one line for the user."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        """``what`` is wrong, ``where`` it is (may be empty), and the ``remedy`` (may be empty)."""
        self.what = what
        self.where = where
        self.remedy = remedy
        line = f"{where}: {what}" if where else what
        super().__init__(f"{line}; {remedy}" if remedy else line)


class UsageError(SpeakerError):
    """The command line asks for something that cannot be done."""

    exit_code = 2


class AudioFileError(UsageError):
    """A sound file that is empty, broken or no sound file."""


class ConfigError(SpeakerError):
    """The configuration is wrong; restarting would not help."""

    exit_code = 78


class MissingPartError(SpeakerError):
    """Something the speaker needs is not there."""

    exit_code = 69


class DeviceError(MissingPartError):
    """No such microphone or loudspeaker, or it does not open."""


class CheckpointError(MissingPartError):
    """Model files that are absent, broken, or not of the expected layout."""


class UnsupportedModelError(CheckpointError):
    """A well-formed model that needs a feature which is not supported yet."""


class EngineError(SpeakerError):
    """The engine process did not start, died, or hangs."""


class TooSlowError(EngineError):
    """This machine is too slow for the model: only another model, or another machine, would help."""

    exit_code = 78


class IllegalEvent(SpeakerError):
    """An event that cannot happen in the present state: a mistake in the speaker, not of its user."""


class ProtocolError(EngineError):
    """The speaker and its engine process do not understand each other."""


class BadCommand(SpeakerError):
    """An MQTT command that means nothing to us; it is logged and ignored."""


def mistake(error: BaseException) -> str:
    """One line about an error that nobody expected: its kind and place, and nothing of what was said."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"a mistake in moshi-speaker itself ({type(error).__name__}{place}), please report it"
