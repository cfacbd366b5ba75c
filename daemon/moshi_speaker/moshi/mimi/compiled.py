"""A frame of a stream as a function of arrays alone, which MLX traces once and fuses."""

from collections.abc import Callable

import mlx.core as mx

from moshi_speaker.moshi.mimi.conv import ConvState
from moshi_speaker.moshi.mimi.state import CodecState
from moshi_speaker.moshi.mimi.transformer import TransformerState
from moshi_speaker.moshi.mimi.window import Place

Direction = Callable[[mx.array, CodecState], mx.array]
"""Encodes or decodes a frame, (batch, ...) to (batch, ...), and moves the state on."""

Memory = tuple[list[mx.array | None], list[mx.array]]
"""Tails of the convolutions, and rings of the transformer."""


class _Placed:
    """Stands for a window while a frame is traced: its place was worked out before."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def room(self) -> int:
        return self._place.turns.shape[3]

    def advance(self, length: int) -> Place:
        return self._place


class CompiledDirection:
    """Encodes or decodes single frames of any number of streams, all but the first frame of each.

    What changes from frame to frame, the place in the window too, goes in as arrays. So the frame is traced
    once for each shape of its input, with the weights of that moment.
    """

    def __init__(self, plain: Direction, positions: int) -> None:
        """``plain`` does the same untraced; ``positions`` of the transformer a frame."""
        self._plain = plain
        self._positions = positions
        self._traced = mx.compile(self._pure)

    def __call__(self, frame: mx.array, state: CodecState) -> mx.array:
        """As ``plain``; for states that are ``steady``."""
        place = state.transformer.window.advance(self._positions)
        where = (place.slot, place.turns, place.mask)
        memory: Memory = (state.tails(), state.transformer.rings)
        result: mx.array
        result, memory = self._traced(frame, where, memory)
        state.remember(*memory)
        return result

    def _pure(
        self, frame: mx.array, where: tuple[mx.array, mx.array, mx.array], memory: Memory
    ) -> tuple[mx.array, Memory]:
        tails, rings = memory
        *seanet, resample = [ConvState(tail) for tail in tails]
        state = CodecState(seanet, TransformerState(_Placed(Place(*where)), rings), resample, 1)
        result = self._plain(frame, state)
        return result, (state.tails(), state.transformer.rings)
