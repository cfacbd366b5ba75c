"""Counts over several detectors."""

from moshi_speaker.wake.statistics import WakeStatistics, together, with_peak


def counted(*words: str, peaks: int) -> WakeStatistics:
    statistics = WakeStatistics.of(words)
    one = statistics.words[words[0]]
    for _ in range(peaks):
        one = with_peak(one, 0.45, near_miss=True)
    return WakeStatistics({**statistics.words, words[0]: one}, last_score=0.1 * peaks, last_scored_at=peaks)


def test_counts_of_another_detector_come_on_top_and_the_rest_is_its_own() -> None:
    both = together(counted("alexa", "hey_jarvis", peaks=2), counted("alexa", "okay_nabu", peaks=3))
    assert both.near_misses == 5
    assert both.histogram == (0, 0, 0, 0, 5, 0, 0, 0, 0, 0)
    assert list(both.words) == ["alexa", "hey_jarvis", "okay_nabu"]
    assert (both.last_score, both.last_scored_at) == (counted("x", peaks=3).last_score, 3)


def test_nothing_before_changes_nothing() -> None:
    now = counted("alexa", peaks=1)
    assert together(WakeStatistics.of(()), now) == now
