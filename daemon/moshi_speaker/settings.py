"""Every setting, once: its default, its bounds, its unit and its meaning.

``config/moshi-speaker.yaml`` shows the same list to the user; a test holds the two equal.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("a path in a home folder that exists") from error


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=64)]
Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
DeviceName = Annotated[str, Field(min_length=1)]
Phrase = Annotated[str, Field(min_length=1, max_length=64, pattern=r"\w")]


def _plain_topic(topic: str) -> str:
    if not topic or topic.startswith(("/", "$")) or topic.endswith("/") or set("+#\0") & set(topic):
        raise ValueError("a topic without wildcards (+ #), and without / at its start or end")
    return topic


PlainTopic = Annotated[str, AfterValidator(_plain_topic)]
UserPath = Annotated[Path, AfterValidator(_at_home)]
"""A path whose ``~`` is expanded."""
NameOrPath = Annotated[str, Field(min_length=1, json_schema_extra={"format": "name-or-path"})]
"""A name, or a path when it begins with ``~/``, ``./`` or ``../``, or names a model file."""
Threshold = Annotated[float, Field(gt=0, le=1)]
MODEL_FILES = (".tflite", ".onnx")
"""Suffixes of the files that hold a wake word's model."""


class Section(BaseModel):
    """A group of settings: frozen, and strict about names and types."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )


class SpeakerSettings(Section):
    """Who this speaker is."""

    id: Identifier | None = None
    """Identity in MQTT topics: letters, digits, _ and -. Empty: made once and kept in state_dir."""
    name: Annotated[str, Field(min_length=1, max_length=64)] = "Moshi speaker"
    """What people call it."""
    state_dir: UserPath = Path("~/.local/state/moshi-speaker")
    """Where the speaker keeps what it must remember."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the log says: debug, info, warning or error. Words that are spoken appear at debug only."""


class ModelSettings(Section):
    """Which model talks, and how freely it samples."""

    source: NameOrPath = "kyutai/moshiko-mlx-q8"
    """A Hugging Face repo id, or a local folder (with /, ./, ../ or ~/ in front) with model, Mimi and
    tokenizer files."""
    revision: str | None = None
    """Branch, tag or commit of the repo. Empty: the default branch."""
    offline: bool = False
    """Never touch the network; the model must be in the cache already."""
    dequantize: Literal["auto", "always", "never"] = "auto"
    """On a CPU, unpack quantized weights at load: steps are several times faster, and a weight takes
    four bytes. auto: when that fits into memory."""
    text_temperature: Annotated[float, Field(ge=0, le=5)] = 0.7
    """Sampling temperature of the text; 0 takes the most likely token."""
    text_top_k: Annotated[int, Field(ge=1)] = 25
    """How many of the most likely text tokens may be sampled."""
    audio_temperature: Annotated[float, Field(ge=0, le=5)] = 0.8
    """Sampling temperature of the sound; 0 takes the most likely token."""
    audio_top_k: Annotated[int, Field(ge=1)] = 250
    """How many of the most likely audio tokens may be sampled."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    """Seed of the sampling. Empty: another one in each conversation."""


class EngineSettings(Section):
    """The child process that runs the model."""

    start_timeout_s: Annotated[float, Field(gt=0)] = 900.0
    """Seconds that loading and warming up may take (a first download excluded)."""
    hang_timeout_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds without any answer after which the engine counts as hanging and is restarted."""
    warmup_frames: Annotated[int, Field(ge=1, le=50)] = 4
    """Whole frames computed before the engine says that it is ready."""
    benchmark_frames: Annotated[int, Field(ge=3, le=500)] = 25
    """Frames timed after that; their median says whether this machine keeps up with the model."""
    max_realtime_factor: Annotated[float, Field(gt=0, le=100)] = 0.8
    """Part of 80 ms that a frame may take then; above it the model is too slow on this machine. Less than
    1, because a long conversation and a busy machine take more."""
    too_slow: Literal["refuse", "degrade", "warn"] = "refuse"
    """What to do with a model that is too slow: refuse to start, degrade to the next smaller published
    one of the same voice that fits (refuse if there is none), or warn and go on."""
    max_backlog_frames: Annotated[int, Field(ge=2, le=500)] = 50
    """Frames of 80 ms that may wait for the engine; beyond it the oldest is dropped and counted."""
    lag_timeout_s: Annotated[float, Field(gt=0)] = 20.0
    """Seconds of lag without a break after which the conversation ends with reason lag."""
    restart_delay_s: Seconds = 1.0
    """Seconds before the first restart of a lost engine; doubled at each further loss."""
    restart_delay_max_s: Seconds = 60.0
    """Seconds between restarts at most."""
    blas: Literal["auto", "openblas", "blis", "builtin"] = "auto"
    """Which library multiplies matrices on a Linux CPU: openblas, blis, the one built into MLX, or auto
    for the fastest that is installed."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads of the engine on a CPU, at most the cores it may use. Empty: one less than those, 1 to 4."""


