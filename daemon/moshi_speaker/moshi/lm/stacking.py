"""Published tensors -> the parameters of our model, which holds some of them in one piece.

One lookup then serves all streams of a step, and one product the inputs of all passes of the depth
transformer. Quantized tensors are stacked just so, because their rows stay whole.
"""

import mlx.core as mx

from moshi_speaker.moshi.config import LmConfig

Weights = dict[str, mx.array]
PARTS = ("weight", "scales", "biases")
"""Of a quantized matrix; a plain one has the first alone."""


def stacked(weights: Weights, config: LmConfig) -> Weights:
    """Put what we hold in one piece together; the arrays are taken out of ``weights``."""
    tables = ["text_emb", *(f"audio_embs.{i}" for i in range(config.num_codebooks))]
    inputs = [f"depformer.slices.{k}.linear_in" for k in range(config.generated)]
    whole = _joined(weights, "embs", tables) | _joined(weights, "depformer.linear_in", inputs)
    return whole | {name: weights.pop(name) for name in list(weights)}


def _joined(weights: Weights, target: str, stems: list[str]) -> Weights:
    return {
        f"{target}.{part}": mx.concatenate([weights.pop(f"{stem}.{part}") for stem in stems])
        for part in PARTS
        if stems and f"{stems[0]}.{part}" in weights
    }
