"""A traced talk, whole: room of files, real wake word, small model, engine process."""

import asyncio
import time
from importlib.resources import as_file, files
from pathlib import Path

from moshi_speaker.audio.frames import Samples
from moshi_speaker.audio.room import RoomDevice
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.probes import traced_speaker
from moshi_speaker.tracing import Tracer, Track
from tests.traces import inside, read_trace, spans

ENOUGH_FRAMES = 30
"""Answers until the trace has all of a talk in it, playback included."""
PATIENCE_S = 60.0
"""Seconds for the whole talk; a machine that is not busy needs 7."""


class WatchedTracer(Tracer):
    """A tracer that tells when the engine is ready and when Moshi has answered for a second."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        self.loaded = asyncio.Event()
        self.answered = asyncio.Event()
        self._frames = 0

    def following(self, track: Track, name: str, begin: float, end: float, **details: float | str) -> None:
        super().following(track, name, begin, end, **details)
        self._frames += name == "frame"
        if name == "load":
            self.loaded.set()
        if self._frames == ENOUGH_FRAMES:
            self.answered.set()


async def talk(tracer: WatchedTracer, model: Path) -> None:
    """Wake the speaker, let Moshi answer for a while, stop."""
    settings = Settings.model_validate(
        {
            "model": {"source": str(model), "seed": 1},
            "engine": {"benchmark_frames": 3, "too_slow": "warn"},
            "mqtt": {"enabled": False},
        }
    )
    room = RoomDevice([], clock=time.monotonic)
    speaker = traced_speaker(settings, room, tracer)
    running = asyncio.create_task(speaker.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await tracer.loaded.wait()
            # The detector's gate is open by then.
            asyncio.get_running_loop().call_later(1.5, room.say, hey_jarvis())
            await tracer.answered.wait()
    finally:
        speaker.stop()
        await running


def hey_jarvis() -> Samples:
    with as_file(files("moshi_speaker") / "data" / "hey_jarvis.wav") as path:
        return read_audio(path)


async def test_a_talk_leaves_a_trace_of_every_stage(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    tracer = WatchedTracer()
    await talk(tracer, tiny_model)
    tracer.write(path)
    events = read_trace(path)
    stages = ("capture", "front end", "voice activity", "wake chunk", "frame", "mixer", "playback")
    assert all(spans(events, stage) for stage in stages)
    assert {event["name"] for event in events if event["ph"] == "C"} == {"backlog", "real-time factor"}
    assert {event["name"] for event in events if event["ph"] == "b"} == {"engine queue"}
    whole = spans(events, "front end")
    for part in ("voice activity", "wake chunk", "echo canceller"):
        assert all(any(inside(span, outer) for outer in whole) for span in spans(events, part)[:5])
    assert {span["pid"] for span in spans(events, "frame")} != {span["pid"] for span in whole}
