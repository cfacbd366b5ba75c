"""Errors across the process boundary: told by class name and parts, raised again as what they were."""

from moshi_speaker.engine.messages import Failed
from moshi_speaker.errors import (
    CheckpointError,
    ConfigError,
    EngineError,
    MissingPartError,
    ProtocolError,
    SpeakerError,
    TooSlowError,
    UnsupportedModelError,
)

ERRORS: dict[str, type[SpeakerError]] = {
    error.__name__: error
    for error in (
        CheckpointError,
        ConfigError,
        EngineError,
        MissingPartError,
        ProtocolError,
        TooSlowError,
        UnsupportedModelError,
    )
}
"""What an engine process may fail with; a class that is not here travels as the nearest one above it."""
_LONGEST = 2_000
"""Characters of one part; it is one line for the user."""


def tell(error: SpeakerError) -> Failed:
    """The error as a message."""
    names = (base.__name__ for base in type(error).__mro__)
    name = next((name for name in names if name in ERRORS), EngineError.__name__)
    return Failed(name, *(_clean(part) for part in (error.what, error.where, error.remedy)))


def _clean(text: str) -> str:
    """Fit for the pipe: of bounded length, and without the surrogates of undecodable file names."""
    return text[:_LONGEST].encode("utf-8", "replace").decode()


def restore(failed: Failed) -> SpeakerError:
    """The error as it was, exit code included; an unknown class is an EngineError."""
    return ERRORS.get(failed.error, EngineError)(failed.what, where=failed.where, remedy=failed.remedy)
