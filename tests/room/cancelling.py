"""A scene through an echo canceller, as in the speaker: what is played goes to a reference beforehand."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from moshi_speaker.audio.echo import EchoCanceller, NoEchoCanceller
from moshi_speaker.audio.echo.canceller import KalmanCanceller
from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference
from tests.room.scenes import Sound

BEGIN_AT = 100.0
"""Time at which a scene begins, on the clock of the microphone."""
AHEAD_S = 0.15
"""How long before it sounds a block is given to the device."""

MakeCanceller = Callable[[Reference], EchoCanceller]
"""Makes the canceller under test over what is played."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What a canceller made of a scene."""

    pcm: Samples
    """Shape (n,), 24 kHz, as long as the scene."""
    echo_dbfs: Samples
    """Its estimate of the echo that may be left, of every frame, shape (n / 1920,)."""


def nothing(_: Reference) -> EchoCanceller:
    """The canceller that does nothing."""
    return NoEchoCanceller()


def ours(reference: Reference) -> EchoCanceller:
    """The speaker's own canceller in a room it does not know."""
    return KalmanCanceller(reference)


def clean(make: MakeCanceller, sound: Sound) -> Cleaning:
    """Run a fresh canceller over a scene."""
    reference = Reference()
    return clean_with(make(reference), reference, sound)


def clean_with(
    canceller: EchoCanceller, reference: Reference, sound: Sound, begin_at: float = BEGIN_AT
) -> Cleaning:
    """Run a canceller that may know the room already over a scene that begins at time ``begin_at``."""
    scene = sound.scene
    stamps = np.random.default_rng(scene.seed)
    rate = SAMPLE_RATE * (1.0 + scene.drift_ppm * 1e-6)
    pcm, echo = [], []
    played = 0
    for begin in range(0, len(sound.mic), FRAME_SAMPLES):
        end_s = (begin + FRAME_SAMPLES) / SAMPLE_RATE
        while played < len(sound.far) and played / rate < end_s + AHEAD_S:
            at = begin_at + played / rate + stamps.uniform(0.0, scene.jitter)
            reference.put(sound.far[played : played + BLOCK_SAMPLES], at)
            played += BLOCK_SAMPLES
        at = begin_at + begin / SAMPLE_RATE + stamps.uniform(0.0, scene.jitter)
        cleaned = canceller.clean(sound.mic[begin : begin + FRAME_SAMPLES], at)
        pcm.append(cleaned.pcm)
        echo.append(cleaned.echo_dbfs)
    return Cleaning(np.concatenate(pcm), np.array(echo, np.float32))


def clean_next(before: Sound, sound: Sound) -> Cleaning:
    """Run our own canceller over two scenes that follow one another, and give the second."""
    reference = Reference()
    canceller = KalmanCanceller(reference)
    clean_with(canceller, reference, before)
    return clean_with(canceller, reference, sound, BEGIN_AT + len(before.mic) / SAMPLE_RATE)


def clean_after_restart(before: Sound, sound: Sound) -> Cleaning:
    """Run our own canceller over a scene, and another one, which knows what it learnt, over a second."""
    reference = Reference()
    canceller = KalmanCanceller(reference)
    clean_with(canceller, reference, before)
    assert canceller.room is not None, "nothing worth remembering was learnt"
    reference = Reference()
    restarted = KalmanCanceller(reference)
    restarted.recall(canceller.room)
    return clean_with(restarted, reference, sound)
