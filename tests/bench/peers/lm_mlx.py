"""Kyutai's Moshi in MLX, as moshi_mlx ships it or switched to float32; in an environment of its own."""

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from moshi_mlx.models import Lm, LmGen, config1b_202412
from moshi_mlx.utils.sampling import Sampler

from tests.bench.peers.lm import Codes, LmContestant, Logits, arguments
from tests.bench.peers.serving import serve

MAX_STEPS = 4000
"""Its default; it stops after so many."""


class _Greedy:
    """A sampler that takes the most likely token and keeps the logits."""

    logits: mx.array

    def __call__(self, logits: mx.array) -> tuple[mx.array, mx.array]:
        self.logits = logits
        return mx.argmax(logits, axis=-1).astype(mx.int32), logits


class MlxMoshi:
    """Its generator, loaded as ``moshi_mlx.run_inference`` does."""

    def __init__(self, weights: str, *, single: bool) -> None:
        """``single``: compute in float32 instead of bfloat16."""
        self._model = Lm(config1b_202412())
        self._model.set_dtype(mx.bfloat16)
        nn.quantize(self._model, bits=8, group_size=64)
        self._model.load_weights(weights, strict=True)
        if single:
            self._model.set_dtype(mx.float32)
        mx.eval(self._model.parameters())

    def reset(self, *, greedy: bool) -> None:
        """Begin a fresh stream."""
        for cache in self._model.transformer_cache:
            cache.reset()
        self._greedy = _Greedy() if greedy else None
        self._generator = LmGen(
            model=self._model,
            max_steps=MAX_STEPS,
            text_sampler=self._greedy or Sampler(top_k=25, temp=0.7),
            audio_sampler=_Greedy() if greedy else Sampler(top_k=250, temp=0.8),
        )

    def step(self, codes: Codes) -> Logits | None:
        """The next step, waited for as in ``run_inference``."""
        token = self._generator.step(mx.array(codes)[None])
        token[0].item()
        voice = self._generator.last_audio_tokens()
        if voice is not None:
            np.array(voice)
        if self._greedy is None:
            return None
        logits: Logits = np.array(self._greedy.logits.astype(mx.float32)).reshape(-1)
        return logits


if __name__ == "__main__":
    path, given, options = arguments()
    serve(lambda: LmContestant(MlxMoshi(str(path), single="float32" in options), given))