class AudioSettings(Section):
    """Microphone, loudspeaker and what is heard."""

    input_device: DeviceName | int | None = None
    """Microphone, by (part of the) name or by index. Empty: the system's default."""
    output_device: DeviceName | int | None = None
    """Loudspeaker, by (part of the) name or by index. Empty: the system's default."""
    volume: Percent = 70
    """Loudness of everything that is played, in percent."""
    earcons: bool = True
    """Play a short sound on wake, end, error, mute and unmute."""
    wake_earcon: bool = True
    """Play the one on wake too. Without it a talk begins in silence."""
    earcon_volume: Percent = 75
    """Loudness of these sounds, in percent of the volume."""
    speech_threshold: Probability = 0.5
    """Probability from which a sound at the microphone counts as speech."""
    speech_margin_db: Annotated[float, Field(ge=0, le=40)] = 6.0
    """Decibels by which speech must be louder than the noise of the room, which is tracked."""
    noise_suppression_db: Annotated[float, Field(ge=0, le=30)] = 0.0
    """Decibels by which steady noise is turned down at most; 0: not at all, as Moshi was trained."""
    gain_control: bool = False
    """Bring speech at the microphone slowly to one level."""
    reopen_delay_s: Annotated[float, Field(ge=0.01, le=600)] = 0.5
    """Seconds before the first try to open a lost device again, at most; doubled at each further try."""
    reopen_delay_max_s: Annotated[float, Field(ge=0.01, le=600)] = 3.0
    """Seconds between these tries at most."""
    zero_input_s: Annotated[float, Field(ge=0, le=600)] = 3.0
    """Seconds of nothing but zeros after which the microphone counts as muted elsewhere, or forbidden by
    the system; no real one is that silent. 0: never, for a virtual source or one with a noise gate."""


class EchoSettings(Section):
    """Moshi's own voice at the microphone."""

    enabled: bool = True
    """Take out of the microphone what the loudspeaker plays. Not needed with headphones, nor with a
    speakerphone that does it itself."""
    suppress_residual: bool = True
    """Turn down what is left of it as long as nobody else talks; double talk is never touched."""
    remember_room: bool = True
    """Keep what was learnt of the room in state_dir, so that the first word after a start is clean."""
    duck_db: Annotated[float, Field(ge=0, le=40)] = 9.0
    """Decibels by which Moshi is softer while its echo is badly cancelled."""


