"""What gives a talk with a synthetic checkpoint its course: a few weights that are not random.

Three channels of the language model's stream have a meaning, and no other layer writes to them.
Channel 2 says whether this step's sound was silence, by the user's semantic code. Channel 1 is
constant and serves as a bias. Channel 0 takes, through head 0 of the first layer, the average of
channel 2 over the window, less a threshold. The heads read channel 0: enough silence forces padding
and code 0, less silence forbids both.
"""

from collections.abc import Sequence

import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from moshi_speaker.moshi.config import PAD, LmConfig
from moshi_speaker.moshi.mimi.codec import Mimi
from moshi_speaker.moshi.mimi.config import MimiConfig

Weights = dict[str, NDArray[np.float32]]

TALKATIVE = 0.35
"""Share of the window that must not be silence for the model to babble."""
SPEECH_LEVEL = 0.01
"""RMS from which a sound is no longer silence to the codec."""
VOICE_LEVEL = 0.08
"""RMS of the babble."""
_FIRM = 30.0
_BIAS = 0.5
_CHANNELS = 3


def shape_codec(weights: Weights, config: MimiConfig, rng: np.random.Generator) -> None:
    """Make silence code 0 of every codebook, and the voice of a moderate level."""
    for name in weights:
        if name.endswith("embedding_sum"):
            directions = weights[name]
            directions /= np.linalg.norm(directions, axis=1, keepdims=True)
            directions[0] = 0.0
    mimi = Mimi(config, config.quantizer.n_q)
    for name, length in _latent_lengths(mimi, weights, config, rng).items():
        weights[name] *= length
    _murmur(weights)
    codes = mx.array(rng.integers(1, config.quantizer.bins, (1, config.quantizer.n_q, 25)))
    _load(mimi, weights)
    voice = np.array(mimi.decode(codes, mimi.make_decoder_state(chunk_frames=25)))
    weights["decoder.model.14.conv.conv.weight"] *= VOICE_LEVEL / float(np.sqrt(np.mean(voice**2)))


def _murmur(weights: Weights) -> None:
    """Let the last two stages of the decoder interpolate, so that the voice is no hiss but a murmur."""
    for stage in (8, 11):
        name = f"decoder.model.{stage}.convtr.convtr.weight"
        bell = np.hanning(weights[name].shape[2] + 1)[1:].astype(np.float32)
        weights[name] = weights[name][:, :, :1] * bell
    # The last convolution differentiates: whatever is constant is no sound.
    name = "decoder.model.14.conv.conv.weight"
    weights[name] = weights[name][:, :, :1] * np.array([-1.0, 0.0, 1.0], np.float32)


def _latent_lengths(
    mimi: Mimi, weights: Weights, config: MimiConfig, rng: np.random.Generator
) -> dict[str, float]:
    """How long centroids should be: such that a soft sound just leaves the cell of the zero vector."""
    noise = rng.standard_normal(25 * config.frame_size)
    # One pole: more like speech than white noise is.
    sound = np.convolve(noise, 0.9 ** np.arange(60))[: noise.size]
    sound *= SPEECH_LEVEL / np.sqrt(np.mean(sound**2))
    _load(mimi, weights)
    latent = mimi.latent(mx.array(sound[None], mx.float32), mimi.make_encoder_state(chunk_frames=25))
    frames = np.array(latent)[0]
    lengths = {}
    for part in ("rvq_first", "rvq_rest"):
        projection = weights[f"quantizer.{part}.input_proj.weight"][:, :, 0]
        for name in weights:
            if name.startswith(f"quantizer.{part}.vq") and name.endswith("embedding_sum"):
                # A centroid of length r wins over zero where the projection on it exceeds r / 2.
                nearest = (frames @ projection.T @ weights[name].T).max(axis=1)
                lengths[name] = 2.0 * float(np.median(nearest))
    return lengths


def _load(mimi: Mimi, weights: Weights) -> None:
    arrays = {name: mx.array(weight) for name, weight in weights.items()}
    mimi.load_weights(list(mimi.sanitize(arrays).items()), strict=True)


def shape_lm(weights: Weights, config: LmConfig, words: Sequence[int]) -> None:
    """Make the model babble when the user's sound fills enough of the window, and else be silent.

    ``words``: the text tokens to babble in.
    """
    _inputs(weights, config)
    for i in range(config.num_layers):
        prefix = f"transformer.layers.{i}"
        weights[f"{prefix}.self_attn.out_proj.weight"][:_CHANNELS] = 0.0
        weights[f"{prefix}.gating.linear_out.weight"][:_CHANNELS] = 0.0
    _averaging_head(weights, config)
    text = weights["text_linear.weight"]
    text[:, :_CHANNELS] = 0.0
    others = np.setdiff1d(np.arange(config.text_card), words)
    text[others] = 0.0
    text[others, 1] = -_FIRM
    text[PAD, :2] = _FIRM, 0.0
    for k in range(config.generated):
        _depth_slice(weights, config, k)


def _inputs(weights: Weights, config: LmConfig) -> None:
    weights["text_emb.weight"][:, :_CHANNELS] = 0.0, _BIAS, 0.0
    for k in range(config.num_codebooks):
        weights[f"audio_embs.{k}.weight"][:, :_CHANNELS] = 0.0
    heard = weights[f"audio_embs.{config.generated}.weight"]
    heard[:, 2] = -_BIAS
    heard[[0, config.card], 2] = _BIAS


def _averaging_head(weights: Weights, config: LmConfig) -> None:
    """Head 0 of layer 0: no queries, so it weighs the window evenly; it carries channels 2 and 1."""
    head_dim = config.dim // config.num_heads
    packed = weights["transformer.layers.0.self_attn.in_proj.weight"]
    packed[:head_dim] = 0.0
    values = packed[2 * config.dim : 2 * config.dim + 2]
    values[:] = 0.0
    values[0, 2] = values[1, 1] = 1.0
    out = weights["transformer.layers.0.self_attn.out_proj.weight"]
    out[:, :2] = 0.0
    # The average is 1 - 2 f for a share f of sound; the constant channel moves its zero to the threshold.
    out[0, :2] = 1.0, -(1.0 - 2.0 * TALKATIVE)


def _depth_slice(weights: Weights, config: LmConfig, k: int) -> None:
    prefix = f"depformer.slices.{k}"
    weights[f"{prefix}.emb.weight"][:, 0] = 0.0
    linear_in = weights[f"{prefix}.linear_in.weight"]
    linear_in[0] = 0.0
    linear_in[0, 0] = 1.0
    for i in range(config.depth.num_layers):
        weights[f"{prefix}.transformer.layers.{i}.self_attn.out_proj.weight"][0] = 0.0
        weights[f"{prefix}.transformer.layers.{i}.gating.linear_out.weight"][0] = 0.0
    linear_out = weights[f"{prefix}.linear_out.weight"]
    linear_out[:, 0] = 0.0
    linear_out[0] = 0.0
    linear_out[0, 0] = _FIRM
