"""How the engine fares: its figures for the log and, every half a minute, for the broker."""

import asyncio
import logging
from collections.abc import Callable

from moshi_speaker.engine.interface import AnsweredFrame, Engine, EngineInfo
from moshi_speaker.engine.meter import Figures, FrameMeter
from moshi_speaker.events import HearingFigures, ReportDiagnostics

PERIOD_S = 30.0
"""Seconds between reports; Home Assistant calls a value unknown after some that are missing."""

log = logging.getLogger(__name__)


class Vitals:
    """Watches engines and talks, and reports; used from the event loop only."""

    hearing: Callable[[], HearingFigures | None] = staticmethod(lambda: None)
    """How hearing fares, from those who know."""

    def __init__(self, publish: Callable[[ReportDiagnostics], None], started_at: float) -> None:
        """``started_at``: when the speaker was started, in seconds of its clock."""
        self._publish = publish
        self._started_at = started_at
        self._engine: Engine | None = None
        self._info: EngineInfo | None = None
        self._meter = FrameMeter()
        self._lost_frames = 0
        self._dropped_before = 0
        self._warned = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Report now, and from now on without being asked."""
        self._publish(self._report())
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self.start)

    def report_now(self) -> None:
        """Something has changed that cannot wait."""
        self._publish(self._report())

    def stop(self) -> None:
        """Report no more. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()

    def engine_ready(self, engine: Engine, info: EngineInfo) -> None:
        """An engine can talk."""
        self._engine, self._info = engine, info
        _log_start(info)
        self._publish(self._report())

    def engine_gone(self) -> None:
        """It is no more."""
        self._lost_frames = self._dropped_frames
        self._engine = self._info = None
        self._publish(self._report())

    def talk_began(self) -> None:
        """From now on the figures are about another talk."""
        self._meter = FrameMeter()
        self._dropped_before = self._dropped_frames
        self._warned = False

    def answered(self, answer: AnsweredFrame) -> None:
        """A frame of the talk was answered."""
        self._meter.note(answer)
        if not self._warned and self._dropped_frames > self._dropped_before:
            self._warned = True
            log.warning("the engine is too far behind: Moshi does not hear the oldest frames that wait")

    def talk_ended(self) -> None:
        """Sum it up."""
        figures = self._meter.figures()
        if figures is not None:
            self._log_talk(figures)
        self._publish(self._report())

    @property
    def _dropped_frames(self) -> int:
        return self._lost_frames + (self._engine.dropped_frames if self._engine else 0)

    def _log_talk(self, figures: Figures) -> None:
        log.info(
            "%d frames answered within %.0f ms (95 %%: %.0f ms), %.2f of real time, %d dropped",
            self._meter.frames,
            figures.p50_ms,
            figures.p95_ms,
            figures.realtime_factor,
            self._dropped_frames - self._dropped_before,
        )

    def _report(self) -> ReportDiagnostics:
        info, figures = self._info, self._meter.figures()
        memory = self._engine.memory if self._engine else None
        return ReportDiagnostics(
            model=info.model if info else None,
            replaces=info.replaces or None if info else None,
            blas=info.blas or None if info else None,
            benchmark_ms=info.frame_ms if info else None,
            realtime_factor=figures.realtime_factor if figures else info.realtime_factor if info else None,
            latency_p50_ms=figures.p50_ms if figures else None,
            latency_p95_ms=figures.p95_ms if figures else None,
            latency_p99_ms=figures.p99_ms if figures else None,
            backlog=figures.backlog if figures else 0,
            dropped_frames=self._dropped_frames,
            memory_active_bytes=memory.active_bytes if memory else None,
            memory_peak_bytes=memory.peak_bytes if memory else None,
            memory_cache_bytes=memory.cache_bytes if memory else None,
            started_at=self._started_at,
            hearing=self.hearing(),
        )


def _log_start(info: EngineInfo) -> None:
    gigabytes = info.memory.held_bytes / 2**30
    log.info(
        "%s is ready after %.1f s: %.0f ms a frame, %.2f of real time, %.1f frames/s, %.2f GiB%s",
        info.model,
        info.load_s,
        info.frame_ms,
        info.realtime_factor,
        info.frames_per_s,
        gigabytes,
        f", {info.blas}" if info.blas else "",
    )
    if info.replaces:
        log.warning("%s is too slow on this machine: %s talks in its place", info.replaces, info.model)
