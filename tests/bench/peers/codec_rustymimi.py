"""Kyutai's Mimi in Rust, which moshi_mlx ships; runs in an environment of its own."""

import numpy as np
import rustymimi

from tests.bench.peers.codec import CODEBOOKS, CodecContestant, Codes, Sound, arguments
from tests.bench.peers.serving import serve


class RustyMimi:
    """Its synchronous interface, as ``moshi_mlx.run_inference`` uses it."""

    def __init__(self, weights: str) -> None:
        """``weights`` is the published file."""
        self._tokenizer = rustymimi.Tokenizer(weights, num_codebooks=CODEBOOKS)

    def reset(self) -> None:
        """Begin a fresh stream."""
        self._tokenizer.reset()

    def encode(self, sound: Sound) -> Codes:
        """(1920,) to (8,)."""
        codes: Codes = self._tokenizer.encode_step(sound[None, None])[0, :, 0].astype(np.int32)
        return codes

    def decode(self, codes: Codes) -> Sound:
        """(8,) to (1920,)."""
        sound: Sound = self._tokenizer.decode_step(codes.astype(np.uint32)[None, :, None])[0, 0]
        return sound


if __name__ == "__main__":
    path, recording = arguments()
    serve(lambda: CodecContestant(RustyMimi(str(path)), recording))
