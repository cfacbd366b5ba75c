"""The voice process: ``python -m moshi_speaker.engine.voice``, with pipes to the engine process on 0 and 1.

Its input begins with a line of JSON that says what to load. ``READY`` says how many bytes it holds; then
each ``SPEAK`` and its codes, int32, is answered with a frame of sound, float32, and ``RESET`` with nothing.
"""

import ctypes
import os
import signal
import struct
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from moshi_speaker.engine.child import how_it_ended, surroundings
from moshi_speaker.engine.dialogue import Dialogue, Load
from moshi_speaker.engine.duet import Duet, Ears
from moshi_speaker.engine.environment import THREADS, usable_cores
from moshi_speaker.engine.protocol import FRAME_SAMPLES
from moshi_speaker.engine.resources import memory
from moshi_speaker.errors import EngineError
from moshi_speaker.settings import ModelSettings

SPEAK, RESET = b"S", b"R"
READY = struct.Struct("<Q")
PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""
_EXIT_S = 1.0
"""Seconds between the end of its output and its exit code."""
Speak = Callable[[NDArray[np.int32]], NDArray[np.float32]]
"""Codes of a frame to its sound."""


class VoiceProcess:
    """The voice process as the engine process holds it. ``speak`` and ``sound`` may be two threads' work."""

    def __init__(self, source: object, environment: Mapping[str, str]) -> None:
        """Start it; ``source`` is a ``moshi.voice.VoiceSource``, ``environment`` is added to our own."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "moshi_speaker.engine.voice"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=surroundings(environment),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.held_bytes = 0
        """Memory that it takes, once it is ready: it does not grow."""
        # A model that gives way to a smaller one takes its voice with it.
        self.close = weakref.finalize(self, _end, self._process)
        self._write(TypeAdapter(type(source)).dump_json(source) + b"\n")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait(self) -> None:
        """Until it is ready. Raises EngineError when it ends before."""
        (self.held_bytes,) = READY.unpack(self._read(READY.size))

    def speak(self, codes: NDArray[np.int32]) -> None:
        """Let it decode a frame, shape (codebooks,), after those before. Raises EngineError."""
        self._write(SPEAK + codes.astype("<i4").tobytes())

    def sound(self) -> NDArray[np.float32]:
        """Wait for the oldest frame that was not yet taken, shape (1920,). Raises EngineError."""
        return np.frombuffer(self._read(4 * FRAME_SAMPLES), "<f4")

    def reset(self) -> None:
        """Begin a fresh stream; all sound has been taken. Raises EngineError."""
        self._write(RESET)

    def _write(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
            self._stdin.flush()
        except BrokenPipeError as error:
            raise self._lost() from error

    def _read(self, size: int) -> bytes:
        data = self._stdout.read(size)
        if len(data) < size:
            raise self._lost()
        return data

    def _lost(self) -> EngineError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_S)
        self._process.kill()
        return EngineError(f"the process of Moshi's voice {how_it_ended(self._process.wait())}")


def with_voice(load: Load) -> Load:
    """Let the voice of what ``load`` brings be decoded elsewhere, where that is worth it.

    On a CPU with two cores that lets twice as many frames through: one core hears while the other speaks.
    """

    def load_both(settings: ModelSettings, tell: Callable[[str], None]) -> Dialogue:
        dialogue = load(settings, tell)
        source = getattr(dialogue, "voice", None)
        if source is None or usable_cores() < 2:
            return dialogue
        mouth = VoiceProcess(source, {THREADS: "1"})
        mouth.wait()
        ears = cast(Ears, dialogue)
        ears.give_voice_away()
        return Duet(ears, mouth)

    return load_both


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):  # what it never took
            if pipe is not None:
                pipe.close()


def main() -> None:
    """Serve the engine process until it is gone."""
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever is printed goes to the log
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Here, for what holds the other end needs only the class above.
    from moshi_speaker.moshi.voice import Voice, VoiceSource

    commands = sys.stdin.buffer
    source = TypeAdapter(VoiceSource).validate_json(commands.readline())
    voice = Voice(source)
    voice.speak(np.zeros(source.codebooks, np.int32))
    voice.reset()
    output.write(READY.pack(memory().held_bytes))
    while command := commands.read(1):
        if command == RESET:
            voice.reset()
        else:
            _speak(voice.speak, commands, output, source.codebooks)


def _speak(speak: Speak, commands: IO[bytes], output: IO[bytes], codebooks: int) -> None:
    codes = np.frombuffer(commands.read(4 * codebooks), "<i4")
    sound = memoryview(speak(codes).astype("<f4").tobytes())
    while sound:
        sound = sound[output.write(sound) :]


if __name__ == "__main__":
    main()
