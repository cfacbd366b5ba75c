"""Every setting, once: its default, its bounds, its unit and its meaning.

``config/moshi-speaker.yaml`` shows the same list to the user; a test holds the two equal.
"""

from pydantic import Field

from moshi_speaker.settings.audio import AudioSettings, EchoSettings
from moshi_speaker.settings.conversation import ConversationSettings
from moshi_speaker.settings.engine import EngineSettings, ModelSettings
from moshi_speaker.settings.history import HistorySettings
from moshi_speaker.settings.mqtt import DiscoverySettings, MqttSettings, TlsSettings, TranscriptSettings
from moshi_speaker.settings.speaker import SpeakerSettings
from moshi_speaker.settings.types import MODEL_FILES, Section
from moshi_speaker.settings.wake import WakeSettings, WakeWord

__all__ = [
    "MODEL_FILES",
    "AudioSettings",
    "ConversationSettings",
    "DiscoverySettings",
    "EchoSettings",
    "EngineSettings",
    "HistorySettings",
    "ModelSettings",
    "MqttSettings",
    "Section",
    "Settings",
    "SpeakerSettings",
    "TlsSettings",
    "TranscriptSettings",
    "WakeSettings",
    "WakeWord",
]


class Settings(Section):
    """All settings of the speaker."""

    speaker: SpeakerSettings = Field(default_factory=SpeakerSettings)
    model: ModelSettings = ModelSettings()
    engine: EngineSettings = EngineSettings()
    audio: AudioSettings = AudioSettings()
    echo: EchoSettings = EchoSettings()
    wake: WakeSettings = WakeSettings()
    conversation: ConversationSettings = ConversationSettings()
    history: HistorySettings = HistorySettings()
    mqtt: MqttSettings = MqttSettings()
