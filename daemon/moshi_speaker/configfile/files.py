"""Files of settings and of secrets: opened without ever waiting, and judged once they are open.

Judged is what was opened, by its descriptor: a look at the name before would speak of another file if
somebody exchanged it in between.
"""

import os
import shlex
import stat
from pathlib import Path

from moshi_speaker.errors import ConfigError
from moshi_speaker.settings.types import MAX_CREDENTIAL

MAX_BYTES = 1_000_000
"""Size of a file at most; beyond it somebody has named the wrong one."""

OPEN_TO_ALL = stat.S_IROTH | stat.S_IWOTH
"""Rights that a file with a secret must not give.

Those of the group are its owner's business: systemd hands out credentials as 0440, and a broker's files often
belong to root and are given to a group of service accounts as 0640.
"""

OPEN = "open to every user of this machine"
"""What a message calls that."""

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read(path: Path) -> tuple[bytes, bool]:
    """What is in the file, and whether it is open to every user of this machine.

    Raises ConfigError, caused by the OSError if there is one.
    """
    try:
        # Without O_NONBLOCK a FIFO that nobody writes into would let us wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ConfigError("no such file", where=str(path), remedy="create it or correct the path") from error
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _not_plain(path, mode)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)
    if len(data) > MAX_BYTES:
        raise ConfigError(f"larger than {MAX_BYTES} bytes", where=str(path), remedy="name the right file")
    return data, bool(mode & OPEN_TO_ALL)


def read_private(path: Path) -> bytes:
    """What is in a file that holds a secret. Raises ConfigError, also if the file is open to everybody."""
    data, exposed = read(path)
    if exposed:
        raise ConfigError(OPEN, where=str(path), remedy=f"chmod 600 {shlex.quote(str(path))}")
    return data


def secret_line(path: Path) -> str:
    """The first line of a file that holds one secret, without its end. Raises ConfigError."""
    try:
        line = read_private(path).partition(b"\n")[0].decode("utf-8-sig").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8", where=str(path), remedy="write one line of plain text") from error
    if not line:
        raise ConfigError("its first line is empty", where=str(path), remedy="write the secret there")
    if len(line) > MAX_CREDENTIAL:
        what = f"its first line has more than {MAX_CREDENTIAL} characters"
        raise ConfigError(what, where=str(path), remedy="name the right file")
    return line


def _unreadable(path: Path, error: OSError | ValueError) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) else "a NUL in its name"
    return ConfigError(f"cannot be read: {reason}", where=str(path))


def _not_plain(path: Path, mode: int) -> ConfigError:
    if stat.S_ISDIR(mode):
        return ConfigError("a folder", where=str(path), remedy="name the file in it")
    kind = _KINDS.get(stat.S_IFMT(mode), "something else")
    return ConfigError(f"{kind}, not a file", where=str(path), remedy="name a plain file")
