"""What the speaker remembers goes to the disk, while the event loop goes on."""

import asyncio
import logging
from collections.abc import Callable

from moshi_speaker.speaker.executor import DaemonExecutor
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.tasks import Tasks

PATIENCE_S = 5.0
"""Seconds that a disk may take; after them the house is told all the same."""

log = logging.getLogger(__name__)

Tell = Callable[[], None]


class Keeping:
    """Writes what is due, the newest alone if there is much; used from the event loop only."""

    def __init__(self, memory: Memory, tasks: Tasks) -> None:
        self._memory = memory
        self._tasks = tasks
        self._executor = DaemonExecutor("memory")  # a disk may hang for ever
        self._waiting: list[Tell] = []
        """What is to be told after the next write."""
        self._telling: list[Tell] = []
        """What is to be told after the present one."""
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

    def in_turn(self, tell: Tell) -> None:
        """Call ``tell`` after what waits for the disk; at once if nothing does."""
        if self._waiting or self._telling:
            self._waiting.append(tell)
        else:
            tell()

    def stop(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False)

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._memory.due or self._waiting:
                written = loop.run_in_executor(self._executor, self._memory.write)
                self._telling, self._waiting = self._waiting, []
                while not (await asyncio.wait({written}, timeout=PATIENCE_S))[0]:
                    self._give_up()
                written.result()  # it raises nothing that is expected
                self._tell()
        finally:
            self._writing = None

    def _tell(self) -> None:
        telling, self._telling = self._telling, []
        for tell in telling:
            tell()

    def _give_up(self) -> None:
        """What has waited for so long is told although it is not on the disk."""
        if self._telling or self._waiting:
            log.warning("%s: the disk hangs, so a mute may not outlast a power cut", self._memory.folder)
        self._tell()
        self._telling, self._waiting = self._waiting, []
