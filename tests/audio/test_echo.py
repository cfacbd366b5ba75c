import numpy as np

from moshi_speaker.audio.echo import EchoCanceller, NoEchoCanceller
from moshi_speaker.audio.frames import HOP_SAMPLES


def test_without_a_canceller_the_microphone_passes_through() -> None:
    canceller: EchoCanceller = NoEchoCanceller()
    near = np.linspace(-1, 1, HOP_SAMPLES, dtype=np.float32)
    assert np.array_equal(canceller.cancel(near, near[::-1]), near)
    canceller.reset()
