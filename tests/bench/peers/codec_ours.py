"""Our Mimi, loaded as the speaker loads it."""

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from time import perf_counter

import moshi_speaker.moshi  # noqa: F401 - before MLX itself: it settles how MLX computes

# isort: split
import mlx.core as mx
import numpy as np

from moshi_speaker.engine.environment import THREADS, usable_cores
from moshi_speaker.engine.voice import VoiceProcess
from moshi_speaker.moshi.compiling import compiles
from moshi_speaker.moshi.device import on_cpu
from moshi_speaker.moshi.mimi.checkpoint import load_mimi
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.voice import VoiceSource
from tests.bench.peers.codec import CODEBOOKS, TOGETHER, CodecContestant, Codes, Sound, arguments
from tests.bench.peers.serving import Times, serve


class OurMimi:
    """One result waited for at a time, like the others."""

    def __init__(self, weights: Path) -> None:
        """``weights`` is the published file."""
        self.mimi = load_mimi(weights, MimiConfig(), CODEBOOKS, compiled=compiles())
        self.reset()

    def reset(self) -> None:
        """Begin a fresh stream."""
        self.encoder = self.mimi.make_encoder_state()
        self.decoder = self.mimi.make_decoder_state()

    def encode(self, sound: Sound) -> Codes:
        """(1920,) to (8,)."""
        codes: Codes = np.array(self.mimi.encode(mx.array(sound)[None], self.encoder)[0, :, 0])
        return codes

    def decode(self, codes: Codes) -> Sound:
        """(8,) to (1920,)."""
        sound: Sound = np.array(self.mimi.decode(mx.array(codes)[None, :, None], self.decoder)[0])
        return sound

    def both(self, sound: Sound, codes: Codes) -> tuple[Codes, Sound]:
        """One frame of each direction, due at the same time: as in the engine."""
        found = self.mimi.encode(mx.array(sound)[None], self.encoder)
        voice = self.mimi.decode(mx.array(codes)[None, :, None], self.decoder)
        mx.eval(found, voice)
        return np.array(found[0, :, 0]), np.array(voice[0])


class TwoProcesses:
    """The same on a CPU, where the engine lets another process decode."""

    def __init__(self, codec: OurMimi, weights: Path) -> None:
        """``codec`` encodes."""
        self._codec = codec
        self._voice = VoiceProcess(VoiceSource(weights, MimiConfig(), CODEBOOKS), {THREADS: "1"})
        self._voice.wait()

    def both(self, sound: Sound, codes: Codes) -> tuple[Codes, Sound]:
        """One frame of each direction, due at the same time."""
        self._voice.speak(codes)
        return self._codec.encode(sound), self._voice.sound()


class OurContestant(CodecContestant):
    """Also knows how to do both directions at once, as they are in a talk."""

    def __init__(self, codec: OurMimi, sound: Sound, weights: Path) -> None:
        """As for all; ``weights`` for another process."""
        super().__init__(codec, sound)
        self._ours = codec
        self._weights = weights
        self._pair: OurMimi | TwoProcesses | None = None

    def frames(self, way: str) -> Iterator[Times]:
        """In turn, or together: this frame's sound, and the codes of the frame before."""
        if way != "together":
            yield from super().frames(way)
            return
        if self._pair is None:
            apart = on_cpu() and usable_cores() > 1
            self._pair = TwoProcesses(self._ours, self._weights) if apart else self._ours
        self._ours.reset()
        codes = np.zeros(CODEBOOKS, np.int32)
        for frame in cycle(self._sound):
            begin = perf_counter()
            codes, _ = self._pair.both(frame, codes)
            yield {TOGETHER: perf_counter() - begin}


if __name__ == "__main__":
    path, recording = arguments()
    serve(lambda: OurContestant(OurMimi(path), recording, path))
