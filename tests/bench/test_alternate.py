from collections.abc import Callable

import pytest

from moshi_speaker.bench.alternate import alternate


class Machine:
    """A clock that goes on only where work is done, and the order of the work."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[str] = []

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.done.append(name)
            self.now += seconds

        return run

    def clock(self) -> float:
        return self.now


def test_every_run_is_timed_once_a_round() -> None:
    machine = Machine()
    runs = {"slow": machine.work("slow", 0.2), "fast": machine.work("fast", 0.05)}
    found = alternate(runs, 3, clock=machine.clock, warm_up=0)
    assert found.times_ms["slow"] == pytest.approx([200.0] * 3)
    assert found.times_ms["fast"] == pytest.approx([50.0] * 3)
    assert found.summary("slow").median == pytest.approx(200.0)


def test_rounds_go_forwards_and_backwards() -> None:
    machine = Machine()
    runs = {name: machine.work(name, 1.0) for name in "abc"}
    alternate(runs, 3, clock=machine.clock, warm_up=0)
    assert "".join(machine.done) == "abccbaabc"


def test_the_warm_up_does_not_count() -> None:
    machine = Machine()
    found = alternate({"a": machine.work("a", 1.0)}, 2, clock=machine.clock, warm_up=4)
    assert len(machine.done) == 6
    assert len(found.times_ms["a"]) == 2


def test_a_machine_that_changes_its_speed_does_not_change_a_ratio() -> None:
    machine = Machine()
    speed = 1.0

    def slowing(seconds: float) -> Callable[[], None]:
        def run() -> None:
            nonlocal speed
            machine.now += seconds * speed
            speed *= 1.001

        return run

    found = alternate({"a": slowing(1.0), "b": slowing(2.0)}, 101, clock=machine.clock, warm_up=0)
    assert found.ratio("a", to="b").median == pytest.approx(0.5, rel=0.002)