class WakeWord(Section):
    """One wake word."""

    model_config = ConfigDict(json_schema_extra={"short_for": "model"})

    model: NameOrPath
    """Name of a bundled model, or a path to a model file."""
    threshold: Threshold | None = None
    """Score from which a chunk counts as this word. Empty: that of all words."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, given: object) -> object:
        return {"model": given} if isinstance(given, str) else given

    @property
    def path(self) -> Path | None:
        """The file that the model means, or None when it is the name of a bundled model."""
        path = Path(self.model).expanduser()
        return path if "/" in self.model or path.suffix in MODEL_FILES else None

    @property
    def name(self) -> str:
        """The word as it is published: the bundled model's name, or the file's without its suffix."""
        return self.model if self.path is None else self.path.stem


class WakeSettings(Section):
    """The wake word."""

    enabled: bool = True
    """Listen for the wake word. Without it, only MQTT starts a conversation."""
    engine: Literal["auto", "openwakeword", "pyopen_wakeword"] = "auto"
    """Which library detects it: openwakeword, pyopen_wakeword, or auto for the one that is installed."""
    words: Annotated[
        tuple[WakeWord, ...],
        Field(
            min_length=1,
            max_length=8,
            examples=["[hey_jarvis, {model: alexa, threshold: 0.7}]"],
            json_schema_extra={"formerly": "model"},
        ),
    ] = (WakeWord(model="hey_jarvis"),)
    """Wake words, one to eight: each a bundled model (hey_jarvis, alexa, hey_mycroft, okay_nabu,
    hey_rhasspy) or a path to a .tflite or .onnx file; {model: alexa, threshold: 0.7} gives one a threshold
    of its own."""
    threshold: Threshold = 0.5
    """Score from which a chunk of 80 ms counts as the wake word."""
    patience: Annotated[int, Field(ge=1, le=20)] = 2
    """How many chunks in a row must reach the threshold."""
    refractory_s: Annotated[float, Field(ge=0, le=60)] = 2.0
    """Seconds after a detection in which there is no other, of whichever word."""
    guarded_threshold: Threshold = 0.8
    """The least threshold while the speaker plays and its echo is badly cancelled; of the stop phrase,
    too."""
    keep_clip: bool = False
    """Keep the latest 3 seconds up to a detection as last-wake.wav in state_dir, to find out what woke it.
    Without this nothing that is heard is ever written."""

    @field_validator("words")
    @classmethod
    def _each_once(cls, words: tuple[WakeWord, ...]) -> tuple[WakeWord, ...]:
        (name, times), *_ = Counter(word.name for word in words).most_common(1)
        if times > 1:
            raise ValueError(f"every wake word once: {name} is there {times} times")
        return words


class ConversationSettings(Section):
    """When a conversation begins and ends."""

    preroll_s: Annotated[float, Field(ge=0, le=3)] = 0.8
    """Seconds before the moment of detection that Moshi still hears, so that one breath is enough.
    The detector is sure about half a second after the wake word: so Moshi hears its last syllable, and
    all that follows."""
    wake_word_stops: bool = True
    """The wake word in a conversation ends it at once."""
    stop_model: NameOrPath | None = None
    """A model as in the wake section, such as one for "stop": heard in a conversation, it ends it at once.
    Empty: no stop phrase."""
    stop_threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Score from which a chunk of 80 ms counts as the stop phrase."""
    end_silence_s: Annotated[float, Field(gt=0)] = 8.0
    """Seconds of silence of both sides after which the conversation ends."""
    no_speech_s: Annotated[float, Field(gt=0)] = 6.0
    """The same as long as the user has said nothing since it began, as after a false alarm; never more than
    end_silence_s."""
    max_conversation_s: Annotated[float, Field(gt=0)] = 900.0
    """Seconds after which a conversation ends in any case."""
    moshi_pad_s: Annotated[float, Field(gt=0)] = 1.0
    """Seconds without a word of Moshi's after which soft sounds of it, such as breath, count as silence."""
    moshi_breath_dbfs: Annotated[float, Field(ge=-120, le=0)] = -35.0
    """Level below which its sound counts as soft then, in dBFS."""
    moshi_wordless_s: Annotated[float, Field(gt=0)] = 6.0
    """Seconds without a word of Moshi's after which no sound of it keeps the conversation open."""
    goodbye_phrases: Annotated[
        tuple[Phrase, ...],
        Field(max_length=32, strict=False, json_schema_extra={"minItems": 0, "examples": ["[goodbye]"]}),
    ] = ("goodbye", "good bye", "bye bye")
    """Words that end the conversation when Moshi has said them, whatever their case. Empty ([]): none do."""
    goodbye_pause_s: Annotated[float, Field(ge=0)] = 1.0
    """Seconds of silence of both sides after such words until it ends."""
    background_speech_s: Annotated[float, Field(gt=0)] = 20.0
    """Seconds of speech without a pause of 2 s and without a word of Moshi's after which it counts as a
    television, not as the user, and as silence."""
    background_below_db: Annotated[float, Field(ge=0, le=120)] = 20.0
    """Decibels below the wake word (without one, below the loudest speech of the conversation) from which
    speech counts as far away, and not as the user's."""


