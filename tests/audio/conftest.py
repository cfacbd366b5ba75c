"""Sounds for the tests of the audio path."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.audio.wavfile import read_audio

Tone = Callable[..., Samples]


@pytest.fixture
def tone() -> Tone:
    """Makes a sine: tone(hertz, seconds, amplitude=0.5, rate=24000)."""

    def make(hertz: float, seconds: float, amplitude: float = 0.5, rate: int = SAMPLE_RATE) -> Samples:
        t = np.arange(round(seconds * rate)) / rate
        return (amplitude * np.sin(2 * np.pi * hertz * t)).astype(np.float32)

    return make


@pytest.fixture
def speech(tmp_path: Path) -> Samples:
    """A synthetic voice at 24 kHz, about 3 s."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("not installed: espeak-ng")
    path = tmp_path / "speech.wav"
    text = "Good morning, could you tell me what the weather will be like today?"
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(path), text], check=True, timeout=30)
    return read_audio(path)
