"""The real parts, made as the settings ask for."""

from collections.abc import Callable

from moshi_speaker.audio.device import PyAudioDevice
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.settings import Settings
from moshi_speaker.wake.auto import open_engine
from moshi_speaker.wake.detector import Detector


def sound_device(settings: Settings, clock: Callable[[], float]) -> PyAudioDevice:
    """Microphone and loudspeaker, not yet open."""
    return PyAudioDevice(settings.audio.input_device, settings.audio.output_device, clock)


def detector(settings: Settings) -> Detector | None:
    """The wake word's detector, or None if nobody shall listen for it. Raises SpeakerError."""
    return Detector.over(open_engine(settings.wake), settings.wake) if settings.wake.enabled else None


def engine(settings: Settings, status: Status) -> Engine:
    """An engine, not yet started; ``status`` hears what its start is busy with."""
    return LocalEngine(settings.model, settings.engine, status=status)
