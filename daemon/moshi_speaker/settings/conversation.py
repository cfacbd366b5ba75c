"""When a conversation begins and ends."""

from typing import Annotated

from pydantic import Field

from moshi_speaker.settings.types import NameOrPath, Phrase, Section


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
