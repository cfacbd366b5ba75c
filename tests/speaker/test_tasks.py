"""Background work: an error in it is told, and all of it comes to an end."""

import asyncio

import pytest

from moshi_speaker.speaker.tasks import Tasks


async def forever() -> None:
    await asyncio.Event().wait()


async def test_an_error_is_told_once() -> None:
    errors: list[BaseException] = []

    async def broken() -> None:
        raise RuntimeError("a mistake")

    task = Tasks(errors.append).spawn(broken(), "broken")
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert [str(error) for error in errors] == ["a mistake"]


async def test_work_that_ends_or_is_cancelled_is_no_error() -> None:
    errors: list[BaseException] = []
    tasks = Tasks(errors.append)
    done, cancelled = tasks.spawn(asyncio.sleep(0), "done"), tasks.spawn(forever(), "cancelled")
    cancelled.cancel()
    await asyncio.wait({done, cancelled})
    assert not errors


async def test_some_are_waited_for_and_the_rest_is_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks(lambda error: None)
    wanted, rest = tasks.spawn(asyncio.sleep(0.01), "wanted"), tasks.spawn(forever(), "rest")
    await tasks.finish(wanted, timeout_s=10.0)
    assert not wanted.cancelled()
    assert rest.cancelled()
    assert not caplog.records


async def test_what_does_not_end_in_time_is_named_and_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    tasks = Tasks(lambda error: None)
    slow = tasks.spawn(forever(), "the slow part")
    await tasks.finish(slow, timeout_s=0.01)
    assert slow.cancelled()
    assert [record.getMessage() for record in caplog.records] == [
        "the slow part did not come to an end within 0.01 s"
    ]
