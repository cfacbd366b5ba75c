"""The split residual vector quantizer (moshi-spec §1.3)."""

import mlx.core as mx
import mlx.nn as nn

from moshi_speaker.moshi.mimi.affine import Affine
from moshi_speaker.moshi.mimi.config import QuantizerConfig

USAGE_FLOOR = 1e-5
"""Least usage that a centroid's sum is divided by (moshi-spec §1.3)."""


class Codebook(nn.Module):
    """Centroids, and half of each one's squared length."""

    def __init__(self, bins: int, dimension: int) -> None:
        """Zeros, until weights are loaded."""
        super().__init__()
        self.centroids = mx.zeros((bins, dimension))
        self.half_squares = mx.zeros((bins,))

    def nearest(self, x: mx.array) -> mx.array:
        """The index of the centroid closest to each vector; (..., dimension) to (...)."""
        # |x - c|^2 / 2 without the part that all centroids share; no differences are formed.
        return mx.argmin(mx.addmm(self.half_squares, x, self.centroids.T, alpha=-1.0), axis=-1)

    def lookup(self, codes: mx.array) -> mx.array:
        """Centroids; (...) to (..., dimension). Codes must be in range: nothing checks them."""
        return self.centroids[codes]


class ResidualQuantizer(nn.Module):
    """Codebooks in a row, each for what the ones before it left over."""

    def __init__(self, latent: int, config: QuantizerConfig, num_codebooks: int) -> None:
        """``latent`` channels outside, ``config.dimension`` inside."""
        super().__init__()
        self.input_proj = Affine(latent, config.dimension, rows=1, bias=False)
        self.output_proj = Affine(config.dimension, latent, rows=1, bias=False)
        self.codebooks = [Codebook(config.bins, config.dimension) for _ in range(num_codebooks)]

    def encode(self, latent: mx.array) -> list[mx.array]:
        """(batch, time, latent) to one (batch, time) a codebook."""
        residual = self.input_proj(latent)
        codes = []
        for codebook in self.codebooks:
            codes.append(codebook.nearest(residual))
            residual = residual - codebook.lookup(codes[-1])
        return codes

    def decode(self, codes: mx.array) -> mx.array:
        """(batch, codebooks or fewer, time) to (batch, time, latent)."""
        total = self.codebooks[0].lookup(codes[:, 0])
        for k in range(1, codes.shape[1]):
            total = total + self.codebooks[k].lookup(codes[:, k])
        return self.output_proj(total)


class SplitQuantizer(nn.Module):
    """One semantic codebook and a row of acoustic ones, both quantizing the same latent."""

    def __init__(self, latent: int, config: QuantizerConfig, num_codebooks: int) -> None:
        """Only ``num_codebooks`` of the ``config.n_q`` are kept, the semantic one first."""
        super().__init__()
        self.rvq_first = ResidualQuantizer(latent, config, 1)
        self.rvq_rest = ResidualQuantizer(latent, config, num_codebooks - 1) if num_codebooks > 1 else None

    def encode(self, latent: mx.array) -> mx.array:
        """(batch, time, latent) to int32 codes, (batch, codebooks, time)."""
        codes = self.rvq_first.encode(latent)
        if self.rvq_rest is not None:
            codes += self.rvq_rest.encode(latent)
        return mx.view(mx.stack(codes, axis=1), mx.int32)

    def decode(self, codes: mx.array) -> mx.array:
        """(batch, codebooks or fewer, time) to (batch, time, latent)."""
        latent = self.rvq_first.decode(codes[:, :1])
        if self.rvq_rest is not None and codes.shape[1] > 1:
            latent = latent + self.rvq_rest.decode(codes[:, 1:])
        return latent


def centroids(embedding_sum: mx.array, cluster_usage: mx.array) -> mx.array:
    """A published codebook, running sums (bins, dimension) and usage (bins,), as centroids."""
    return embedding_sum / mx.maximum(cluster_usage, USAGE_FLOOR)[:, None]
