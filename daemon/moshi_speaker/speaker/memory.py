"""What the speaker remembers over a restart: whether it is muted, and how loud it is."""

import json
import logging
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

FILE = "remembered.json"
"""Its name in the folder of the speaker's state."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What lasts."""

    muted: bool = False
    volume: int | None = None
    """Percent that somebody asked for; None if nobody did."""
    configured_volume: int | None = None
    """What the file said then: who changes it there wants to hear that."""


class Memory:
    """A small file that is written whenever something in it changes. Nothing here ever raises.

    A file that cannot be read, or makes no sense, means muted: whether it was cannot be known, and a
    microphone that opens against somebody's will is worse than one that has to be opened again.
    """

    def __init__(self, folder: Path | None) -> None:
        """``folder`` of the speaker's state; without one all is forgotten at the end."""
        self._path = None if folder is None else folder / FILE
        self._remembered = Remembered() if self._path is None else _read(self._path)
        self._complained = False

    @property
    def folder(self) -> Path | None:
        """Where the speaker keeps what it remembers; None: nowhere."""
        return None if self._path is None else self._path.parent

    @property
    def muted(self) -> bool:
        """Whether the microphone is to stay closed."""
        return self._remembered.muted

    def volume(self, configured: int) -> int:
        """The percent to begin with: what was asked for last, unless the configured one has changed since."""
        known = self._remembered
        return (
            known.volume if known.volume is not None and known.configured_volume == configured else configured
        )

    def keep_muted(self, on: bool) -> None:
        """It is muted, or no longer."""
        self._keep(replace(self._remembered, muted=on), durable=True)

    def keep_volume(self, percent: int, configured: int) -> None:
        """Somebody asked for another volume than the ``configured`` one."""
        self._keep(replace(self._remembered, volume=percent, configured_volume=configured), durable=False)

    def _keep(self, remembered: Remembered, *, durable: bool) -> None:
        """What is ``durable`` outlasts a power cut too, which takes the disk its time."""
        if remembered == self._remembered:
            return
        self._remembered = remembered
        if self._path is None:
            return
        try:
            _write(self._path, remembered, durable=durable)
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.warning(
                    "%s: cannot be written (%s), so mute and volume hold until the next start only; "
                    "set another speaker.state_dir",
                    self._path,
                    error.strerror,
                )
        else:
            self._complained = False


def _read(path: Path) -> Remembered:
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Remembered()
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
    except ValueError:
        what = "makes no sense"
    log.warning("%s: %s, so the speaker starts muted; unmute it over MQTT, or delete the file", path, what)
    return Remembered(muted=True)


def _parse(text: str) -> Remembered:
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError from error
    if not isinstance(values, dict) or values.keys() != {"muted", "volume", "configured_volume"}:
        raise ValueError
    if not isinstance(values["muted"], bool):
        raise ValueError
    return Remembered(values["muted"], _percent(values["volume"]), _percent(values["configured_volume"]))


def _percent(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ValueError
    return value


def _write(path: Path, remembered: Remembered, *, durable: bool) -> None:
    """Whole or not at all."""
    values = {
        "muted": remembered.muted,
        "volume": remembered.volume,
        "configured_volume": remembered.configured_volume,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8")  # noqa: SIM115
    try:
        with draft:
            draft.write(f"{json.dumps(values)}\n")
            draft.flush()
            if durable:
                os.fsync(draft.fileno())
        Path(draft.name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(draft.name).unlink()
        raise
