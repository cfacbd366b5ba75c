"""Where a step stands in the sliding window of the temporal transformer.

All layers move in step, so the place of the new key, the rotation of this position and who is seen are
worked out once a step and shared. Each ring holds exactly the window: a step at position i sees the key
at position j if and only if 0 <= i - j < context (moshi-spec §2.3), which is every slot that was written.
"""

import mlx.core as mx
import numpy as np

from moshi_speaker.moshi.lm.kernels import attend

BUCKET = 256
"""A compiled step looks at a whole number of so many slots, so that it is compiled anew only so often."""


class Rotary:
    """Rotary position embedding of a packed projection: queries and keys turn, values do not.

    Pair d of head_dim D is (x[2d], x[2d+1]) and turns by position * max_period^(-2d/D) (moshi-spec §1.1).
    The softmax scale is folded into the turn of the queries.
    """

    def __init__(self, head_dim: int, max_period: float) -> None:
        """Angles a position, and what tells apart queries, keys and values."""
        pairs = head_dim // 2
        frequencies = max_period ** (-np.arange(pairs) / pairs)
        scale = np.array([head_dim**-0.5, 1.0, 1.0]).reshape(3, 1, 1, 1, 1)
        turns = np.array([1.0, 1.0, 0.0]).reshape(3, 1, 1, 1, 1)
        self._angles = mx.array((turns * frequencies[:, None]).astype(np.float32))
        self._scale = mx.array(scale.astype(np.float32))
        self._signed_scale = mx.array((scale * np.array([-1.0, 1.0])).astype(np.float32))

    def turn(self, position: mx.array, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
        """Factors of the even and odd channels themselves, and of their partners; float32 inside."""
        angles = self._angles * position
        themselves, partners = mx.cos(angles) * self._scale, mx.sin(angles) * self._signed_scale
        return themselves.astype(dtype), partners.astype(dtype)


def unwritten_bias(position: mx.array, seen: int, dtype: mx.Dtype) -> mx.array:
    """What hides the slots that no step up to ``position``, (1,), has written; shape (seen,)."""
    return mx.where(mx.arange(seen) > position, -mx.inf, 0.0).astype(dtype)


class Place:
    """One step's place in the rings."""

    def __init__(
        self, slot: mx.array, seen: int, turn: tuple[mx.array, mx.array], bias: mx.array | None
    ) -> None:
        """The new key goes to ``slot``, (1,); ``seen`` slots are looked at, with ``bias`` on their scores."""
        self._slot = slot
        self._seen = seen
        self._turn = turn
        self._bias = bias

    def attend(self, packed: mx.array, ring: mx.array) -> tuple[mx.array, mx.array]:
        """Attended values (1, heads, 1, head_dim), and the ring with the new key and value in it.

        ``packed``: query, key and value (3, heads, 1, head_dim); ``ring``: (2, heads, context, head_dim).
        """
        themselves, partners = self._turn
        pairs = packed.reshape(*packed.shape[:-1], -1, 2)
        turned = pairs * themselves + pairs[..., ::-1] * partners
        turned = turned.astype(packed.dtype).reshape(packed.shape)
        # Keys are stored after rotation, so their order in the ring does not matter.
        ring = mx.slice_update(ring, turned[1:], self._slot, axes=(2,))
        keys, values = ring[:1, :, : self._seen], ring[1:, :, : self._seen]
        return attend(turned[:1], keys, values, 1.0, self._bias), ring
