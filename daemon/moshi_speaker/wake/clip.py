"""The sound that woke the speaker, kept for who wants to know what it was. Only made if a setting says so."""

import logging
import os
import tempfile
import wave
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from moshi_speaker.wake.detector import CHUNK_SECONDS, WakeChunk

CLIP_FILE = "last-wake.wav"
CLIP_SECONDS = 3.0
"""More than the classifiers look back, which is 2 s."""
_RATE = 16_000

log = logging.getLogger(__name__)


class LastWakeClip:
    """Writes the latest seconds up to a detection, on a thread of its own, in place of those of before."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is made if it is not there when something is to be written."""
        self._path = folder / CLIP_FILE
        self._recent: deque[WakeChunk] = deque(maxlen=round(CLIP_SECONDS / CHUNK_SECONDS))
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="wake-clip")
        self._writing: Future[None] | None = None

    def hear(self, chunk: WakeChunk) -> None:
        """Remember the next 80 ms, shape (1280,) at 16 kHz."""
        self._recent.append(chunk)

    def keep(self) -> None:
        """Write what was heard. Returns at once; a disk that hangs costs the clips that come meanwhile."""
        if self._writing is None or self._writing.done():
            self._writing = self._writer.submit(self._write, tuple(self._recent))

    def reset(self) -> None:
        """Forget what was heard."""
        self._recent.clear()

    def close(self) -> None:
        """Wait until the clip is written. May be called twice."""
        self._writer.shutdown()

    def _write(self, chunks: tuple[WakeChunk, ...]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _replace(self._path, b"".join(chunk.astype("<i2").tobytes() for chunk in chunks))
        except OSError as error:
            log.warning("%s: cannot be written: %s", self._path, error.strerror or error)


def _replace(path: Path, sound: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft, name = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(draft, "wb") as file, wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(_RATE)
            wav.writeframes(sound)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
