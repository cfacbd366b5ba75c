"""One run of the benchmark: the parts that are asked for, in order, and what could not be measured."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import moshi_speaker
from moshi_speaker.bench.alternate import Clock
from moshi_speaker.bench.frames import long_session, time_codec, time_frame, time_lm
from moshi_speaker.bench.idle import watch_idle
from moshi_speaker.bench.machine import this_machine
from moshi_speaker.bench.models import Models
from moshi_speaker.bench.report import Report, Session, read_times
from moshi_speaker.bench.throughput import time_engine
from moshi_speaker.bench.wake import time_wake
from moshi_speaker.engine.environment import THREADS
from moshi_speaker.errors import CheckpointError, SpeakerError, UsageError
from moshi_speaker.moshi.dialogue import load
from moshi_speaker.moshi.workloads import Workloads, backend
from moshi_speaker.settings import ModelSettings

PARTS = ("codec", "lm", "frame", "wake", "idle", "session")
"""What can be measured, in this order."""
WAKE_ROUNDS = 5
NO_PARTS = "none"
"""Asks for none of them: what others took is all that is shown."""
IDLE_S = 15.0

Say = Callable[[str], None]
"""Told, in one line, what is being measured."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure, and with what."""

    parts: tuple[str, ...] = PARTS
    model: str | None = None
    """Repo id or folder; None: small models of random weights, with the codec at full size."""
    frames: int = 100
    """Runs of each part of a frame."""
    steps: int = 4_000
    """Steps of the long session."""
    wake_rounds: int = WAKE_ROUNDS
    """How often the wake word is said."""
    idle_s: float = IDLE_S
    """Seconds of listening that are watched."""
    peers: Path | None = None
    """File with times of other programs, to be shown beside ours."""


def parse_parts(text: str) -> tuple[str, ...]:
    """Names of parts between commas, in our order. Raises UsageError for one that is unknown."""
    if text.strip() == NO_PARTS:
        return ()
    asked = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := sorted(asked - set(PARTS)):
        raise UsageError(
            f"no such part of the benchmark: {unknown[0]}", remedy=f"there are {', '.join(PARTS)}"
        )
    if not asked:
        raise UsageError("no part of the benchmark is named", remedy=f"there are {', '.join(PARTS)}")
    return tuple(name for name in PARTS if name in asked)


class Bench:
    """The parts, and the models that they share."""

    def __init__(self, options: Options, models: Models, clock: Clock, say: Say) -> None:
        """``clock`` is monotonic, in seconds."""
        self._options = options
        self._models = models
        self._clock = clock
        self._say = say
        self._loaded: Workloads | None = None

    def measure(self, part: str, report: Report) -> None:
        """Measure one part into the report. Raises SpeakerError."""
        options = self._options
        match part:
            case "codec":
                self._say(f"codec: {options.frames} frames, encoded and decoded")
                report.times += time_codec(self._work(), options.frames, self._clock)
            case "lm":
                self._say(f"language model: {options.frames} steps")
                report.times += time_lm(self._work(), options.frames, self._clock)
            case "frame":
                self._say(f"whole frame and its parts: {options.frames} times")
                report.times += time_frame(self._work(), options.frames, self._clock)
                source = self._models.full_codec()
                report.times += time_engine(source, options.frames, self._clock, self._say)
            case "wake":
                self._say(f"wake word: {options.wake_rounds} times, in a room made of files")
                report.times += time_wake(self._models.talkative(), options.wake_rounds, self._clock)
            case "idle":
                self._say(f"listening: {options.idle_s:g} s")
                report.idle = watch_idle(self._models.talkative(), options.idle_s)
            case "session":
                self._say(f"long session: {options.steps} steps")
                report.session = self._session()

    def _work(self) -> Workloads:
        if self._loaded is None:
            self._loaded = self._load(self._models.full_codec())
        return self._loaded

    def _session(self) -> Session:
        if self._options.model is None:
            self._loaded = None  # its memory would be counted
            return long_session(self._load(self._models.long_window()), self._options.steps, self._clock)
        return long_session(self._work(), self._options.steps, self._clock)

    def _load(self, source: str) -> Workloads:
        return Workloads(load(ModelSettings(source=source, seed=0), self._say))


def run(options: Options, *, taken_at: str, clock: Clock, say: Say) -> Report:
    """Measure what is asked for; a part that this machine lacks is left out and told of.

    Interrupted, it ends with what it has, and tells what is missing. Raises SpeakerError where the model
    itself is missing or broken, and KeyboardInterrupt when it has nothing at all.
    """
    report = Report(
        taken_at=taken_at,
        version=moshi_speaker.__version__,
        machine=this_machine(**backend(), threads=os.environ.get(THREADS, "")),
        settings=asdict(options),
        missing=list(options.parts),
    )
    if options.peers is not None:
        report.peers = read_times(options.peers)
    with TemporaryDirectory(prefix="moshi-speaker-bench-") as folder:
        bench = Bench(options, Models(options.model, Path(folder)), clock, say)
        try:
            for part in options.parts:
                _measure(bench, part, report, say)
                report.missing.remove(part)
        except KeyboardInterrupt:
            say(f"interrupted; not measured: {', '.join(report.missing)}")
            if len(report.missing) == len(options.parts) and not report.peers:
                raise
    return report


def _measure(bench: Bench, part: str, report: Report, say: Say) -> None:
    try:
        bench.measure(part, report)
    except (CheckpointError, UsageError):
        raise
    except SpeakerError as error:
        report.left_out.append(f"{part}: {error}")
        say(f"left out: {part}: {error}")
