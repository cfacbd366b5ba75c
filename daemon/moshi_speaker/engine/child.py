"""The engine process as the speaker holds it: started, spoken to, listened to, ended."""

import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import moshi_speaker
from moshi_speaker.engine.messages import Message
from moshi_speaker.engine.protocol import Decoder, encode
from moshi_speaker.errors import EngineError

_READ_BYTES = 65_536
_EXIT_S = 1.0
"""Seconds between the end of the output of a process and its exit code, or the end of its log."""
_LONGEST_LINE = 2_000
"""Characters of one line of its log."""

log = logging.getLogger(__name__)


class ChildProcess:
    """One engine process. Only one task may receive from it and end it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Use ``spawn``. ``process`` has pipes on all three streams."""
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._decoder = Decoder()
        self._last_line = ""
        self._log = asyncio.create_task(self._copy_log(process.stderr), name="engine log")

    @classmethod
    async def spawn(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> "ChildProcess":
        """Start ``python -m moshi_speaker.engine.worker`` with these arguments. Raises EngineError.

        ``environment`` is added to our own.

        It runs the code that we run, not what the working folder may hold, and in a process group of its
        own, for Ctrl-C is the speaker's to handle.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "moshi_speaker.engine.worker", *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=surroundings(environment),
                process_group=0,
            )
        except OSError as error:
            raise EngineError(f"the engine process does not start: {error.strerror}") from error
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def clear_to_send(self) -> bool:
        """All that was sent is in the pipe."""
        return not self._stdin.is_closing() and self._stdin.transport.get_write_buffer_size() == 0

    def send(self, message: Message) -> None:
        """Send, without waiting; to a process that is gone it does nothing."""
        if not self._stdin.is_closing():
            self._stdin.write(encode(message))

    async def receive(self, deadline: float) -> list[Message]:
        """What came since the last call, possibly the part of a message only: then an empty list.

        Raises TimeoutError when nothing comes until ``deadline`` (the loop's time), EngineError, which says
        how, when the process has ended, and ProtocolError.
        """
        try:
            data = await self._read(deadline)
        except TimeoutError:
            # A loop that was held up finds the deadline past, and only then what came in time.
            data = await self._read(deadline)
        if data:
            return self._decoder.feed(data)
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_S):
                await self._process.wait()
        await self._end_log()
        raise _obituary(self._process.returncode, self._last_line)

    async def _read(self, deadline: float) -> bytes:
        async with asyncio.timeout_at(deadline):
            return await self._stdout.read(_READ_BYTES)

    def hang_up(self) -> None:
        """Close its input: it shall exit, and at once when it is idle."""
        self._stdin.close()

    def kill(self) -> None:
        """End it by force."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Leave nothing of it behind: no process, no pipe. May be called twice."""
        self.hang_up()
        if self._process.returncode is None:
            self.kill()
        while await self._stdout.read(_READ_BYTES):
            pass
        await self._process.wait()
        await self._end_log()

    async def _copy_log(self, stderr: asyncio.StreamReader) -> None:
        """Each line that it writes becomes a line of our log, and the last one part of its obituary."""
        pending = ""
        while data := await stderr.read(_READ_BYTES):
            *lines, pending = re.split(r"[\r\n]+", pending + data.decode(errors="replace"))
            self._note(lines)
            if len(pending) > _LONGEST_LINE:
                self._note([pending])
                pending = ""
        self._note([pending])

    def _note(self, lines: Sequence[str]) -> None:
        for line in lines:
            if text := line.rstrip()[:_LONGEST_LINE]:
                log.warning("engine process: %s", text)
                self._last_line = text

    async def _end_log(self) -> None:
        # A process of its own may hold the pipe open for ever; its words are not worth waiting for.
        await asyncio.wait({self._log}, timeout=_EXIT_S)
        self._log.cancel()


def surroundings(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child that finds the package that we run; ``more`` is added to our own."""
    root = str(Path(moshi_speaker.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**os.environ, **more, "PYTHONPATH": path}


def _obituary(returncode: int | None, last_line: str) -> EngineError:
    words = f" (last in its log: {last_line})" if last_line else ""
    if returncode is None:
        return EngineError(f"the engine process closed its pipe{words}")
    remedy = (
        "if nobody did it by hand, memory ran out: take a smaller model"
        if returncode == -signal.SIGKILL
        else ""
    )
    return EngineError(f"the engine process {how_it_ended(returncode)}{words}", remedy=remedy)


def how_it_ended(returncode: int) -> str:
    """The end of a process in words, by its code as ``subprocess`` has it."""
    if returncode >= 0:
        return f"ended with exit code {returncode}"
    return f"was killed by {_signal_name(-returncode)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has none
        return f"signal {number}"
