"""Which machine this is, as its maker calls it."""

import platform
import subprocess
import sys
from pathlib import Path

ASK_S = 2.0
"""Seconds for the system to say it."""
_FILES = ("sys/firmware/devicetree/base/model", "sys/class/dmi/id/product_name")
"""Where Linux says it: on boards, and on PCs."""


def machine(root: Path = Path("/")) -> str:
    """Such as ``Mac16,10`` or ``Raspberry Pi 5``; without such a name that of the processor's architecture.

    ``root`` is where the system's files are.
    """
    name = _apple() if sys.platform == "darwin" else _linux(root)
    return name or platform.machine()


def _linux(root: Path) -> str:
    for file in _FILES:
        try:
            name = (root / file).read_bytes().decode(errors="replace").strip(" \0\n")
        except OSError:
            continue
        if name:
            return name
    return ""


def _apple() -> str:
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "hw.model"], capture_output=True, text=True, timeout=ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
