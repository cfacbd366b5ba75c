"""The front end, a thread: captured blocks in, clean frames and chunks for the wake word out."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.activity import FLOOR_DBFS, VoiceActivity, level_dbfs
from moshi_speaker.audio.defects import Defects, mended
from moshi_speaker.audio.echo import EchoCanceller
from moshi_speaker.audio.fifo import Block, BlockFifo
from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.resample import DELAY_SECONDS, Downsampler, to_int16

log = logging.getLogger(__name__)

MAX_WAITING_BLOCKS = 100
"""Blocks that may wait for the front end (2 s at 20 ms, 8 s at 80 ms); beyond it the oldest is dropped and
counted."""
GAP_SECONDS = 0.04
"""Captured time missing between two blocks from which sound counts as lost."""
_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """One frame of the microphone, echo removed."""

    at: float
    """Capture time of its first sample, in seconds."""
    pcm: Samples
    """Shape (1920,), 24 kHz."""
    speech: float
    """Probability, 0 to 1, that somebody speaks."""
    level_dbfs: float = FLOOR_DBFS
    """How loud it is."""
    echo_dbfs: float = FLOOR_DBFS
    """How loud the echo that may be left in it is at most."""


FrameSink = Callable[[HeardFrame], None]
"""Takes a frame; called on the front end's thread, must return at once."""
WakeSink = Callable[[NDArray[np.int16], float, bool], None]
"""Takes a chunk at 16 kHz, shape (1280,), the capture time of its end, and whether what sounds like a wake
word in it may be our own voice; called like a FrameSink."""


class FrontEnd:
    """Cuts the microphone into frames and chunks; starts and stops once."""

    def __init__(
        self,
        on_frame: FrameSink,
        on_wake_chunk: WakeSink,
        on_failure: Callable[[BaseException], None],
        *,
        echo: EchoCanceller,
        activity: VoiceActivity,
    ) -> None:
        """``on_failure`` hears of an error that ended the thread."""
        self._on_frame = on_frame
        self._on_wake_chunk = on_wake_chunk
        self._on_failure = on_failure
        self._echo = echo
        self._activity = activity
        self._defects = Defects()
        self._blocks = BlockFifo(MAX_WAITING_BLOCKS)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="front-end")
        self._to_wake = Downsampler()
        self._last_frame_at: float | None = None
        self._gaps = 0
        self._pending = _NOTHING
        self._next_at = 0.0
        self._following = False
        self._speech = 0.0
        self._hearing = True
        self._interruptions = 0
        """How often hearing was switched; ``_run`` begins a new stream after each."""

    @property
    def dropped_blocks(self) -> int:
        """Blocks lost because this thread was too slow, since the beginning."""
        return self._blocks.dropped

    @property
    def gaps(self) -> int:
        """How often captured time was missing between two blocks, the microphone's pauses included."""
        return self._gaps

    @property
    def last_frame_at(self) -> float | None:
        """Capture time of the end of the latest frame: the heartbeat of hearing; None before the first."""
        return self._last_frame_at

    def start(self) -> None:
        """Begin to work on what is captured."""
        self._executor.submit(self._run).add_done_callback(self._ended)

    def capture(self, samples: Samples, at: float) -> None:
        """Take a captured block, shape (n,), and the time of its first sample; returns at once."""
        self._blocks.put(Block(samples, at))

    def set_hearing(self, on: bool) -> None:
        """Hear, or be deaf: then not even what was captured before and waits goes any further."""
        self._hearing = on
        self._blocks.refuse(not on)
        self._interruptions += 1

    def wait_idle(self, timeout_s: float | None = None) -> bool:
        """Wait until everything captured so far went through; False on timeout."""
        return self._blocks.wait_idle(timeout_s)

    def stop(self) -> None:
        """End the thread and wait for it; blocks that wait are forgotten. May be called twice."""
        self._blocks.close()
        self._executor.shutdown()

    def _run(self) -> None:
        interruptions = 0
        # Nothing leaves before a frame is whole: to wake up for each block would be for nothing.
        while (block := self._blocks.take(max(1, FRAME_SAMPLES - len(self._pending)))) is not None:
            if interruptions != self._interruptions:
                interruptions = self._interruptions
                self._forget()
            self._follow(block)
            # Sound that is not a number would stay in every filter and model that remembers.
            sound = mended(block.samples, self._defects)
            self._pending = np.concatenate((self._pending, sound))
            while self._hearing and len(self._pending) >= FRAME_SAMPLES:
                frame, self._pending = self._pending[:FRAME_SAMPLES], self._pending[FRAME_SAMPLES:]
                self._hear(frame)

    def _ended(self, run: "Future[None]") -> None:
        self._blocks.close()
        if (error := run.exception()) is not None:
            self._on_failure(error)

    def _follow(self, block: Block) -> None:
        """Keep the time of the next pending sample right, and notice lost sound."""
        if self._following:
            missing = block.at - (self._next_at + len(self._pending) / SAMPLE_RATE)
            if missing > GAP_SECONDS:
                log.info("%.2f s of the microphone's sound are missing", missing)
                self._gaps += 1
                self._forget()
        self._next_at = block.at - len(self._pending) / SAMPLE_RATE
        self._following = True

    def _forget(self) -> None:
        """Begin a new stream: what is half done would join sounds that do not belong together."""
        self._pending = _NOTHING
        self._following = False
        self._speech = 0.0
        self._to_wake.reset()
        self._activity.reset()

    def _hear(self, near: Samples) -> None:
        """Clean a frame and pass it on."""
        at = self._next_at
        end = self._next_at = at + FRAME_SAMPLES / SAMPLE_RATE
        clean = self._echo.clean(near, at)
        self._listen(clean.pcm, end, clean.guarded)
        frame = HeardFrame(at, clean.pcm, self._speech, level_dbfs(clean.pcm), clean.echo_dbfs)
        self._on_frame(HeardFrame(at, np.zeros_like(near), speech=0.0) if clean.gated else frame)
        self._last_frame_at = end

    def _listen(self, pcm: Samples, end: float, guarded: bool) -> None:
        """Let voice activity and the wake word hear a frame that ends at ``end``: one chunk of it."""
        resampled = self._to_wake.feed(pcm)
        self._speech = self._activity.feed(resampled)
        self._on_wake_chunk(to_int16(resampled), end - DELAY_SECONDS, guarded)