class HistorySettings(Section):
    """What is kept on this machine of what was said and done."""

    keep_days: Annotated[int, Field(ge=1, le=36_500)] | Literal["off"] = 30
    """Days after which conversations, words and events are deleted from history.sqlite3 in state_dir.
    off: nothing is ever written there, and what the broker has not got yet is lost at a restart."""
    max_megabytes: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """Size of the file at most; beyond it the oldest conversations go first."""


class DiscoverySettings(Section):
    """How Home Assistant finds this speaker."""

    enabled: bool = True
    """Tell Home Assistant which entities there are."""
    prefix: PlainTopic = "homeassistant"
    """Home Assistant's discovery prefix."""
    status_topic: PlainTopic = "homeassistant/status"
    """Where Home Assistant says that it has started; then everything is sent again."""
    area: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Area that Home Assistant shall suggest for the device, such as Kitchen."""


class TranscriptSettings(Section):
    """Whose words go to the broker."""

    user: Literal["off", "events", "retained"] = "off"
    """What was heard: off, events (once, as it is said), or retained (the broker keeps the latest)."""
    assistant: Literal["off", "events", "retained"] = "off"
    """What Moshi said, in the same way."""


class TlsSettings(Section):
    """Encryption towards the broker."""

    enabled: bool = False
    """Use TLS."""
    ca_cert: UserPath | None = None
    """File with the certificates to trust. Empty: those of the system."""
    client_cert: UserPath | None = None
    """Our own certificate, if the broker wants one."""
    client_key: UserPath | None = None
    """The key of our own certificate."""
    insecure: bool = False
    """Accept any host name in the broker's certificate. For tests only."""

    @model_validator(mode="after")
    def _cert_has_key(self) -> "TlsSettings":
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("client_cert and client_key go together: set both or none")
        return self


class MqttSettings(Section):
    """The broker that hears of everything."""

    enabled: bool = True
    """Speak MQTT at all."""
    host: str | None = None
    """Name or address of the broker. Empty: a small broker of our own starts on the loopback interface."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port of the broker. Empty: 1883, with TLS 8883. 0, without a host: a free port for our own broker."""
    username: str | None = None
    """User name at the broker."""
    password: SecretStr | None = None
    """Password at the broker; best written as !secret or !env."""
    password_file: UserPath | None = None
    """File whose first line is that password, in its place."""
    client_id: Identifier | None = None
    """Client id at the broker. Empty: moshi-speaker-<speaker id>."""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    """Seconds between signs of life."""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """Version of MQTT: 5, 3.1.1, or auto, which tries 5 first."""
    base_topic: PlainTopic = "moshi-speaker"
    """First part of every topic."""
    log: Literal["off", "error", "warning", "info"] = "off"
    """The least level of the log's lines that are published too; words that are spoken never are."""
    transcripts: TranscriptSettings = TranscriptSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    tls: TlsSettings = TlsSettings()

    @model_validator(mode="after")
    def _username_with_password(self) -> "MqttSettings":
        if self.password is not None and self.username is None:
            raise ValueError("password without username: set both")
        if self.username is not None and self.password is None:
            raise ValueError("username without password: set both")
        return self


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
