"""Lag is borne for a while, and no longer."""

from moshi_speaker.engine.lag import LAG_FRAMES, LagMeter


def test_lag_that_lasts_is_too_much() -> None:
    meter = LagMeter(limit_s=20.0)
    assert not meter.update(LAG_FRAMES, now=100.0)
    assert not meter.update(LAG_FRAMES, now=119.9)
    assert meter.update(LAG_FRAMES, now=120.0)


def test_a_moment_without_lag_starts_the_count_again() -> None:
    meter = LagMeter(limit_s=20.0)
    meter.update(50, now=100.0)
    meter.update(LAG_FRAMES - 1, now=119.0)
    assert not meter.update(50, now=120.0)
    assert not meter.update(50, now=139.9)
    assert meter.update(50, now=140.0)


def test_a_small_backlog_is_no_lag_for_ever() -> None:
    meter = LagMeter(limit_s=1.0)
    assert not any(meter.update(LAG_FRAMES - 1, now=float(now)) for now in range(100))


def test_a_new_session_begins_without_lag() -> None:
    meter = LagMeter(limit_s=20.0)
    meter.update(50, now=100.0)
    meter.reset()
    assert not meter.update(50, now=130.0)
