"""What is known of a room, kept over restarts."""

import logging
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moshi_speaker.audio.echo.kalman import PARTITIONS
from moshi_speaker.audio.echo.kalman import Path as EchoPath
from moshi_speaker.audio.echo.spectra import BINS

FILE = "room.npz"
_FORM = 1
"""Version of the file's layout; another one is not read."""

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
        np.savez(
            draft,
            form=_FORM,
            devices=devices,
            response=room.path.response,
            variance=room.path.variance.astype(np.float32),
            numbers=np.array([room.delay, room.drift, room.leak]),
        )
    Path(draft.name).replace(folder / FILE)


def load(folder: Path, devices: str) -> Room | None:
    """The room that was kept for these devices; None if there is none that can be used."""
    try:
        with np.load(folder / FILE, allow_pickle=False) as kept:
            if int(kept["form"]) != _FORM or str(kept["devices"]) != devices:
                return None
            delay, drift, leak = (float(number) for number in kept["numbers"])
            room = Room(EchoPath(kept["response"], kept["variance"]), delay, drift, leak)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s: the remembered room is not readable (%s); it is learnt anew", folder / FILE, error)
        return None
    shapes = {room.path.response.shape, room.path.variance.shape}
    values = (*room.path.response.flat, *room.path.variance.flat) if shapes == {(PARTITIONS, BINS)} else ()
    return room if len(values) and np.isfinite(values).all() else None
