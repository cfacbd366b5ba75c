"""What befalls sound devices, in the middle of a sentence, and how long it takes to hear again."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.room.house import QUESTION, Room, Speaker
from tests.room.soundcard import SoundCard

HEARS_AGAIN_S = 10.0
"""The promise: from the moment when a device is there again."""
MID_SENTENCE_S = 0.4
"""Seconds after the begin of the sentence at which it happens: within the wake word."""
WORD_S = 3.0
"""Seconds from the begin of the sentence after which its first words count as not heard; then they are said
again, as people do. The virtual sound card loses a word now and then."""
SPARE = "mic2"
"""The microphone that becomes the default instead."""


@dataclass(frozen=True, slots=True)
class Round:
    """One upheaval."""

    told_s: float | None
    """From the upheaval until the house was told ``error``; None where nothing was lost."""
    code: str | None
    """Code of the problem that it was told."""
    well_s: float
    """From the moment when the device was there again until the state was ``idle``."""
    heard_s: float
    """From that moment until the wake word was heard, of which half a sentence is the word itself."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a speaker's process holds."""

    threads: int
    files: int
    """Open file descriptors."""
    streams: int
    """Streams at the sound server."""
    rss_mb: float


def replug(room: Room, speaker: Speaker) -> Round:
    """The microphone is pulled out, and put in again once the house knows."""
    with _mid_sentence(room.card):
        room.card.unplug("mic")
        told_s, code = _told(speaker)
    room.card.plug("mic")
    return _hear_again(room, speaker, "mic", told_s, code)


def restart(room: Room, speaker: Speaker) -> Round:
    """The sound server is killed, and started again once the house knows."""
    with _mid_sentence(room.card):
        room.card.crash()
        told_s, code = _told(speaker)
    room.card.start()
    return _hear_again(room, speaker, "mic", told_s, code)


def freeze(room: Room, speaker: Speaker) -> Round:
    """The sound server hangs, and goes on once the house knows."""
    with _mid_sentence(room.card):
        room.card.freeze()
        try:
            told_s, code = _told(speaker)
        finally:
            room.card.thaw()
    return _hear_again(room, speaker, "mic", told_s, code)


def change_default(room: Room, speaker: Speaker) -> Round:
    """Another microphone becomes the system's default, and afterwards the first one again."""
    room.card.plug(SPARE)
    try:
        with _mid_sentence(room.card):
            room.card.prefer(SPARE)
        return _hear_again(room, speaker, SPARE, None, None)
    finally:
        room.card.prefer("mic")
        room.card.unplug(SPARE)


UPHEAVALS: dict[str, Callable[[Room, Speaker], Round]] = {
    "replug": replug,
    "restart": restart,
    "freeze": freeze,
    "default": change_default,
}
"""All of them by their names."""


def load_of(room: Room, speaker: Speaker) -> Load:
    """What the speaker's own process (not the engine's) holds now. Linux only."""
    pid = speaker.program.pid
    folder = Path(f"/proc/{pid}")
    pages = int((folder / "statm").read_text().split()[1])
    return Load(
        threads=len(list((folder / "task").iterdir())),
        files=len(list((folder / "fd").iterdir())),
        streams=room.card.streams(pid),
        rss_mb=pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
    )


@contextmanager
def _mid_sentence(card: SoundCard) -> Iterator[None]:
    with card.speaking(QUESTION):
        threading.Event().wait(MID_SENTENCE_S)
        yield


def _told(speaker: Speaker) -> tuple[float, str]:
    began = time.monotonic()
    speaker.witness.expect("state", "error", within_s=HEARS_AGAIN_S)
    told_s = time.monotonic() - began
    speaker.witness.expect("problem", "ON")
    return told_s, str(speaker.witness.latest_fields("problem/attributes")["code"])


def _hear_again(
    room: Room, speaker: Speaker, microphone: str, told_s: float | None, code: str | None
) -> Round:
    began = time.monotonic()
    witness = speaker.witness
    if witness.latest("state") == "conversation":  # the first half of the word was enough
        witness.send("conversation/set", "stop")
    if witness.latest("state") != "idle":
        witness.expect("state", "idle", within_s=HEARS_AGAIN_S)
    well_s = time.monotonic() - began
    witness.forget()
    while True:
        with room.card.speaking(QUESTION, microphone):
            try:
                witness.expect("event/wake", within_s=WORD_S)
            except AssertionError:
                assert time.monotonic() - began < HEARS_AGAIN_S, f"still deaf\n{witness}"
            else:
                break
    heard_s = time.monotonic() - began
    witness.expect("state", "conversation")
    witness.send("conversation/set", "stop")
    witness.expect("state", "idle")
    witness.forget()
    return Round(told_s, code, well_s, heard_s)
