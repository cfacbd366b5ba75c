"""A room made of files: the Protocol of a device without any hardware."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from moshi_speaker.audio.defects import Defects
from moshi_speaker.audio.frames import BLOCK_SAMPLES, SAMPLE_RATE, Capture, Lost, Render, Samples

log = logging.getLogger(__name__)

Scene = Sequence[tuple[float, Samples]]
"""What is to be heard: (start in seconds from the start of the device, sound at 24 kHz, shape (n,))."""


@dataclass
class Recording:
    """Sound kept up to a limit; what comes later is dropped and counted."""

    limit: int
    """Samples at most."""
    size: int = 0
    dropped: int = 0
    """Samples that came after the limit."""
    blocks: list[Samples] = field(default_factory=list)

    def add(self, block: Samples) -> None:
        """Keep a block, if it fits whole."""
        if self.size + len(block) > self.limit:
            self.dropped += len(block)
            return
        self.blocks.append(block.copy())
        self.size += len(block)

    def sound(self) -> Samples:
        """Everything kept, shape (n,)."""
        return np.concatenate([np.zeros(0, np.float32), *self.blocks])


class RoomDevice:
    """Plays a scene into the microphone over a floor of noise, and records what the loudspeaker plays.

    In real time it is paced by the clock without drift. Otherwise it goes on as soon as ``settle`` returns.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        clock: Callable[[], float],
        settle: Callable[[], object] | None = None,
        noise_dbfs: float = -66.0,
        ended: Callable[[], None] | None = None,
        record_limit_s: float = 900.0,
        seed: int = 0,
    ) -> None:
        """Without ``settle`` in real time; ``ended`` is called once, after the last sound of the scene."""
        self._clock = clock
        self._settle = settle
        self._scene_end = max((_start(start) + len(sound) for start, sound in scene), default=0)
        self._noise = np.random.default_rng(seed)
        self._noise_gain = 10.0 ** (noise_dbfs / 20.0)
        self._on_ended = ended
        self._lock = threading.Lock()
        self._sounds = [(_start(start), sound) for start, sound in scene]
        self._position = 0
        self._capturing = True
        self._stopping = threading.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="room")
        self._captured = Recording(round(record_limit_s * SAMPLE_RATE))
        self._played = Recording(round(record_limit_s * SAMPLE_RATE))

    @property
    def description(self) -> str:
        """What the user knows it by."""
        return "a room made of files"

    @property
    def defects(self) -> Defects:
        """A room of files has none."""
        return Defects()

    @property
    def played(self) -> Samples:
        """What the loudspeaker has played, from the start; complete once stopped."""
        return self._played.sound()

    @property
    def captured(self) -> Samples:
        """What the microphone has given (zeros while it was off), as long as ``played``."""
        return self._captured.sound()

    def start(self, capture: Capture, render: Render, lost: Lost, *, capturing: bool = True) -> None:
        """Begin the scene, on a thread of its own."""

        def report(run: "Future[None]") -> None:
            if (error := run.exception()) is not None:
                log.error("the room broke", exc_info=error)
                lost(f"{self.description}: {error}")

        self.set_capture(capturing)
        self._executor.submit(self._run, capture, render).add_done_callback(report)

    def say(self, sound: Samples) -> None:
        """Add a sound, shape (n,), to the scene now."""
        with self._lock:
            self._sounds.append((self._position, sound))

    def set_capture(self, on: bool) -> None:
        """Let the microphone run, or stop it; the scene goes on unheard."""
        with self._lock:
            self._capturing = on

    def check(self, now: float) -> None:
        """A room does not go away."""

    def stop(self) -> None:
        """End the thread and wait for it. May be called twice."""
        self._stopping.set()
        self._executor.shutdown()

    def _run(self, capture: Capture, render: Render) -> None:
        begin = self._clock()
        block_s = BLOCK_SAMPLES / SAMPLE_RATE
        at = begin
        while not self._stopping.is_set():
            block = self._next_block()
            if self._settle is None and self._stopping.wait(max(0.0, at + block_s - self._clock())):
                return
            self._exchange(block, at, capture, render)
            at = begin + self._position / SAMPLE_RATE
            if self._on_ended is not None and self._position >= self._scene_end:
                ended, self._on_ended = self._on_ended, None
                ended()

    def _exchange(self, block: Samples, at: float, capture: Capture, render: Render) -> None:
        with self._lock:
            capturing = self._capturing
        self._captured.add(block if capturing else np.zeros_like(block))
        if capturing:
            capture(block, at)
        self._played.add(render(BLOCK_SAMPLES, at))
        if self._settle is not None:
            self._settle()

    def _next_block(self) -> Samples:
        """What sounds in the next 20 ms; sounds that are over are forgotten."""
        block = self._noise.standard_normal(BLOCK_SAMPLES, np.float32) * np.float32(self._noise_gain)
        with self._lock:
            begin, end = self._position, self._position + BLOCK_SAMPLES
            self._position = end
            for start, sound in self._sounds:
                if start < end:
                    piece = sound[max(0, begin - start) : end - start]
                    offset = max(0, start - begin)
                    block[offset : offset + len(piece)] += piece
            self._sounds = [(start, sound) for start, sound in self._sounds if start + len(sound) > end]
        np.clip(block, -1.0, 1.0, out=block)
        return block


def _start(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
