"""What becomes of a model that is too slow: refused, replaced by a smaller one, or borne with a warning."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.engine.messages import Configure
from moshi_speaker.engine.startup import Started, start_up
from moshi_speaker.errors import CheckpointError, TooSlowError
from moshi_speaker.settings import EngineSettings, ModelSettings

BF16, Q8, Q4 = (f"kyutai/moshika-mlx-{precision}" for precision in ("bf16", "q8", "q4"))
TooSlow = Literal["refuse", "degrade", "warn"]


@dataclass(frozen=True)
class Reply:
    audio: NDArray[np.float32] | None = None
    text: str = ""
    silent: bool = True


@dataclass
class Machine:
    """Computes models, each in its own time; remembers what it loaded and heard."""

    frame_s: dict[str, float]
    """Seconds a frame, by model."""
    missing: tuple[str, ...] = ()
    bound: float = 0.8
    now: float = 0.0
    loaded: list[ModelSettings] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    alive: int = 0
    """Models in memory."""

    def load(self, settings: ModelSettings, status: Callable[[str], None]) -> "Model":
        assert self.alive == 0, "two models at once"
        self.loaded.append(settings)
        if settings.source in self.missing:
            raise CheckpointError("not in the cache", where=settings.source, remedy="pull it")
        return Model(settings.source, self)

    def start(self, source: str, too_slow: TooSlow) -> Started:
        engine = EngineSettings(warmup_frames=2, benchmark_frames=3, too_slow=too_slow)
        engine = engine.model_copy(update={"max_realtime_factor": self.bound})
        model = ModelSettings(source=source, revision="v1", seed=7)
        return start_up(Configure(model, engine), self.load, self.told.append, lambda: self.now)

    @property
    def names(self) -> list[str]:
        return [settings.source for settings in self.loaded]


class Model:
    def __init__(self, model: str, machine: Machine) -> None:
        self.model = model
        self.fresh = False
        self._machine = machine
        machine.alive += 1

    def __del__(self) -> None:
        self._machine.alive -= 1

    def reset(self) -> None:
        self.fresh = True

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        self.fresh = False
        self._machine.now += self._machine.frame_s[self.model]
        return Reply()


def refusal(machine: Machine, source: str, too_slow: TooSlow) -> str:
    """The line that says why the model does not start."""
    with pytest.raises(TooSlowError) as caught:
        machine.start(source, too_slow)
    assert caught.value.exit_code == 78
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("too_slow", ["refuse", "degrade", "warn"])
def test_a_model_that_is_fast_enough_starts_fresh(too_slow: TooSlow) -> None:
    machine = Machine({Q8: 0.06})
    started = machine.start(Q8, too_slow)
    assert started.frame_ms == pytest.approx(60)
    assert (started.dialogue.model, started.problem, started.replaces) == (Q8, "", "")
    assert isinstance(started.dialogue, Model) and started.dialogue.fresh
    assert machine.told == ["warming up"]


def test_a_model_that_is_too_slow_is_refused_with_the_one_that_would_fit() -> None:
    machine = Machine({BF16: 0.1})
    assert refusal(machine, BF16, "refuse") == (
        f"{BF16}: too slow on this machine: a frame takes 1.25 of its 80 ms, 0.8 may be used;"
        f" set model.source to {Q8} (about 0.73), or engine.too_slow to degrade or warn"
    )
    assert machine.names == [BF16]


def test_the_one_that_would_fit_may_be_two_steps_down() -> None:
    line = refusal(Machine({BF16: 0.16}), BF16, "refuse")
    assert f"set model.source to {Q4} (about 0.7" in line


def test_a_machine_that_is_too_slow_for_all_of_them_is_told_what_it_takes() -> None:
    line = refusal(Machine({Q8: 0.8}), Q8, "refuse")
    assert f"a frame takes 10.00 of its 80 ms, 0.8 may be used; {Q4} would still take about 6." in line
    assert "needs 102 GB/s of memory, as Apple's Pro, Max" in line and "engine.too_slow: warn" in line


def test_a_bound_that_no_chip_keeps_is_not_said_to_be_kept_by_some() -> None:
    line = refusal(Machine({Q4: 0.8}, bound=0.01), Q4, "refuse")
    assert "GB/s of memory, or a smaller model of your own" in line


@pytest.mark.parametrize("too_slow", ["refuse", "degrade"])
@pytest.mark.parametrize("source", [Q4, "./mine", "somebody/a-moshi-mlx-q8"])
def test_a_model_without_a_smaller_sibling_is_refused(source: str, too_slow: TooSlow) -> None:
    machine = Machine({source: 0.1})
    line = refusal(machine, source, too_slow)
    assert line.startswith(f"{source}: too slow on this machine: a frame takes 1.25")
    assert machine.names == [source]


def test_to_degrade_is_to_load_the_next_smaller_one_in_its_place() -> None:
    machine = Machine({BF16: 0.1, Q8: 0.055})
    started = machine.start(BF16, "degrade")
    assert (started.dialogue.model, started.replaces, started.problem) == (Q8, BF16, "")
    assert started.frame_ms == pytest.approx(55)
    assert machine.loaded[1] == ModelSettings(source=Q8, seed=7)
    assert machine.told[:2] == ["warming up", "this machine is slow, or busy just now: measuring again"]
    assert f"{BF16}: too slow on this machine" in machine.told[2]
    assert machine.told[2].endswith(f"loading {Q8} in its place")


def test_to_degrade_goes_on_down_when_the_estimate_was_too_kind() -> None:
    machine = Machine({BF16: 0.1, Q8: 0.09, Q4: 0.05})
    started = machine.start(BF16, "degrade")
    assert (started.dialogue.model, started.replaces) == (Q4, BF16)
    assert machine.names == [BF16, Q8, Q4]


def test_no_model_is_fetched_that_would_be_too_slow_as_well() -> None:
    machine = Machine({Q8: 0.8})
    refusal(machine, Q8, "degrade")
    assert machine.names == [Q8]


def test_a_smaller_model_that_cannot_be_loaded_leaves_the_reason_and_the_remedy() -> None:
    line = refusal(Machine({BF16: 0.1}, missing=(Q8,)), BF16, "degrade")
    assert line.startswith(f"{BF16}: too slow on this machine")
    assert line.endswith(f"{Q8} in its place cannot be loaded: not in the cache; pull it")


def test_a_warning_lets_a_slow_model_talk() -> None:
    machine = Machine({Q4: 0.1})
    started = machine.start(Q4, "warn")
    assert started.dialogue.model == Q4
    assert started.problem.startswith(f"{Q4}: too slow on this machine: a frame takes 1.25")
    assert isinstance(started.dialogue, Model) and started.dialogue.fresh
