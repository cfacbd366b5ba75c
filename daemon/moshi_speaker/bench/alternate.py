"""Runs taken in turns, so that a machine whose speed changes is the same machine to all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from moshi_speaker.bench.statistics import Summary, ratios, summarize

WARM_UP_ROUNDS = 5
"""Rounds before the first that counts: kernels are compiled and buffers are found in them."""

Run = Callable[[], object]
"""Does some work and waits until it is done."""
Clock = Callable[[], float]
"""Seconds of a monotonic clock of high resolution."""


@dataclass(frozen=True, slots=True)
class Alternation:
    """Times of several runs, round by round."""

    times_ms: Mapping[str, list[float]]
    """Milliseconds of each round, by the name of the run."""

    def summary(self, name: str) -> Summary:
        """The spread of one run's times, in milliseconds."""
        return summarize(self.times_ms[name])

    def ratio(self, name: str, to: str) -> Summary:
        """How long a run takes in units of another one; the median is over the rounds' own ratios."""
        return ratios(self.times_ms[name], self.times_ms[to])


def alternate(
    runs: Mapping[str, Run], rounds: int, *, clock: Clock, warm_up: int = WARM_UP_ROUNDS
) -> Alternation:
    """Time every run once in each of ``rounds`` rounds, after ``warm_up`` rounds that do not count.

    Every second round goes backwards, so that no run always comes after the same other one.
    """
    times_ms: dict[str, list[float]] = {name: [] for name in runs}
    forwards = list(runs.items())
    for index in range(-warm_up, rounds):
        for name, run in forwards if index % 2 == 0 else forwards[::-1]:
            began = clock()
            run()
            took = clock() - began
            if index >= 0:
                times_ms[name].append(1_000.0 * took)
    return Alternation(times_ms)
