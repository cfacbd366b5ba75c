"""What the settings ask of those who judge sound, and which of them may change while the speaker runs."""

from moshi_speaker.audio.speech import SpeechBounds, VoiceBounds
from moshi_speaker.home.commands import MAX_SENSITIVITY
from moshi_speaker.settings import Settings, WakeSettings
from moshi_speaker.wake.policy import WakePolicy

LIMITS = (
    "conversation.preroll_s",
    "conversation.wake_word_stops",
    "conversation.end_silence_s",
    "conversation.no_speech_s",
    "conversation.max_conversation_s",
    "conversation.moshi_wordless_s",
    "conversation.goodbye_phrases",
    "conversation.goodbye_pause_s",
    "conversation.background_speech_s",
    "audio.reopen_delay_s",
    "audio.reopen_delay_max_s",
)
"""Settings that the limits of a conversation are made of."""
SPEECH = ("audio.speech_threshold", "audio.speech_margin_db", "conversation.background_below_db")
MICROPHONE = ("audio.noise_suppression_db", "audio.gain_control", "echo.duck_db")
VOICE = ("conversation.moshi_pad_s", "conversation.moshi_breath_dbfs")
WAKE = ("wake.threshold", "wake.patience", "wake.refractory_s", "wake.guarded_threshold")
STOP = ("conversation.stop_threshold", "wake.patience", "wake.guarded_threshold")
_DIGITS = 4


def speech_bounds(settings: Settings) -> SpeechBounds:
    """What counts as the user's speech."""
    audio = settings.audio
    below_db = settings.conversation.background_below_db
    return SpeechBounds(audio.speech_threshold, audio.speech_margin_db, below_db)


def voice_bounds(settings: Settings) -> VoiceBounds:
    """What counts as Moshi's speech."""
    return VoiceBounds(settings.conversation.moshi_pad_s, settings.conversation.moshi_breath_dbfs)


def stop_policy(settings: Settings) -> WakePolicy:
    """What counts as the stop phrase; it needs no rest, since a talk ends only once."""
    wake = settings.wake
    return WakePolicy(
        settings.conversation.stop_threshold,
        wake.patience,
        refractory_s=0.0,
        guarded_threshold=wake.guarded_threshold,
    )


def sensitivity(wake: WakeSettings) -> float:
    """How sensitive the wake words are, 0 to 0.99: the opposite of their threshold."""
    return min(round(1 - wake.threshold, _DIGITS), MAX_SENSITIVITY)


def threshold(sensitivity: float) -> float:
    """The threshold that is so sensitive."""
    return round(1 - sensitivity, _DIGITS)
