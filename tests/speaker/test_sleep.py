import platform
import time

import pytest

from moshi_speaker.speaker.sleep import asleep_s


def test_the_time_asleep_never_goes_back_and_stands_still_while_awake() -> None:
    before = asleep_s()
    assert before >= 0.0
    assert 0.0 <= asleep_s() - before < 1.0


@pytest.mark.parametrize(("system", "onward", "awake"), [("Linux", 7, 1), ("Darwin", 1, 8)])
def test_it_is_the_difference_of_two_clocks(
    monkeypatch: pytest.MonkeyPatch, system: str, onward: int, awake: int
) -> None:
    names = {
        "Linux": ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"),
        "Darwin": ("CLOCK_MONOTONIC", "CLOCK_UPTIME_RAW"),
    }
    monkeypatch.setattr(platform, "system", lambda: system)
    for name, number in zip(names[system], (onward, awake), strict=True):
        monkeypatch.setattr(time, name, number, raising=False)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: {onward: 500.0, awake: 380.0}[clock])
    assert asleep_s() == 120.0


def test_a_system_that_does_not_say_never_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Plan 9")
    assert asleep_s() == 0.0
