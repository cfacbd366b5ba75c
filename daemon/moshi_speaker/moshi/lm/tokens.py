"""The schedule: which token of which stream goes into which step.

With d the delay of a stream (moshi-spec §3.2), step t takes in the text of step t - 1, and of each
audio stream the code of frame t - 1 - d, or the initial token while there is none. Step t yields the
text token of step t and, for each generated stream, the code of frame t - d. Hence step 0 needs no
sound and runs at the start of a stream, and the frame captured last is used in the very next step.
"""

from collections import deque
from itertools import groupby

import mlx.core as mx

from moshi_speaker.moshi.config import LmConfig


def _runs(delays: tuple[int, ...]) -> list[tuple[int, slice]]:
    """Streams in a row with the same delay: the delay, and which they are."""
    runs = []
    for delay, run in groupby(range(len(delays)), delays.__getitem__):
        streams = list(run)
        runs.append((delay, slice(streams[0], streams[-1] + 1)))
    return runs


class Tokens:
    """The last few tokens of each stream, so that there is no limit to the length of a stream."""

    def __init__(self, config: LmConfig) -> None:
        """Nothing has been said or heard yet."""
        self._config = config
        self._initial = mx.full((config.num_codebooks,), config.card, dtype=mx.int32)
        self._text = mx.full((1,), config.text_card, dtype=mx.int32)
        # The codes of step s of stream k are those of frame s - d_k: a few steps back suffice.
        self._generated: deque[mx.array] = deque(maxlen=config.max_delay + 1)
        self._heard: deque[mx.array] = deque(maxlen=max(config.delays, default=0) + 1)
        self._heard_runs = _runs(config.delays[config.generated :])
        self._said_runs = _runs(config.delays[: config.generated])
        self.steps = 0

    def hear(self, codes: mx.array) -> None:
        """Take in a frame of the user's codes, shape (1, at least heard, 1)."""
        self._heard.append(codes.reshape(-1))

    def say(self, text: mx.array, raw: mx.array) -> None:
        """Take in what step ``steps`` yielded."""
        self._text = text
        self._generated.append(raw.reshape(-1))
        self.steps += 1

    def inputs(self) -> mx.array:
        """What enters step ``steps``, shape (1 + streams,)."""
        config, t = self._config, self.steps
        if t == 0:
            return mx.concatenate([self._text, self._initial])
        parts = [self._text]
        if config.generated:
            parts.append(self._generated[-1])
        for delay, streams in self._heard_runs:
            known = self._heard[-1 - delay] if t > delay else self._initial
            parts.append(known[streams])
        tokens = mx.concatenate(parts)
        late = [t <= delay for delay in config.delays]
        if any(late):
            tokens = mx.where(mx.array([False, *late]), config.card, tokens)
        return tokens

    def complete(self) -> mx.array | None:
        """The frame whose last code was generated just now."""
        config = self._config
        if not config.generated or self.steps <= config.max_delay:
            return None
        parts = [
            self._generated[-1 - (config.max_delay - delay)][streams] for delay, streams in self._said_runs
        ]
        return mx.concatenate(parts)[None, :, None]
