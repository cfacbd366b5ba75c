import pytest

from moshi_speaker.bench.statistics import by_span, ratios, summarize
from moshi_speaker.errors import UsageError


def test_a_summary_names_the_middle_the_slow_and_the_ends() -> None:
    found = summarize([5.0, 1.0, 4.0, 2.0, 3.0])
    assert (found.median, found.least, found.most, found.count) == (3.0, 1.0, 5.0, 5)
    assert found.p95 == pytest.approx(4.8)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_nothing_and_no_numbers_have_no_summary(values: list[float]) -> None:
    with pytest.raises(UsageError):
        summarize(values)


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was ten times slower in the second round: the medians' ratio would say something else.
    found = ratios([1.0, 10.0, 3.0], [2.0, 20.0, 2.0])
    assert (found.median, found.least, found.most) == (0.5, 0.5, 1.5)


@pytest.mark.parametrize("others", [[1.0], [1.0, 0.0]])
def test_what_did_not_take_turns_has_no_ratio(others: list[float]) -> None:
    with pytest.raises(UsageError):
        ratios([1.0, 1.0], others)


def test_spans_leave_out_a_rest() -> None:
    assert by_span([1.0, 2.0, 9.0, 4.0, 4.0, 5.0, 6.0], 3) == [(0, 2.0), (3, 4.0)]
    assert by_span([1.0], 3) == []
