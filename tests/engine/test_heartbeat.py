"""An engine that is asked answers in time, or hangs."""

from moshi_speaker.engine.heartbeat import MAX_PAUSE_S, Heartbeat


def test_an_idle_engine_never_hangs_but_is_asked_after_a_pause() -> None:
    heartbeat = Heartbeat(hang_timeout_s=20.0, now=100.0)
    assert heartbeat.deadline == 100.0 + MAX_PAUSE_S
    assert not heartbeat.hangs(1_000.0)


def test_the_pause_is_half_a_short_timeout() -> None:
    assert Heartbeat(hang_timeout_s=1.0, now=0.0).deadline == 0.5


def test_no_answer_within_the_timeout_is_a_hang() -> None:
    heartbeat = Heartbeat(hang_timeout_s=10.0, now=0.0)
    heartbeat.asked(3.0)
    heartbeat.asked(12.0)
    assert not heartbeat.hangs(12.9)
    assert heartbeat.deadline == 13.0
    assert heartbeat.hangs(13.0)


def test_an_engine_that_answers_late_but_steadily_does_not_hang() -> None:
    heartbeat = Heartbeat(hang_timeout_s=10.0, now=0.0)
    heartbeat.asked(0.0)
    for now in (9.0, 18.0, 27.0):
        assert not heartbeat.hangs(now)
        heartbeat.heard(now, waiting=True)
    assert heartbeat.hangs(37.0)


def test_the_last_answer_ends_the_wait() -> None:
    heartbeat = Heartbeat(hang_timeout_s=10.0, now=0.0)
    heartbeat.asked(0.0)
    heartbeat.heard(1.0, waiting=False)
    assert not heartbeat.hangs(100.0)
    assert heartbeat.deadline == 1.0 + MAX_PAUSE_S
