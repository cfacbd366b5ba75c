"""The discovery messages that the golden files hold, byte for byte.

After a change that is meant, ``python -m tests.home.golden`` writes the files anew; the difference belongs
into the review, since every house sees it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from moshi_speaker.home.discovery import Device, announcement
from moshi_speaker.home.payloads import Message
from moshi_speaker.home.topics import Topics

FOLDER = Path(__file__).parent.parent / "data" / "golden"

KITCHEN = Topics("moshi-speaker", "kitchen")
DEVICE = Device("Moshi speaker", "0.1.0", "Mac16,10", None, ("hey_jarvis", "alexa", "hey_mycroft", "off"))
SEVERAL = ("hey_jarvis + hey_möshi", "hey_jarvis", "hey_möshi", "alexa", "off")

MESSAGES: Mapping[str, Message] = {
    "default": announcement(KITCHEN, "homeassistant", DEVICE),
    "area": announcement(
        Topics("house/voice", "Living-Room_2"), "ha", replace(DEVICE, name="Küche “2”", area="Kitchen")
    ),
    "several-words": announcement(KITCHEN, "homeassistant", replace(DEVICE, wake_words=SEVERAL)),
    "no-words": announcement(KITCHEN, "homeassistant", replace(DEVICE, hardware="", wake_words=("off",))),
    "tombstone": announcement(KITCHEN, "homeassistant", DEVICE, [("chime", "siren"), ("level", "sensor")]),
}
"""By the name of the file, of which ``path`` knows the rest."""


def path(name: str) -> Path:
    """The golden file of that message."""
    return FOLDER / f"discovery-{name}.json"


if __name__ == "__main__":
    for name, message in MESSAGES.items():
        path(name).write_text(message.payload, encoding="utf-8", newline="")
