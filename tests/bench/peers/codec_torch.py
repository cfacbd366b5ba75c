"""Kyutai's Mimi in PyTorch; runs in an environment of its own."""

import numpy as np
import torch
from moshi.models.loaders import get_mimi

from tests.bench.peers.codec import CODEBOOKS, CodecContestant, Codes, Sound, arguments
from tests.bench.peers.serving import serve


class TorchMimi:
    """Streaming, without gradients, with as many threads as PyTorch chooses."""

    def __init__(self, weights: str) -> None:
        """``weights`` is the published file."""
        self._mimi = get_mimi(weights, device="cpu", num_codebooks=CODEBOOKS)
        self._mimi.streaming_forever(1)

    def reset(self) -> None:
        """Begin a fresh stream."""
        self._mimi.reset_streaming()

    def encode(self, sound: Sound) -> Codes:
        """(1920,) to (8,)."""
        with torch.no_grad():
            codes = self._mimi.encode(torch.from_numpy(sound[None, None]))[0, :, 0].numpy()
        found: Codes = codes.astype(np.int32)
        return found

    def decode(self, codes: Codes) -> Sound:
        """(8,) to (1920,)."""
        with torch.no_grad():
            sound = self._mimi.decode(torch.from_numpy(codes.astype(np.int64)[None, :, None]))
        found: Sound = sound[0, 0].numpy()
        return found


if __name__ == "__main__":
    path, recording = arguments()
    serve(lambda: CodecContestant(TorchMimi(str(path)), recording))
