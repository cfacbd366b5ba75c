"""Background work of the speaker: an unexpected error in it is never lost."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

CANCEL_S = 0.2
"""Seconds for cancelled tasks to end."""

log = logging.getLogger(__name__)


class Tasks:
    """Tasks of one event loop. They deal with the errors they expect; any other one is told to ``failed``."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        """``failed`` is called in the event loop."""
        self._failed = failed
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Begin some work."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def finish(self, *tasks: asyncio.Task[None], timeout_s: float) -> None:
        """Give these some time, then cancel everything; what does not even end then is left behind."""
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            for task in late:
                log.warning("%s did not come to an end within %g s", task.get_name(), timeout_s)
        left = list(self._running)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_S)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
