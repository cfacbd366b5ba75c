"""What it costs to wait for the wake word, told by a process that does nothing else.

``python -m moshi_speaker.bench.idle MODEL SECONDS`` is that process: it prints its figures as JSON.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

import moshi_speaker
from moshi_speaker.audio.frames import Device
from moshi_speaker.audio.room import RoomDevice
from moshi_speaker.bench.engines import Ready, TellingEngine
from moshi_speaker.bench.processes import cpu_seconds, family, resident_bytes
from moshi_speaker.bench.report import Idle
from moshi_speaker.engine.interface import Engine, Status
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.errors import DeviceError, MissingPartError, SpeakerError
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.daemon import Speaker
from moshi_speaker.speaker.parts import detector, sound_device

SETTLE_S = 4.0
"""Seconds from readiness to the first look: what a start leaves behind is over."""
START_LIMIT_S = 900.0
"""Seconds that the start of the speaker may take."""
_IDLE: TypeAdapter[Idle] = TypeAdapter(Idle)


def watch_idle(model: str, seconds: float) -> Idle:
    """Run the whole speaker in a process of its own and watch it. Raises SpeakerError."""
    root = str(Path(moshi_speaker.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "moshi_speaker.bench.idle", model, str(seconds)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S + SETTLE_S + seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MissingPartError(f"the speaker was not ready within {START_LIMIT_S:g} s") from None
    try:
        return _IDLE.validate_json(done.stdout)
    except ValidationError:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise MissingPartError(f"the speaker did not run: {last}") from None


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m moshi_speaker.bench.idle")
    parser.add_argument("model", help="repo id or folder")
    parser.add_argument("seconds", type=float, help="how long to watch")
    options = parser.parse_args()
    settings = Settings.model_validate(
        {
            "model": {"source": options.model},
            "engine": {"too_slow": "warn"},
            "mqtt": {"enabled": False},
        }
    )
    try:
        idle = asyncio.run(_measure(settings, options.seconds))
    except SpeakerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(asdict(idle)) + "\n")
    return 0


async def _measure(settings: Settings, seconds: float) -> Idle:
    """With the real microphone and loudspeaker, or, without them, in a room of files."""
    try:
        return await _listen(settings, sound_device(settings, time.monotonic), seconds)
    except DeviceError:
        return await _listen(settings, RoomDevice([], clock=time.monotonic), seconds)


async def _listen(settings: Settings, device: Device, seconds: float) -> Idle:
    ready: Ready = asyncio.get_running_loop().create_future()
    engines: list[LocalEngine] = []

    def make_engine(status: Status) -> Engine:
        engines.append(TellingEngine(settings, status, ready))
        return engines[-1]

    speaker = Speaker(settings, device, detector(settings), make_engine, time.monotonic)
    running = asyncio.create_task(speaker.run())
    try:
        # What ends the speaker early, such as a microphone that does not open, is raised below.
        either: tuple[asyncio.Future[Any], ...] = (running, ready)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await ready
            await asyncio.sleep(SETTLE_S)
            return await _watch(engines[-1].pid or 0, device.description, seconds)
    finally:
        if not running.done():
            speaker.stop()
        await running
    raise MissingPartError("the speaker stopped by itself")


async def _watch(engine: int, sound: str, seconds: float) -> Idle:
    engine_and_voice = family(engine)
    began, ours, engines = time.monotonic(), time.process_time(), sum(map(cpu_seconds, engine_and_voice))
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    return Idle(
        seconds=took,
        sound=sound,
        speaker_percent=100.0 * (time.process_time() - ours) / took,
        engine_percent=100.0 * (sum(map(cpu_seconds, engine_and_voice)) - engines) / took,
        speaker_bytes=resident_bytes(os.getpid()),
        engine_bytes=sum(map(resident_bytes, engine_and_voice)),
    )


if __name__ == "__main__":
    sys.exit(main())
