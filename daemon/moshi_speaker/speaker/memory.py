"""What the speaker remembers over a restart: whether it is muted, how loud it is, and what it listens for."""

import json
import logging
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from moshi_speaker.configfile import files
from moshi_speaker.errors import ConfigError

FILE = "remembered.json"
"""Its name in the folder of the speaker's state."""

LONGEST_NAME = 255
"""Characters of a wake word's name at most."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What lasts.

    Beside each thing that somebody asked for (None if nobody did) is what the file of settings said then: who
    changes it there wants to see that happen.
    """

    muted: bool = False
    volume: int | None = None
    """Percent."""
    configured_volume: int | None = None
    wake_threshold: float | None = None
    """Score above 0, up to 1."""
    configured_wake_threshold: float | None = None
    wake_word: str | None = None
    """The name under which it is chosen; ``off`` for none."""
    configured_wake_word: str | None = None


_KEYS = tuple(field.name for field in fields(Remembered))
_OLD_KEYS = frozenset(_KEYS[:3])
"""Those that a file of an earlier version has."""


class Memory:
    """A small file, and what belongs into it. Nothing here ever raises.

    What is to be kept is held at once; ``write`` brings it to the disk, which takes its time.

    A file that cannot be read, or makes no sense, means muted: whether it was cannot be known, and a
    microphone that opens against somebody's will is worse than one that has to be opened again.
    """

    def __init__(self, folder: Path | None) -> None:
        """``folder`` of the speaker's state; without one all is forgotten at the end."""
        self._path = None if folder is None else folder / FILE
        self._remembered = Remembered() if self._path is None else _read(self._path)
        self._tried = self._stored = self._remembered
        self._complained = False

    @property
    def folder(self) -> Path | None:
        """Where the speaker keeps what it remembers; None: nowhere."""
        return None if self._path is None else self._path.parent

    @property
    def due(self) -> bool:
        """Whether there is something that nobody has tried to write yet."""
        return self._path is not None and self._remembered != self._tried

    @property
    def muted(self) -> bool:
        """Whether the microphone is to stay closed."""
        return self._remembered.muted

    def volume(self, configured: int) -> int:
        """The percent to begin with: what was asked for last, unless the configured one has changed since."""
        known = self._remembered
        if known.volume is None or known.configured_volume != configured:
            return configured
        return known.volume

    def wake_threshold(self, configured: float) -> float:
        """The wake words' threshold to begin with, in the same way."""
        known = self._remembered
        if known.wake_threshold is None or known.configured_wake_threshold != configured:
            return configured
        return known.wake_threshold

    def wake_word(self, configured: str) -> str:
        """The name of what to listen for at first, in the same way."""
        known = self._remembered
        if known.wake_word is None or known.configured_wake_word != configured:
            return configured
        return known.wake_word

    def keep_muted(self, on: bool) -> None:
        """It is muted, or no longer."""
        self._remembered = replace(self._remembered, muted=on)

    def keep_volume(self, percent: int, configured: int) -> None:
        """Somebody asked for another volume than the ``configured`` one."""
        self._remembered = replace(self._remembered, volume=percent, configured_volume=configured)

    def keep_wake_threshold(self, threshold: float, configured: float) -> None:
        """Somebody asked for another threshold of the wake words."""
        self._remembered = replace(
            self._remembered, wake_threshold=threshold, configured_wake_threshold=configured
        )

    def keep_wake_word(self, name: str, configured: str) -> None:
        """Somebody asked for another wake word."""
        self._remembered = replace(self._remembered, wake_word=name, configured_wake_word=configured)

    def write(self) -> None:
        """Bring it to the disk; from any thread, but one at a time.

        Whether it is muted outlasts a power cut too.
        """
        remembered = self._remembered
        if self._path is None or remembered == self._tried:
            return
        self._tried = remembered
        try:
            _write(self._path, remembered, durable=remembered.muted != self._stored.muted)
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.warning(
                    "%s: cannot be written (%s), so what was asked for holds until the next start only; "
                    "set another speaker.state_dir",
                    self._path,
                    error.strerror,
                )
        else:
            self._complained = False
            self._stored = remembered


def _read(path: Path) -> Remembered:
    try:
        data, _ = files.read(path)
        return _parse(data)
    except ConfigError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return Remembered()
        what = error.what
    except ValueError:
        what = "makes no sense"
    log.warning("%s: %s, so the speaker starts muted; unmute it over MQTT, or delete the file", path, what)
    return Remembered(muted=True)


def _parse(data: bytes) -> Remembered:
    """Raises ValueError."""
    try:
        values = json.loads(data.decode())
    except RecursionError as error:
        raise ValueError from error
    if not isinstance(values, dict) or values.keys() not in (_OLD_KEYS, set(_KEYS)):
        raise ValueError
    if not isinstance(values["muted"], bool):
        raise ValueError
    return Remembered(
        values["muted"],
        _percent(values["volume"]),
        _percent(values["configured_volume"]),
        _threshold(values.get("wake_threshold")),
        _threshold(values.get("configured_wake_threshold")),
        _name(values.get("wake_word")),
        _name(values.get("configured_wake_word")),
    )


def _percent(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ValueError
    return value


def _threshold(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError
    return float(value)


def _name(value: object) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= LONGEST_NAME):
        return value
    raise ValueError


def _write(path: Path, remembered: Remembered, *, durable: bool) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8")  # noqa: SIM115
    try:
        with draft:
            draft.write(f"{json.dumps(asdict(remembered))}\n")
            draft.flush()
            if durable:
                os.fsync(draft.fileno())
        Path(draft.name).replace(path)
        if durable:
            _sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            Path(draft.name).unlink()
        raise


def _sync_folder(folder: Path) -> None:
    """So that the new file is found by its name; some file systems know no such thing."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
