"""Who this speaker is: a short id that stays the same for life."""

import re
import secrets
import tempfile
from pathlib import Path

from moshi_speaker.configfile import files
from moshi_speaker.errors import ConfigError

ID_FILE = "id"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def device_id(configured: str | None, state_dir: Path) -> str:
    """The configured id, or the one in ``state_dir``, or a new one that is kept there.

    Raises ConfigError when the file cannot be read or written, or holds something else.
    """
    return known_id(configured, state_dir) or _create(state_dir.expanduser() / ID_FILE)


def known_id(configured: str | None, state_dir: Path) -> str | None:
    """The same, but none is made up: None if there is none yet. Raises ConfigError."""
    if configured is not None:
        return configured
    path = state_dir.expanduser() / ID_FILE
    try:
        text = files.read(path)[0].decode("ascii", errors="replace").strip()
    except ConfigError as error:
        cause = error.__cause__
        if isinstance(cause, FileNotFoundError):
            return None
        reason = cause.strerror if isinstance(cause, OSError) else error.what
        raise _unusable(path, f"cannot be read ({reason})") from error
    if not _ID.fullmatch(text):
        raise ConfigError(
            "this is no speaker id", where=str(path), remedy="delete the file, or set speaker.id"
        )
    return text


def _create(path: Path) -> str:
    new = secrets.token_hex(4)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as draft:
            draft.write(f"{new}\n")
        Path(draft.name).replace(path)
    except OSError as error:
        raise _unusable(path, f"cannot be written ({error.strerror})") from error
    return new


def _unusable(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"the speaker's id {what}", where=str(path), remedy="set speaker.id or another speaker.state_dir"
    )
