"""A report as if it had been measured."""

from moshi_speaker.bench.machine import Machine
from moshi_speaker.bench.report import OURS, Idle, Report, Session, Times

MACHINE = Machine("Chip", 8, 4, 2**34, "Linux 6 x86_64", "3.11", "0.32", "CPU", "OpenBLAS", "4")


def report() -> Report:
    """Every part, and a peer that takes twice and four times as long."""
    parts = {"encode": 4.0, "decode": 6.0, "codec": 9.0, "lm step": 20.0, "frame": 27.0}
    parts |= {"frame: encode": 5.0, "frame: lm step": 21.0, "frame: decode": 7.0, "wake: first sound": 90.0}
    found = Report("2026-01-01T00:00:00+00:00", "1.2", MACHINE, {"frames": 3})
    found.times = [Times(part, OURS, (ms, ms + 1.0, ms - 1.0)) for part, ms in parts.items()]
    found.peers = [
        Times("encode", OURS, (4.0, 8.0)),
        Times("encode", "peer", (8.0, 32.0)),
        Times("codec", OURS, (9.0, 18.0)),
        Times("codec", "peer", (18.0, 72.0)),
        Times("codec, both at once", OURS, (6.0, 12.0)),
    ]
    found.session = Session(tuple([2.0] * 60), (10, 20), 50, 40)
    found.idle = Idle(3.0, "a room", 5.0, 0.0, 90_000_000, 80_000_000)
    found.left_out = ["wake: no wake word"]
    return found
