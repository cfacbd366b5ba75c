"""What makes the demo a talk: the small random model babbles while it is spoken to, and falls silent."""

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.moshi.dialogue import DialogueFrame, load_files
from moshi_speaker.moshi.hub import files_in
from moshi_speaker.moshi.lm.sampling import Sampling

CLIP = Path(__file__).parents[1] / "data" / "clips" / "hey_jarvis_question.wav"
FRAME = 1_920
QUIET_FRAMES = 12
"""Before the speech: 1 s."""
AFTERWARDS_FRAMES = 62
"""After the speech: 5 s."""
FALLS_SILENT_FRAMES = 50
"""At most, after the speech: 4 s."""


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """Frames of speech, (frames, 1920)."""
    with wave.open(str(CLIP)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    whole = samples[: samples.size // FRAME * FRAME].astype(np.float32) / np.float32(32_768)
    return whole.reshape(-1, FRAME)


@pytest.fixture(scope="module")
def answers(speech: NDArray[np.float32], tiny_model: Path) -> list[DialogueFrame]:
    """What the model makes of a second of silence, the speech, and silence."""
    model = load_files(files_in(tiny_model, "tiny"), Sampling(seed=0))
    sound = np.pad(speech, ((QUIET_FRAMES, AFTERWARDS_FRAMES), (0, 0)))
    return [model.step(frame) for frame in sound]


def level(frames: list[DialogueFrame]) -> float:
    """RMS in dB relative to full scale."""
    voice = np.concatenate([frame.audio for frame in frames if frame.audio is not None])
    return float(10 * np.log10(np.mean(voice.astype(np.float64) ** 2) + 1e-12))


def test_before_it_is_spoken_to_it_is_silent(answers: list[DialogueFrame]) -> None:
    quiet = answers[:QUIET_FRAMES]
    assert all(frame.silent and frame.text == "" for frame in quiet)
    assert level(quiet) < -60


def test_speech_is_answered_with_words_and_a_voice(
    speech: NDArray[np.float32], answers: list[DialogueFrame]
) -> None:
    during = answers[QUIET_FRAMES : QUIET_FRAMES + len(speech)]
    spoken = [frame for frame in during if not frame.silent]
    assert len(spoken) > len(speech) / 3
    assert len("".join(frame.text for frame in during).split()) >= 5
    assert level(spoken) > -30


def test_after_the_speech_it_falls_silent(speech: NDArray[np.float32], answers: list[DialogueFrame]) -> None:
    late = answers[QUIET_FRAMES + len(speech) + FALLS_SILENT_FRAMES :]
    assert len(late) == AFTERWARDS_FRAMES - FALLS_SILENT_FRAMES
    assert all(frame.silent and frame.text == "" for frame in late)
    assert level(late) < -60


def test_a_sound_too_soft_for_speech_is_not_answered(tiny_model: Path) -> None:
    model = load_files(files_in(tiny_model, "tiny"), Sampling(seed=0))
    hiss = np.random.default_rng(0).normal(0, 0.001, (25, FRAME)).astype(np.float32)
    assert all(model.step(frame).silent for frame in hiss)
