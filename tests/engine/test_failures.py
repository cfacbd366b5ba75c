"""An error on the other side of the pipe is the same error here."""

import pytest

from moshi_speaker.engine.failures import ERRORS, restore, tell
from moshi_speaker.engine.messages import Failed
from moshi_speaker.errors import AudioFileError, DeviceError, EngineError, MissingPartError, SpeakerError


@pytest.mark.parametrize("error", ERRORS.values())
def test_an_error_keeps_its_class_line_and_exit_code(error: type[SpeakerError]) -> None:
    original = error("it is broken", where="model.safetensors", remedy="pull it again")
    restored = restore(tell(original))
    assert type(restored) is error
    assert str(restored) == str(original)
    assert restored.exit_code == original.exit_code


def test_a_class_that_does_not_travel_becomes_the_nearest_above_it() -> None:
    assert type(restore(tell(DeviceError("no microphone")))) is MissingPartError
    assert type(restore(tell(AudioFileError("no sound")))) is EngineError


def test_an_unknown_class_is_an_engine_error() -> None:
    assert type(restore(Failed("SystemExit", "ha"))) is EngineError


def test_a_message_of_any_length_fits() -> None:
    assert len(tell(EngineError("x" * 100_000)).what) == 2_000
