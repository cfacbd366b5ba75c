"""Kyutai's Mimi in MLX, as moshi_mlx ships it; runs in an environment of its own."""

import mlx.core as mx
import numpy as np
from moshi_mlx.models.mimi import Mimi, mimi_202407

from tests.bench.peers.codec import CODEBOOKS, CodecContestant, Codes, Sound, arguments
from tests.bench.peers.serving import serve


class MlxMimi:
    """Its streaming interface."""

    def __init__(self, weights: str) -> None:
        """``weights`` is the published file."""
        self._mimi = Mimi(mimi_202407(CODEBOOKS))
        # The file has 32 codebooks: not strict, so that those beyond the eighth cost no time.
        self._mimi.load_pytorch_weights(weights, strict=False)
        mx.eval(self._mimi.parameters())

    def reset(self) -> None:
        """Begin a fresh stream."""
        self._mimi.reset_all()

    def encode(self, sound: Sound) -> Codes:
        """(1920,) to (8,)."""
        codes: Codes = np.array(self._mimi.encode_step(mx.array(sound)[None, None])[0, :, 0])
        return codes.astype(np.int32)

    def decode(self, codes: Codes) -> Sound:
        """(8,) to (1920,)."""
        sound: Sound = np.array(self._mimi.decode_step(mx.array(codes)[None, :, None])[0, 0])
        return sound


if __name__ == "__main__":
    path, recording = arguments()
    serve(lambda: CodecContestant(MlxMimi(str(path)), recording))
