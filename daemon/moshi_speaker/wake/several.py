"""Wake words of more than one library at once."""

from collections.abc import Sequence

from moshi_speaker.wake.detector import WakeChunk, WakeEngine


class SeveralEngines:
    """Engines side by side: each computes what its own words need."""

    def __init__(self, engines: Sequence[WakeEngine]) -> None:
        """Takes over the engines."""
        self._engines = tuple(engines)

    @property
    def words(self) -> tuple[str, ...]:
        """Names of all wake words, engine by engine."""
        return tuple(word for engine in self._engines for word in engine.words)

    def scores(self, chunk: WakeChunk) -> list[float]:
        """Hear the next 80 ms, shape (1280,) at 16 kHz, and give a score from 0 to 1 for each word."""
        return [score for engine in self._engines for score in engine.scores(chunk)]

    def reset(self) -> None:
        """Forget all sound."""
        for engine in self._engines:
            engine.reset()

    def close(self) -> None:
        """Free the models. May be called twice."""
        for engine in self._engines:
            engine.close()
