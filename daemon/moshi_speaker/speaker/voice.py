"""Moshi's side of a talk: an engine that is kept alive, its voice, and when it speaks."""

import asyncio
import logging
from collections.abc import Callable

from moshi_speaker.audio.activity import Transition, level_dbfs
from moshi_speaker.audio.frames import Samples
from moshi_speaker.audio.mixer import Mixer
from moshi_speaker.audio.speech import MoshiSpeech
from moshi_speaker.engine.interface import AnsweredFrame, Engine, Status
from moshi_speaker.engine.lag import LagMeter
from moshi_speaker.errors import BadCommand, SpeakerError
from moshi_speaker.events import (
    EngineLagged,
    EngineProgressed,
    EngineReady,
    Event,
    Json,
    MoshiSpeechEnded,
    MoshiSpeechStarted,
    MoshiSpoke,
)
from moshi_speaker.speaker.tasks import Tasks
from moshi_speaker.speaker.trial import FIRST_SESSION, Trial
from moshi_speaker.speaker.vitals import Vitals

CLOSE_S = 10.0
"""Seconds that an engine may take to close before the next one starts."""

log = logging.getLogger(__name__)


class Voice:
    """Runs one engine at a time; used from the event loop only."""

    def __init__(
        self,
        make_engine: Callable[[Status], Engine],
        mixer: Mixer,
        *,
        speech: MoshiSpeech,
        lag_timeout_s: float,
        clock: Callable[[], float],
        emit: Callable[[Event], None],
        lost: Callable[[SpeakerError], None],
        tasks: Tasks,
        vitals: Vitals,
        stepped: Callable[[], None] = lambda: None,
    ) -> None:
        """``speech`` judges when Moshi speaks; ``lost`` hears why an engine could not start, or ended;
        ``stepped`` hears of each answer.
        """
        self._make_engine = make_engine
        self._mixer = mixer
        self._lag_timeout_s = lag_timeout_s
        self._lag = LagMeter(lag_timeout_s)
        self._speech = speech
        self._clock = clock
        self._emit = emit
        self._lost = lost
        self._tasks = tasks
        self._vitals = vitals
        self._stepped = stepped
        self._engine: Engine | None = None
        self._running: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._session: int | None = None
        self._trial: Trial | None = None
        self._trials = 0
        self._falling_silent: asyncio.TimerHandle | None = None

    def start(self, delay_s: float = 0.0) -> None:
        """Start an engine after a pause; one that is there is stopped first."""
        if self._running is not None:
            self._running.cancel()
        self._running = self._tasks.spawn(self._run(delay_s), "engine")

    def begin(self, session: int) -> None:
        """A talk begins; frames fed from now on belong to it."""
        self._abort_trial("a conversation began")
        self._session = session
        self._speech.reset()
        self._lag.reset()
        self._vitals.talk_began()
        self._mixer.open_voice()
        if self._engine is not None:
            self._engine.begin(session)

    def feed(self, frame: Samples) -> None:
        """Let Moshi hear a frame, shape (1920,)."""
        if self._engine is not None:
            self._engine.feed(frame)

    def end(self) -> None:
        """The talk is over: silence first, what waits to be played is forgotten."""
        self._session = None
        self._mixer.close_voice()
        self._mixer.silence()
        self._stay_audible()
        if self._engine is not None:
            self._engine.end()
        self._vitals.talk_ended()

    async def try_out(self, frames: int) -> Json:
        """Time so many frames of the engine while nobody talks; a talk that begins ends it at once.

        Raises BadCommand when that is not possible, or ended early.
        """
        if self._session is not None:
            raise BadCommand("a conversation goes on", remedy="try again after it")
        if self._engine is None:
            raise BadCommand("there is no engine that is ready", remedy="try again in the state idle")
        if self._trial is not None:
            raise BadCommand("another bench runs", remedy="wait for its answer")
        trial = self._trial = Trial(self._engine, FIRST_SESSION + self._trials, frames)
        self._trials += 1
        try:
            return await trial.result()
        finally:
            if self._trial is trial:
                self._trial = None

    async def close(self) -> None:
        """Stop the engine. May be called twice."""
        self._abort_trial("the speaker stops")
        if self._running is not None:
            self._running.cancel()
        async with self._turn:
            await self._closed()

    async def _run(self, delay_s: float) -> None:
        async with self._turn:
            await self._closed()
            await asyncio.sleep(delay_s)
            await self._live()

    async def _live(self) -> None:
        engine = self._make_engine(self._busy)
        try:
            info = await engine.start()
            self._engine = engine
            self._vitals.engine_ready(engine, info)
            self._emit(EngineReady(info.model, info.problem))
            async for answer in engine.frames():
                self._answered(answer)
        except SpeakerError as error:
            self._engine = None
            self._lost(error)
        finally:
            self._engine = None
            self._abort_trial("the engine is gone")
            self._vitals.engine_gone()
            # A task of its own: whoever cancels this one must not interrupt it.
            self._closing = self._tasks.spawn(engine.close(), "closing of the engine")

    async def _closed(self) -> None:
        """The engine of before is closed, or hangs while it closes and is left to itself."""
        if self._closing is not None:
            await asyncio.wait({self._closing}, timeout=CLOSE_S)

    def _abort_trial(self, why: str) -> None:
        if self._trial is not None:
            self._trial.abort(why)
            self._trial = None

    def _busy(self, text: str) -> None:
        log.info("engine: %s", text)
        self._emit(EngineProgressed())

    def _answered(self, answer: AnsweredFrame) -> None:
        if self._trial is not None and answer.session == self._trial.session:
            self._trial.answered(answer)
        if answer.session != self._session:
            return
        now = self._clock()
        self._stepped()
        self._vitals.answered(answer)
        if answer.audio is not None:
            self._play(answer.audio, not answer.silent, now)
        self._emit(MoshiSpoke(answer.session, answer.text, answer.silent))
        if self._lag.update(answer.backlog, now):
            self._lag.reset()
            self._emit(EngineLagged(self._lag_timeout_s))

    def _play(self, audio: Samples, words: bool, now: float) -> None:
        """Play a frame of the voice, and notice when it becomes audible and when it falls silent."""
        self._mixer.play_voice(audio)
        transition = self._speech.feed(level_dbfs(audio), words, now)
        if transition is None:
            return
        self._stay_audible()
        if transition is Transition.STARTED:
            self._emit(MoshiSpeechStarted())
        else:
            # Answers may be ahead of what is heard: the silence comes after what waits to be played.
            loop = asyncio.get_running_loop()
            wait_s = self._mixer.voice_backlog_s
            self._falling_silent = loop.call_later(wait_s, self._emit, MoshiSpeechEnded())

    def _stay_audible(self) -> None:
        if self._falling_silent is not None:
            self._falling_silent.cancel()
            self._falling_silent = None
