"""What one direction of the codec remembers of one stream."""

from dataclasses import dataclass

import mlx.core as mx

from moshi_speaker.moshi.mimi.conv import ConvState
from moshi_speaker.moshi.mimi.transformer import TransformerState


@dataclass(slots=True)
class CodecState:
    """One direction of one stream: everything the encoder, or the decoder, remembers."""

    seanet: list[ConvState]
    """One a layer of the encoder or decoder."""
    transformer: TransformerState
    """Keys and values of the window."""
    resample: ConvState
    """Of the downsampling or upsampling."""
    chunk_frames: int
    """Frames worked on at once; longer calls are cut."""

    @property
    def steady(self) -> bool:
        """Worked on frame by frame, of which the first has passed: from then on all are alike."""
        return self.chunk_frames == 1 and self.resample.tail is not None

    def tails(self) -> list[mx.array | None]:
        """What the convolutions remember, None for layers that remember nothing."""
        return [memory.tail for memory in (*self.seanet, self.resample)]

    def remember(self, tails: list[mx.array | None], rings: list[mx.array]) -> None:
        """Take over what ``tails`` and the rings have become."""
        for memory, tail in zip((*self.seanet, self.resample), tails, strict=True):
            memory.tail = tail
        self.transformer.rings = rings
