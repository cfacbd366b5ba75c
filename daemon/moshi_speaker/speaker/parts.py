"""The real parts, made as the settings ask for."""

from collections.abc import Callable

from moshi_speaker.audio.device import PyAudioDevice
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.settings import Settings, WakeSettings, WakeWord
from moshi_speaker.speaker.bounds import stop_policy
from moshi_speaker.wake.auto import open_detector, open_engine
from moshi_speaker.wake.detector import Detector


def sound_device(settings: Settings, clock: Callable[[], float]) -> PyAudioDevice:
    """Microphone and loudspeaker, not yet open."""
    return PyAudioDevice(settings.audio.input_device, settings.audio.output_device, clock)


def detector(settings: Settings) -> Detector | None:
    """The wake words' detector, or None if nobody shall listen for them. Raises SpeakerError."""
    return open_detector(settings.wake, settings.speaker.state_dir)


def stop_detector(settings: Settings) -> Detector | None:
    """The stop phrase's detector, or None if there is no model for it. Raises SpeakerError."""
    model = settings.conversation.stop_model
    if model is None:
        return None
    word = WakeSettings(engine=settings.wake.engine, words=(WakeWord(model=model),))
    try:
        return Detector(open_engine(word), stop_policy(settings))
    except (ConfigError, MissingPartError) as error:
        where = error.where.replace("wake.words", "conversation.stop_model")
        raise type(error)(error.what, where=where, remedy=error.remedy) from error


def engine(settings: Settings, status: Status) -> Engine:
    """An engine, not yet started; ``status`` hears what its start is busy with."""
    return LocalEngine(settings.model, settings.engine, status=status)
