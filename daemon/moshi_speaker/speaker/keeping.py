"""What the speaker remembers goes to the disk, while the event loop goes on."""

import asyncio
from collections.abc import Callable

from moshi_speaker.speaker.executor import DaemonExecutor
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.tasks import Tasks

Tell = Callable[[], None]


class Keeping:
    """Writes what is due, the newest alone if there is much; used from the event loop only."""

    def __init__(self, memory: Memory, tasks: Tasks) -> None:
        self._memory = memory
        self._tasks = tasks
        self._executor = DaemonExecutor("memory")  # a disk may hang for ever
        self._waiting: list[Tell] = []
        self._writing: asyncio.Task[None] | None = None

    @property
    def writing(self) -> tuple[asyncio.Task[None], ...]:
        """What is under way, to be waited for."""
        return () if self._writing is None else (self._writing,)

    def soon(self) -> None:
        """Have it written."""
        if self._writing is None and self._memory.due:
            self._writing = self._tasks.spawn(self._write(), "what is remembered")

    def then(self, tell: Tell) -> None:
        """Call ``tell`` in the event loop when it is on the disk, or cannot be; at once if it is there."""
        self.soon()
        if self._writing is None:
            tell()
        else:
            self._waiting.append(tell)

    def stop(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._memory.due or self._waiting:
                waiting, self._waiting = self._waiting, []
                await loop.run_in_executor(self._executor, self._memory.write)
                for tell in waiting:
                    tell()
        finally:
            self._writing = None
