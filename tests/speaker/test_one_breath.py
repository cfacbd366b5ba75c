"""The wake word and a question without a pause between them: Moshi hears all of the question."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.parts import detector
from tests.speaker.stage import Stage, on_stage

MakeSettings = Callable[..., Settings]

LISTEN_S = 2.5
"""Seconds before the wake word, in which a detector finds its way."""
AUDIBLE = 0.02
"""Amplitude from which a sample belongs to a word."""


def spoken(text: str, voice: str, speed: int, path: Path) -> Samples:
    """A voice that says something, without the silence before and after it."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("not installed: espeak-ng")
    subprocess.run(
        ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), text], check=True, timeout=30
    )
    sound = read_audio(path)
    loud = np.flatnonzero(np.abs(sound) > AUDIBLE)
    return sound[loud[0] : loud[-1] + 1]


def noise(samples: int, seed: int) -> Samples:
    """A quiet room, in which every frame is unlike any other."""
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32) * np.float32(0.0005)


async def listen(stage: Stage, scene: Samples) -> None:
    """Let the microphone hear the whole frames of a scene, as fast as they are dealt with."""
    began = time.monotonic()
    for number, frame in enumerate(scene.reshape(-1, FRAME_SAMPLES)):
        stage.device.push(frame, began + number * FRAME_SECONDS)
        assert await asyncio.to_thread(stage.speaker._body.ears._front_end.wait_idle, 10.0)


@pytest.mark.parametrize(
    ("voice", "speed"),
    [("en-us", 140), ("en-us", 170), ("en-gb", 140), ("en-us+f3", 170), ("en-gb-scotland", 150)],
)
async def test_the_first_tenth_of_a_second_after_the_wake_word_is_given_to_moshi(
    make_settings: MakeSettings, tmp_path: Path, voice: str, speed: int
) -> None:
    settings = make_settings(conversation={"preroll_s": 0.8}, mqtt={"enabled": False})
    word = spoken("hey jarvis", voice, speed, tmp_path / "word.wav")
    question = spoken("what time is it", voice, speed, tmp_path / "question.wav")
    before = np.zeros(round(LISTEN_S * SAMPLE_RATE), np.float32)
    end_of_word = len(before) + len(word)
    scene = np.concatenate((before, word, question, before[:SAMPLE_RATE]))
    scene = np.append(scene, np.zeros(-len(scene) % FRAME_SAMPLES, np.float32))
    scene += noise(len(scene), seed=1)
    async with on_stage(settings, wake=False, detector=detector(settings)) as stage:
        await stage.until_idle()
        await listen(stage, scene)
        await stage.news.until(lambda: stage.engine.fed)
        heard = np.concatenate([frame for _, frame in stage.engine.fed])
        first = next(
            at
            for at in range(0, len(scene), FRAME_SAMPLES)
            if np.array_equal(scene[at : at + 99], heard[:99])
        )
        assert first <= end_of_word, f"{(first - end_of_word) / SAMPLE_RATE:.2f} s are missing"
        assert end_of_word - first < 0.8 * SAMPLE_RATE, "and no more than the last of the word"
        asked = slice(end_of_word - first, end_of_word - first + len(question))
        expected = scene[end_of_word : end_of_word + len(question)]
        assert len(question) > SAMPLE_RATE // 10
        np.testing.assert_array_equal(heard[asked], expected)
