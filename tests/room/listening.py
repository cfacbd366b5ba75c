"""Hears what the loudspeaker plays while it plays it, with the time of every sample."""

import os
import subprocess
import threading
import time
from collections import deque
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from tests.hearing import Sound
from tests.room.soundcard import RATE, SoundCard

_SILENT = 1e-4
"""Amplitude below which a sample of the recording counts as silence: the sink rounds to 16 bits."""


class Listener:
    """Records the monitor of the loudspeaker; a context manager.

    A sample counts as heard when it was read, less the length of what was read after it: never earlier than
    it sounded, and later by what the recorder holds back.
    """

    def __init__(self, card: SoundCard) -> None:
        command = [
            "parec",
            "--device=speaker.monitor",
            "--format=float32le",
            f"--rate={RATE}",
            "--channels=1",
        ]
        self._recorder = subprocess.Popen(
            [*command, "--latency-msec=10"], stdout=subprocess.PIPE, env=os.environ | card.environment
        )
        self._read_at: deque[tuple[float, Sound]] = deque()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.terminate()
        self._thread.join()
        self._recorder.wait(timeout=10)
        assert self._recorder.stdout is not None
        self._recorder.stdout.close()

    def latest(self, seconds: float) -> Sound:
        """What was heard last."""
        return self._all()[1][-round(seconds * RATE) :]

    def silence_after(self, began: float, lasting_s: float = 0.1) -> float:
        """Seconds from ``began`` (wall clock) until nothing is heard for a while."""
        times, sound = self._all()
        loud = np.concatenate(([0], np.cumsum(np.abs(sound[times >= began]) > _SILENT)))
        n = round(lasting_s * RATE)
        quiet = np.flatnonzero(loud[n:] == loud[:-n])
        assert len(quiet), "it never became silent"
        return float(times[times >= began][quiet[0]] - began)

    def _all(self) -> tuple[NDArray[np.float64], Sound]:
        pieces = list(self._read_at)
        times = [at - np.arange(len(sound) - 1, -1, -1) / RATE for at, sound in pieces]
        return (
            np.concatenate([np.zeros(0), *times]),
            np.concatenate([np.zeros(0, np.float32), *(sound for _, sound in pieces)]),
        )

    def _read(self) -> None:
        assert self._recorder.stdout is not None
        left = b""
        while data := os.read(self._recorder.stdout.fileno(), 65_536):
            now, data = time.time(), left + data
            whole = len(data) // 4 * 4
            left = data[whole:]
            self._read_at.append((now, np.frombuffer(data[:whole], np.float32)))
