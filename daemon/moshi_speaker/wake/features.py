"""From sound to embeddings of speech, with the two networks that all openWakeWord models share."""

import logging

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.wake.detector import CHUNK_SAMPLES, WakeChunk
from moshi_speaker.wake.embedding import (
    FEATURES,
    MELS,
    STEP,
    WINDOW,
    StreamingEmbedding,
    Weights,
    kernel_shapes,
)
from moshi_speaker.wake.tflite import Array, Network, bundled

OVERLAP_SAMPLES = 480
"""Samples before a chunk that its spectrogram needs: a window of 32 ms, less a step of 10 ms, rounded up to
whole steps of 10 ms as openWakeWord does."""
LAG_SAMPLES = 160
"""Newest samples that wait for the next chunk: so the scores are those that pyopen-wakeword's own classes
give for the same sound (and that thresholds were chosen by), just one chunk sooner."""
WARMUP_CHUNKS = 10
"""Chunks from which on an embedding knows nothing of before: its window is nearly ten steps long."""

_KERNELS = (*range(3, 14), *range(15, 24))
_BIASES = (*range(24, 43), 14)
_FLOOR = 2
"""Numbers of the constants in embedding_model.tflite, in the order of the convolutions."""
_TOLERANCE = 1e-3
"""Largest difference to the published network that is rounding; embeddings reach about 60."""

State = list[NDArray[np.float32]]

log = logging.getLogger(__name__)


class WholeWindows:
    """The embedding network as it is published: it computes each window from its beginning."""

    def __init__(self, network: Network) -> None:
        """``network`` takes shape (1, 76, 32, 1)."""
        self._network = network
        self._mels = np.zeros((WINDOW, MELS), np.float32)

    def feed(self, mels: Array) -> Array:
        """Take the next step of the spectrogram, shape (8, 32); the embedding of the latest window, (96,)."""
        self._mels = np.concatenate((self._mels[STEP:], mels))
        return self._network.run(self._mels).reshape(FEATURES)

    def state(self) -> State:
        """A copy of all that it remembers."""
        return [self._mels]

    def restore(self, state: State) -> None:
        """Remember what it remembered when the state was copied."""
        (self._mels,) = state


class Features:
    """Chunks of sound in, one embedding a chunk out."""

    def __init__(self) -> None:
        """Load the networks; at first it is as if there had been silence. Raises MissingPartError."""
        self._spectrogram = Network(bundled("melspectrogram"))
        self._spectrogram.prepare((1, OVERLAP_SAMPLES + CHUNK_SAMPLES))
        self._network = Network(bundled("embedding_model"))
        self._network.prepare((1, WINDOW, MELS, 1))
        self._embedding = streaming(self._network) or WholeWindows(self._network)
        self._sound = np.zeros(OVERLAP_SAMPLES + CHUNK_SAMPLES + LAG_SAMPLES, np.float32)
        for _ in range(WARMUP_CHUNKS):
            self.feed(np.zeros(CHUNK_SAMPLES, np.int16))
        self._silence = self._embedding.state()

    def feed(self, chunk: WakeChunk) -> Array:
        """Hear the next 80 ms, shape (1280,) at 16 kHz; the embedding of the latest 0.8 s, shape (96,)."""
        self._sound[:-CHUNK_SAMPLES] = self._sound[CHUNK_SAMPLES:]
        self._sound[-CHUNK_SAMPLES:] = chunk
        decibels = self._spectrogram.run(self._sound[:-LAG_SAMPLES]).reshape(STEP, MELS)
        mels: Array = decibels / np.float32(10) + np.float32(2)  # the scale that the network was trained with
        return self._embedding.feed(mels)

    def reset(self) -> None:
        """Forget all sound: afterwards it is as if there had been silence."""
        self._sound[:] = 0.0
        self._embedding.restore(self._silence)

    def close(self) -> None:
        """Free the networks. May be called twice; nothing else may be called afterwards."""
        self._spectrogram.close()
        self._network.close()


def streaming(network: Network) -> StreamingEmbedding | None:
    """The network computed step by step, or None if it is not the one that we know."""
    kernels = [network.tensor(number) for number in _KERNELS]
    biases = [network.tensor(number) for number in _BIASES]
    floor = network.tensor(_FLOOR)
    layers = []
    for kernel, bias, shape in zip(kernels, biases, kernel_shapes(), strict=True):
        if kernel is None or bias is None or kernel.shape != shape or bias.shape != shape[:1]:
            break
        layers.append(Weights(kernel, bias))
    if len(layers) == len(_KERNELS) and floor is not None and floor.size == 1:
        embedding = StreamingEmbedding(layers, floor.item())
        if _same(embedding, WholeWindows(network)):
            return embedding
    log.warning("an unknown embedding network: the wake word will cost more CPU than it should")
    return None


def _same(one: StreamingEmbedding, other: WholeWindows) -> bool:
    """Both hear the same noise for as long as a window needs, and give the same embedding."""
    noise = np.random.default_rng(0).standard_normal((WARMUP_CHUNKS, STEP, MELS)).astype(np.float32)
    for mels in noise:
        ours, theirs = one.feed(mels), other.feed(mels)
    return bool(np.abs(ours - theirs).max() < _TOLERANCE)
