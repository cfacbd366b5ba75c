"""Dialogues for a real engine process without a model: the settings' ``source`` says how one behaves.

Loaded in the child by ``--dialogue fake_dialogue:load``; knows nothing of MLX.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.errors import CheckpointError, UnsupportedModelError
from moshi_speaker.settings import ModelSettings


@dataclass(frozen=True)
class Reply:
    """An answer that can be recognised: the sound comes back, the text counts the steps since the reset."""

    audio: NDArray[np.float32] | None
    text: str
    silent: bool


class EchoDialogue:
    """Gives back what it hears; the first frame after a reset has no sound yet."""

    model = "echo"

    def __init__(self) -> None:
        self._steps = 0

    def reset(self) -> None:
        self._steps = 0

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        self._steps += 1
        return Reply(None if self._steps == 1 else pcm, f"{self._steps} ", self._steps % 2 == 0)


class LoudDialogue(EchoDialogue):
    """Prints where it should not: by Python and past it."""

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        sys.stdout.write("noise on standard output\n")
        sys.stdout.flush()
        os.write(1, b"noise on descriptor 1\n")
        return super().step(pcm)


class SlowDialogue(EchoDialogue):
    """Needs so many seconds a frame."""

    def __init__(self, frame_s: float = 0.05) -> None:
        super().__init__()
        self._frame_s = frame_s

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        time.sleep(self._frame_s)
        return super().step(pcm)


class HeldUpDialogue(SlowDialogue):
    """Needs 10 ms a frame, but half a second for one that is all ones."""

    def __init__(self) -> None:
        super().__init__(0.01)

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        if pcm[0] == 1.0:
            time.sleep(0.5)
        return super().step(pcm)


class StuckDialogue(EchoDialogue):
    """Never comes back from a frame that is all ones."""

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        if pcm[0] == 1.0:
            signal.pause()
        return super().step(pcm)


class BrokenDialogue(EchoDialogue):
    """Fails on a frame that is all ones, as foreign code does."""

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        if pcm[0] == 1.0:
            raise ValueError("a shape that does not fit")
        return super().step(pcm)


def load(settings: ModelSettings, status: Callable[[str], None]) -> EchoDialogue:
    """What ``settings.source`` names."""
    status(f"loading {settings.source}")
    match settings.source:
        case "absent":
            raise CheckpointError("no such model", where="absent", remedy="name another")
        case "unsupported":
            raise UnsupportedModelError("conditioners are not supported yet")
        case "environment":
            status(f"BLAS {os.environ['MOSHI_SPEAKER_BLAS']}, threads {os.environ['MOSHI_SPEAKER_THREADS']}")
        case "bug":
            raise KeyError("oops")
        case "endless":
            signal.pause()
        case "seized":
            ctypes.PyDLL(None).pause()  # no other thread of the process runs on
        case "patient":
            for percent in range(0, 100, 10):
                time.sleep(0.25)
                status(f"downloading {percent} %")
    kinds: dict[str, Callable[[], EchoDialogue]] = {
        "loud": LoudDialogue,
        "slow": SlowDialogue,
        "snail": lambda: SlowDialogue(0.2),
        "kyutai/moshiko-mlx-bf16": lambda: SlowDialogue(0.14),
        "held up": HeldUpDialogue,
        "stuck": StuckDialogue,
        "broken": BrokenDialogue,
    }
    return kinds.get(settings.source, EchoDialogue)()
