"""Which part takes which setting in mid-life."""

from collections.abc import Callable

from moshi_speaker.audio.mixer import Mixer
from moshi_speaker.audio.speech import MoshiSpeech, UserSpeech
from moshi_speaker.events import Event, VolumeRequested
from moshi_speaker.settings import Settings
from moshi_speaker.speaker import bounds
from moshi_speaker.speaker.live import Apply, LiveSettings
from moshi_speaker.speaker.sound import Sound
from moshi_speaker.wake.detector import Detector


def take(
    live: LiveSettings,
    *,
    microphone: Apply,
    sound: Sound,
    user_speech: UserSpeech,
    moshi_speech: MoshiSpeech,
    mixer: Mixer,
    wake_words: Apply,
    stop_detector: Detector | None,
    emit: Callable[[Event], None],
) -> None:
    """Let the parts take what changes; ``microphone`` takes what becomes of its sound.

    ``wake_words`` takes when scores are a wake word.
    """

    def renew_voice(settings: Settings) -> None:
        moshi_speech.bounds = bounds.voice_bounds(settings)

    def renew_earcons(settings: Settings) -> None:
        mixer.earcon_volume = settings.audio.earcon_volume  # the rest is looked up when one is played

    def renew_zeros(settings: Settings) -> None:
        sound.zero_input_s = settings.audio.zero_input_s

    def renew_stop(settings: Settings) -> None:
        if stop_detector is not None:
            stop_detector.policy = bounds.stop_policy(settings)

    live.on_change(microphone, *bounds.MICROPHONE)
    live.on_change(renew_voice, *bounds.VOICE)
    live.on_change(renew_earcons, "audio.earcons", "audio.wake_earcon", "audio.earcon_volume")
    live.on_change(renew_zeros, "audio.zero_input_s")
    live.on_change(wake_words, *bounds.WAKE)
    live.on_change(renew_stop, *bounds.STOP)
    live.on_change(lambda settings: user_speech.set(bounds.speech_bounds(settings)), *bounds.SPEECH)
    live.on_change(lambda settings: emit(VolumeRequested(settings.audio.volume)), "audio.volume")
