"""The real parts, made as the settings ask for."""

from collections.abc import Callable

from moshi_speaker.audio.device import PyAudioDevice
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.settings import Settings
from moshi_speaker.wake.auto import open_engine
from moshi_speaker.wake.clip import LastWakeClip
from moshi_speaker.wake.detector import Detector, WakeEngine
from moshi_speaker.wake.policy import WakePolicy


def sound_device(settings: Settings, clock: Callable[[], float]) -> PyAudioDevice:
    """Microphone and loudspeaker, not yet open."""
    return PyAudioDevice(settings.audio.input_device, settings.audio.output_device, clock)


def detector(
    settings: Settings, watched: Callable[[WakeEngine], WakeEngine] = lambda engine: engine
) -> Detector | None:
    """The wake words' detector, or None if nobody shall listen for them. Raises SpeakerError.

    ``watched`` may put an engine of its own around the real one.
    """
    wake = settings.wake
    if not wake.enabled:
        return None
    clip = LastWakeClip(settings.speaker.state_dir) if wake.keep_clip else None
    return Detector(watched(open_engine(wake)), WakePolicy.from_settings(wake), clip=clip)


def engine(settings: Settings, status: Status) -> Engine:
    """An engine, not yet started; ``status`` hears what its start is busy with."""
    return LocalEngine(settings.model, settings.engine, status=status)
