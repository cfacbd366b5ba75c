"""The parts that need no sound: codec, language model, whole frame, long session."""

from moshi_speaker.bench.alternate import Clock, Run, alternate
from moshi_speaker.bench.report import OURS, Session, Times
from moshi_speaker.moshi.workloads import Workloads

MEMORY_EVERY = 50
"""Steps of a long session between two looks at the memory."""


def time_codec(work: Workloads, rounds: int, clock: Clock) -> list[Times]:
    """Encoding, decoding, and both for one frame."""
    return _times({"encode": work.encode, "decode": work.decode, "codec": work.codec}, rounds, clock)


def time_lm(work: Workloads, rounds: int, clock: Clock) -> list[Times]:
    """A step of the language model."""
    return _times({"lm step": work.lm_step}, rounds, clock)


def time_frame(work: Workloads, rounds: int, clock: Clock) -> list[Times]:
    """A whole frame as in a talk, in turns with its parts one after the other."""
    runs: dict[str, Run] = {
        "frame": work.frame,
        "frame: encode": work.encode,
        "frame: lm step": work.lm_step,
        "frame: decode": work.decode,
    }
    return _times(runs, rounds, clock)


def long_session(work: Workloads, steps: int, clock: Clock) -> Session:
    """One talk of so many steps of the language model."""
    work.reset()
    steps_ms: list[float] = []
    memory = [work.memory_bytes()]
    for step in range(1, steps + 1):
        began = clock()
        work.lm_step()
        steps_ms.append(1_000.0 * (clock() - began))
        if step % MEMORY_EVERY == 0:
            memory.append(work.memory_bytes())
    return Session(tuple(steps_ms), tuple(memory), MEMORY_EVERY, work.window)


def _times(runs: dict[str, Run], rounds: int, clock: Clock) -> list[Times]:
    found = alternate(runs, rounds, clock=clock)
    return [Times(name, OURS, tuple(times_ms)) for name, times_ms in found.times_ms.items()]
