"""What a benchmark found, and its JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from moshi_speaker.bench.machine import Machine
from moshi_speaker.bench.statistics import Summary, ratios, summarize
from moshi_speaker.errors import UsageError

FORMAT = 1
"""Version of the JSON; it changes when a key changes its meaning or goes."""
OURS = "moshi-speaker"
"""Who did the work, where we did it."""

_OTHER_WAYS = {"codec": ("codec, both at once",)}
"""Ways of ours to do the same work, which the others do not have."""

_Milliseconds = Annotated[FiniteFloat, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class Times:
    """How long somebody took for some work, again and again."""

    part: str
    """What was done, such as ``encode``."""
    who: str
    """Which program did it."""
    times_ms: Annotated[tuple[_Milliseconds, ...], Field(min_length=1)]
    """Milliseconds of each run, in their order; runs of equal number alternated."""

    @property
    def summary(self) -> Summary:
        """Their spread, in milliseconds."""
        return summarize(self.times_ms)


@dataclass(frozen=True, slots=True)
class Session:
    """One talk, as long as asked for."""

    steps_ms: tuple[float, ...]
    """Milliseconds of each step of the language model."""
    memory_bytes: tuple[int, ...]
    """Memory that MLX held at the start and after every ``memory_every`` steps."""
    memory_every: int
    window: int
    """Steps that a step sees: from there on its work should stay the same."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What it costs to wait for the wake word."""

    seconds: float
    """How long it was watched."""
    sound: str
    """The sound device that it listened to."""
    speaker_percent: float
    """CPU of the speaker's process, in percent of one core."""
    engine_percent: float
    """The same of the engine's process."""
    speaker_bytes: int
    """Memory that the speaker's process has resident."""
    engine_bytes: int
    """Memory that the engine's process has resident."""


@dataclass(slots=True)
class Report:
    """All that one run of the benchmark found."""

    taken_at: str
    """Local date and time, ISO 8601."""
    version: str
    """Of moshi-speaker."""
    machine: Machine
    settings: Mapping[str, Any]
    """What was asked for."""
    times: list[Times] = field(default_factory=list)
    peers: list[Times] = field(default_factory=list)
    """Other programs and ours, in turns, each part in runs of equal number."""
    session: Session | None = None
    idle: Idle | None = None
    left_out: list[str] = field(default_factory=list)
    """What was not measured, and why: a line each."""
    missing: list[str] = field(default_factory=list)
    """Parts that an interruption left unmeasured."""

    def of(self, part: str) -> Times | None:
        """Our times of one part, if it was measured."""
        return next((times for times in self.times if times.part == part), None)

    def comparisons(self) -> Iterator[tuple[str, str, Summary]]:
        """Part, peer, and our time in units of the peer's, round by round."""
        ours = {times.part: times for times in self.peers if times.who == OURS}
        for theirs in self.peers:
            if theirs.who == OURS:
                continue
            for part in (theirs.part, *_OTHER_WAYS.get(theirs.part, ())):
                if part in ours:
                    yield part, theirs.who, ratios(ours[part].times_ms, theirs.times_ms)

    def to_json(self) -> str:
        """Everything, every single time included."""
        document = asdict(self) | {
            "times": [_with_summary(times) for times in self.times],
            "peers": [_with_summary(times) for times in self.peers],
            "comparisons": [
                {"part": part, "peer": peer, "ratio": asdict(ratio)}
                for part, peer, ratio in self.comparisons()
            ],
        }
        return json.dumps({"format": FORMAT} | document, indent=1, ensure_ascii=False, default=str)


def read_times(path: Path) -> list[Times]:
    """Times that another program wrote: a JSON list of ``{"part", "who", "times_ms"}``. Raises UsageError."""
    try:
        found = _TIMES.validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        what = ": ".join(filter(None, ("no list of times", place, first["msg"])))
        raise UsageError(what, where=str(path)) from error
    counts = {times.part: len(times.times_ms) for times in found}
    for times in found:
        if len(times.times_ms) != counts[times.part]:
            raise UsageError(f"the runs of {times.part!r} are not of equal number", where=str(path))
    return found


def _with_summary(times: Times) -> dict[str, Any]:
    return asdict(times) | {"summary_ms": asdict(times.summary)}


_TIMES: TypeAdapter[list[Times]] = TypeAdapter(list[Times])
