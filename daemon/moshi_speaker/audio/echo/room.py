"""What is known of a room, kept over restarts."""

import logging
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.echo.alignment import MAX_DRIFT
from moshi_speaker.audio.echo.kalman import PARTITIONS
from moshi_speaker.audio.echo.kalman import Path as EchoPath
from moshi_speaker.audio.echo.spectra import BINS

FILE = "room.npz"
_FORM = 1
"""Version of the file's layout; another one is not read."""
_LOUDEST = 1e6
"""No echo is so much louder than what is played."""
_LONGEST_S = 2.0
_BROKEN = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a file of numpy's that is not one may raise."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """The way of the echo, as the canceller has learnt it."""

    path: EchoPath
    delay: float
    """Seconds by which the reference is read earlier."""
    drift: float
    """How much faster the loudspeaker's clock runs, as a part of it."""
    leak: float
    """Power of the echo that is left, as a part of it."""


def save(room: Room, folder: Path, devices: str) -> None:
    """Keep the room for the next start with these ``devices``. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".npz", delete=False) as draft:
        kept = Path(draft.name)
        try:
            np.savez(
                draft,
                form=_FORM,
                devices=devices,
                response=room.path.response,
                variance=room.path.variance,
                numbers=np.array([room.delay, room.drift, room.leak]),
            )
            draft.flush()
            kept.replace(folder / FILE)
        except OSError:
            kept.unlink(missing_ok=True)
            raise


def load(folder: Path, devices: str) -> Room | None:
    """The room that was kept for these devices; None if there is none that can be used."""
    try:
        with open(folder / FILE, "rb", opener=_at_once) as file, np.load(file, allow_pickle=False) as kept:
            if int(kept["form"]) != _FORM or str(kept["devices"]) != devices:
                return None
            return _room(kept["response"], kept["variance"], kept["numbers"])
    except FileNotFoundError:
        return None
    except _BROKEN as error:
        log.warning("%s: the remembered room is not readable (%s); it is learnt anew", folder / FILE, error)
        return None


def _at_once(path: str, flags: int) -> int:
    """Open it without waiting, even if it is a FIFO into which nobody writes."""
    return os.open(path, flags | os.O_NONBLOCK)


def _room(response: NDArray[Any], variance: NDArray[Any], numbers: NDArray[Any]) -> Room:
    """Raises ValueError for what no canceller can have learnt."""
    if response.shape != (PARTITIONS, BINS) or variance.shape != (PARTITIONS, BINS) or numbers.shape != (3,):
        raise ValueError("its shape is another one")
    path = EchoPath(response.astype(np.complex64), variance.astype(np.float32))
    delay, drift, leak = (float(number) for number in numbers)
    sound = np.isfinite(path.response).all() and (np.abs(path.response) < _LOUDEST).all()
    if not sound or not ((path.variance > 0.0) & (path.variance < _LOUDEST)).all():
        raise ValueError("its echo is none")
    if not (abs(delay) < _LONGEST_S and abs(drift) <= MAX_DRIFT and 0.0 < leak < _LOUDEST):
        raise ValueError("its numbers are out of range")
    return Room(path, delay, drift, leak)
