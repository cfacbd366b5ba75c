"""How hearing fares, as the house is told: the echo canceller, the wake words, the devices."""

from moshi_speaker.audio.frames import Device
from moshi_speaker.events import EchoFigures, HearingFigures, SoundFigures
from moshi_speaker.speaker.ears import Ears
from moshi_speaker.speaker.heartbeat import Ages
from moshi_speaker.speaker.listening import Listening
from moshi_speaker.speaker.microphone import Microphone
from moshi_speaker.speaker.sound import Sound


class Figures:
    """Asks the parts; used from the event loop only."""

    def __init__(
        self, device: Device, sound: Sound, ears: Ears, microphone: Microphone, listening: Listening
    ) -> None:
        self._device = device
        self._sound = sound
        self._ears = ears
        self._microphone = microphone
        self._listening = listening

    def sound(self, ages: Ages) -> SoundFigures:
        """How the sound fares, given the ages of the signs of life."""
        defects = self._device.defects
        return SoundFigures(
            reopenings=self._sound.reopenings,
            overflows=defects.overflows,
            underflows=defects.underflows,
            gaps=self._ears.gaps,
            dropped_blocks=self._ears.dropped_blocks,
            bad_samples=defects.bad_samples,
            clipped_samples=defects.clipped_samples,
            captured_s=ages.captured_s,
            sounding_s=ages.sounding_s,
            scored_s=ages.scored_s,
            stepped_s=ages.stepped_s,
            played_s=ages.played_s,
        )

    def report(self, ages: Ages) -> HearingFigures:
        """All of it."""
        return HearingFigures(self._echo(), self._listening.figures, self.sound(ages))

    def _echo(self) -> EchoFigures | None:
        rung, state = self._microphone.rung, self._microphone.state
        if rung is None or state is None:
            return None
        return EchoFigures(
            rung.value, state.reduction_db, state.delay_ms, state.drift_ppm, state.residual_dbfs
        )
