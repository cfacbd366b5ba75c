"""What the tests of the link share."""

import queue
import re
from collections.abc import Callable

from moshi_speaker.home.payloads import Message
from moshi_speaker.home.topics import Topics
from tests.home.conftest import Watcher
from tests.mosquitto import Mosquitto

TOPICS = Topics("moshi-speaker", "kitchen")
Watch = Callable[..., Watcher]
MakeMosquitto = Callable[..., Mosquitto]
Log = queue.Queue[str]


def state(payload: str) -> Message:
    return Message(TOPICS.state, payload, qos=1, retain=True)


def heard(number: int) -> Message:
    return Message(TOPICS.wake_event, str(number), qos=1, retain=False)


def payloads(watcher: Watcher, topic: str, payload: str) -> list[str]:
    return [seen.payload for seen in watcher.until(topic, payload)]


def received(broker: Mosquitto) -> list[str]:
    """Topics of what the broker got from speakers, in order."""
    return re.findall(r"Received PUBLISH from moshi-speaker-\S+ \(d\d, q\d, r\d, m\d+, '([^']+)'", broker.log)
