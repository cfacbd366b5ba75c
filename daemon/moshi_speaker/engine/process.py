"""The engine that runs Moshi in a process of its own on this machine, and watches over it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.engine.child import ChildProcess
from moshi_speaker.engine.environment import environment, usable_cores
from moshi_speaker.engine.exchange import Exchange
from moshi_speaker.engine.failures import restore
from moshi_speaker.engine.heartbeat import Heartbeat
from moshi_speaker.engine.interface import AnsweredFrame, EngineInfo, Memory
from moshi_speaker.engine.messages import (
    Answer,
    Begin,
    Close,
    Configure,
    End,
    Failed,
    Message,
    Ping,
    Pong,
    Ready,
    Status,
)
from moshi_speaker.errors import EngineError, ProtocolError, SpeakerError
from moshi_speaker.settings import EngineSettings, ModelSettings

CLOSE_S = 2.0
"""Seconds an engine has to exit by itself."""

log = logging.getLogger(__name__)


class LocalEngine:
    """``Engine`` over a child process; used from one event loop, which is also its clock."""

    def __init__(
        self,
        model: ModelSettings,
        engine: EngineSettings,
        *,
        status: Callable[[str], None] = lambda text: log.info("%s", text),
        worker_args: Sequence[str] = (),
    ) -> None:
        """``status`` hears, in one line, what the start is busy with; ``worker_args`` go to the worker."""
        self._model = model
        self._settings = engine
        self._status = status
        self._worker_args = worker_args
        self._child: ChildProcess | None = None
        self._listener: asyncio.Task[SpeakerError | None] | None = None
        self._info: asyncio.Future[EngineInfo] | None = None
        self._heartbeat: Heartbeat | None = None
        self._start_deadline = 0.0
        self._exchange = Exchange(engine.max_backlog_frames)
        self._news = asyncio.Event()
        self._ping = self._pong = 0
        self._memory = Memory()
        self._closing = False
        self._reported = False

    @property
    def pid(self) -> int | None:
        """Process id of the child, once there is one."""
        return self._child.pid if self._child else None

    @property
    def dropped_frames(self) -> int:
        """User frames dropped because the engine was too far behind, since its start."""
        return self._exchange.dropped

    @property
    def memory(self) -> Memory:
        """What the model held when it was last heard of; never older than the last session."""
        return self._memory

    @property
    def _running(self) -> bool:
        ready = self._heartbeat is not None and not self._closing
        return ready and self._listener is not None and not self._listener.done()

    async def start(self) -> EngineInfo:
        """Start the process, load and warm up. Raises CheckpointError, TooSlowError or EngineError."""
        child = self._child = await ChildProcess.spawn(
            self._worker_args, environment(self._settings, usable_cores())
        )
        if self._closing:
            await child.end()
            raise EngineError("the engine was closed while it started")
        info: asyncio.Future[EngineInfo] = asyncio.get_running_loop().create_future()
        self._info = info
        self._extend_start()
        listener = self._listener = asyncio.create_task(self._listen(child), name="engine")
        listener.add_done_callback(lambda _: self._news.set())
        child.send(Configure(self._model, self._settings))
        try:
            either: tuple[asyncio.Future[Any], ...] = (info, listener)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if info.done():
                return info.result()
            raise listener.result() or EngineError("the engine was closed while it started")
        finally:
            if not info.done():
                await self.close()

    def begin(self, session: int) -> None:
        """Open a session with fresh state; frames fed from now on belong to it. Ignored when not running."""
        self.end()
        if not self._running:
            return
        self._exchange.begin(session)
        self._ask(Begin(session))

    def feed(self, frame: NDArray[np.float32]) -> None:
        """Send one frame, shape (1920,), of the open session; without a session it is ignored."""
        self._exchange.feed(frame, _now())
        self._pump()

    def end(self) -> None:
        """Close the open session, if any; answers still under way are dropped."""
        if self._exchange.session is not None:
            self._ask(End(self._exchange.session))
            self._exchange.end()

    async def frames(self) -> AsyncIterator[AnsweredFrame]:
        """The answers of open sessions as they come, to one reader; ends when the engine is closed.

        Raises EngineError, once, when the engine is lost.
        """
        while True:
            while answer := self._exchange.read():
                yield answer
                self._pump()
            if self._closing or self._reported:
                return
            if self._listener is not None and self._listener.done():
                break
            self._news.clear()
            await self._news.wait()
        self._reported = True
        if error := self._listener.result():
            raise error

    async def close(self) -> None:
        """Stop the engine in order, or by force after two seconds. May be called twice."""
        self._closing = True
        self._exchange.close()
        self._news.set()
        if self._child is None or self._listener is None:
            return
        self._child.send(Close())
        self._child.hang_up()
        done, _ = await asyncio.wait({self._listener}, timeout=CLOSE_S)
        if not done:
            log.warning("the engine did not stop within %g s and was killed", CLOSE_S)
            self._child.kill()
            await asyncio.wait({self._listener})

    async def _listen(self, child: ChildProcess) -> SpeakerError | None:
        """Handle what the process says until it is gone; how it was lost, or None when we closed it."""
        try:
            while True:
                try:
                    messages = await child.receive(self._deadline())
                except TimeoutError:
                    self._overdue()
                else:
                    self._handle_all(messages)
        except SpeakerError as error:
            return None if self._closing else error
        finally:
            self._exchange.close()
            await child.end()

    def _deadline(self) -> float:
        return self._heartbeat.deadline if self._heartbeat else self._start_deadline

    def _overdue(self) -> None:
        if self._heartbeat is None:
            within = f"within {self._settings.start_timeout_s:g} s"
            raise EngineError(f"the engine was not ready {within}", remedy="raise engine.start_timeout_s")
        if self._heartbeat.hangs(_now()):
            raise EngineError(f"the engine hangs: no answer for {self._settings.hang_timeout_s:g} s")
        if self._ping == self._pong:
            self._ask()

    def _handle_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._handle(message)
        if self._heartbeat is not None and messages:
            waiting = self._exchange.in_flight or self._ping != self._pong
            self._heartbeat.heard(_now(), waiting=waiting)
        self._pump()

    def _handle(self, message: Message) -> None:
        match message:
            case Answer():
                if self._exchange.accept(message, _now()):
                    self._news.set()
            case Pong(sequence, memory):
                self._pong, self._memory = sequence, memory
            case Status(text):
                self._extend_start()
                self._status(text)
            case Ready(info) if self._info is not None and not self._info.done():
                self._heartbeat = Heartbeat(self._settings.hang_timeout_s, _now())
                self._memory = info.memory
                self._info.set_result(info)
            case Failed():
                raise restore(message)
            case _:
                raise ProtocolError(f"the engine sent {type(message).__name__} out of turn")

    def _ask(self, *messages: Message) -> None:
        """Send these, and a Ping after them, for they have no answer of their own."""
        if self._child is None or self._heartbeat is None:
            return
        self._ping += 1
        for message in (*messages, Ping(self._ping)):
            self._child.send(message)
        self._heartbeat.asked(_now())

    def _pump(self) -> None:
        """Send the frames that may go now."""
        if self._child is None or self._heartbeat is None:
            return
        while self._child.clear_to_send and (frame := self._exchange.next_frame()):
            self._child.send(frame)
            self._heartbeat.asked(_now())

    def _extend_start(self) -> None:
        self._start_deadline = _now() + self._settings.start_timeout_s


def _now() -> float:
    return asyncio.get_running_loop().time()
