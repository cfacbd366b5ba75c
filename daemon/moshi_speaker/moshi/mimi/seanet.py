"""SEANet: the convolutional encoder and decoder between the waveform and the latent (moshi-spec §1.2)."""

from math import prod

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.mimi.config import SeanetConfig
from moshi_speaker.moshi.mimi.conv import Conv1d, ConvState, ConvTranspose1d
from moshi_speaker.moshi.mimi.elu import elu


class Elu(nn.Module):
    """ELU as a layer."""

    def __call__(self, x: mx.array, state: ConvState) -> mx.array:
        """Any shape; the state is there because every layer takes one."""
        return elu(x)


class ResidualBlock(nn.Module):
    """x plus a narrower path of two convolutions, the second one without a memory."""

    def __init__(self, channels: int, rows: int, dilation: int, config: SeanetConfig) -> None:
        """``rows`` a frame; ``dilation`` of the first convolution."""
        super().__init__()
        hidden = channels // config.compress
        wide = Conv1d(channels, hidden, config.residual_kernel_size, dilation=dilation, rows=rows)
        self.block: list[Elu | Conv1d] = [Elu(), wide, Elu(), Conv1d(hidden, channels, 1, rows=rows)]

    def __call__(self, x: mx.array, state: ConvState) -> mx.array:
        """(batch, time, channels) to the same."""
        *before, last = self.block
        assert isinstance(last, Conv1d)
        y = x
        for layer in before:
            y = layer(y, state)
        return last.residual(x, y)


Layer = Elu | Conv1d | ConvTranspose1d | ResidualBlock


class Seanet(nn.Module):
    """Layers in a row, numbered as in the published files."""

    def __init__(self, layers: list[Layer]) -> None:
        """Each with at most one memory."""
        super().__init__()
        self.model = layers

    def make_state(self) -> list[ConvState]:
        """A fresh stream: one state a layer."""
        return [ConvState() for _ in self.model]

    def __call__(self, x: mx.array, state: list[ConvState]) -> mx.array:
        """(batch, time, channels) to the same at another rate and width."""
        for layer, memory in zip(self.model, state, strict=True):
            x = layer(x, memory)
        return x


def seanet_encoder(config: SeanetConfig, positions: int) -> Seanet:
    """Waveform, (batch, time, 1), to (batch, time / product of ratios, dimension).

    A frame ends as so many ``positions``; that settles how the matrices are stored.
    """
    width, rows = config.n_filters, positions * prod(config.ratios)
    layers: list[Layer] = [Conv1d(1, width, config.kernel_size, rows=rows)]
    for ratio in reversed(config.ratios):
        layers += _residual_blocks(width, rows, config)
        rows //= ratio
        layers += [Elu(), Conv1d(width, 2 * width, 2 * ratio, stride=ratio, rows=rows)]
        width *= 2
    return Seanet([*layers, Elu(), Conv1d(width, config.dimension, config.last_kernel_size, rows=rows)])


def seanet_decoder(config: SeanetConfig, positions: int) -> Seanet:
    """(batch, time, dimension) to the waveform, (batch, time * product of ratios, 1)."""
    width, rows = config.n_filters << len(config.ratios), positions
    layers: list[Layer] = [Conv1d(config.dimension, width, config.kernel_size, rows=rows)]
    for ratio in config.ratios:
        layers += [Elu(), ConvTranspose1d(width, width // 2, ratio, rows=rows)]
        width //= 2
        rows *= ratio
        layers += _residual_blocks(width, rows, config)
    return Seanet([*layers, Elu(), Conv1d(width, 1, config.last_kernel_size, rows=rows)])


def _residual_blocks(width: int, rows: int, config: SeanetConfig) -> list[Layer]:
    dilations = [config.dilation_base**j for j in range(config.n_residual_layers)]
    return [ResidualBlock(width, rows, dilation, config) for dilation in dilations]
