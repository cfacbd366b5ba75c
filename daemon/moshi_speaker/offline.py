"""``talk``: Moshi answers a sound file, as fast as the machine can; no device, broker or wake word."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moshi_speaker.audio.activity import LevelGate, level_dbfs
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Samples
from moshi_speaker.audio.wavfile import WavWriter, read_audio, require_writable
from moshi_speaker.conversation.utterance import Utterance, add_frame, flush
from moshi_speaker.engine.environment import environment, usable_cores
from moshi_speaker.errors import AudioFileError, UsageError
from moshi_speaker.settings import ModelSettings, Settings
from moshi_speaker.tracing import Tracer, Track

if TYPE_CHECKING:
    from moshi_speaker.moshi.dialogue import Dialogue, DialogueFrame

MAX_ANSWER_S = 20.0
"""Seconds that Moshi may go on after the end of the file."""
QUIET_S = 2.0
"""Seconds of silence after which the answer is over."""

Say = Callable[[str], None]


def talk(
    sound_in: Path,
    sound_out: Path,
    *,
    model: str | None,
    settings: Settings,
    say: Say,
    tracer: Tracer | None = None,
) -> None:
    """Let Moshi hear ``sound_in`` and go on until it is silent; its voice goes to ``sound_out``.

    Each utterance is said with the time at which it began, in seconds of the output.
    Raises AudioFileError for what is no sound or cannot be written, UsageError where both are one file,
    CheckpointError for a model that is not there.
    """
    sound = read_audio(sound_in)
    _require_place(sound_in, sound_out)
    os.environ.update(environment(settings.engine, usable_cores()))
    # Imported here: only this command runs the model in its own process, and its BLAS reads the environment.
    from moshi_speaker.moshi.dialogue import load

    source = settings.model if model is None else _another(settings.model, model)
    dialogue = load(source, say)
    step = dialogue.step if tracer is None else _traced(dialogue, tracer)
    utterance, began = Utterance(), 0.0
    gate = LevelGate(off_s=QUIET_S)
    with WavWriter(sound_out) as voice:
        for index, frame in enumerate(_frames(sound)):
            answer = step(frame)
            audio = np.zeros(FRAME_SAMPLES, np.float32) if answer.audio is None else answer.audio
            voice.write(audio)
            now = index * FRAME_SECONDS
            began = began if utterance.text else now
            utterance, final = add_frame(utterance, answer.text, answer.silent)
            for text in final:
                say(_line(began, text))
            gate.feed(level_dbfs(audio), now)
            if now >= len(sound) / FRAME_SAMPLES * FRAME_SECONDS + QUIET_S and not gate.active:
                break
    for text in flush(utterance):
        say(_line(began, text))
    say(f"Moshi's voice is in {sound_out}")


def _traced(dialogue: "Dialogue", tracer: Tracer) -> "Callable[[Samples], DialogueFrame]":
    """The step of a dialogue, in a trace with its parts; they are then computed one after the other."""
    frames = itertools.count()
    began = 0.0

    def done(part: str) -> None:
        nonlocal began
        before, began = began, tracer.clock()
        tracer.span(Track.MODEL, part, before, began)

    def step(frame: Samples) -> "DialogueFrame":
        nonlocal began
        start = began = tracer.clock()
        answer = dialogue.step(frame)
        end = tracer.clock()
        tracer.span(Track.MODEL, "frame", start, end, frame=next(frames))
        tracer.counter(Track.MODEL, "real-time factor", end, (end - start) / FRAME_SECONDS)
        return answer

    dialogue.observe(done)
    return step


def _another(settings: ModelSettings, source: str) -> ModelSettings:
    """Another model; a revision of the one in the settings says nothing about it."""
    return settings.model_copy(update={"source": source, "revision": None})


def _require_place(sound_in: Path, sound_out: Path) -> None:
    """Find out before the model loads whether the answer can be written, and leave no trace of it."""
    if sound_out.exists() and sound_out.samefile(sound_in):
        raise UsageError(
            "this is the recording itself, which would be lost",
            where=str(sound_out),
            remedy="name another file for Moshi's voice",
        )
    is_new = not os.path.lexists(sound_out)
    try:
        require_writable(sound_out)
    except AudioFileError as error:
        remedy = (
            "name another file" if sound_out.parent.is_dir() else f"make the folder {sound_out.parent} first"
        )
        raise AudioFileError(error.what, where=error.where, remedy=remedy) from error
    if is_new:
        sound_out.unlink()


def _frames(sound: Samples) -> Iterator[Samples]:
    """The file in whole frames, then silence."""
    whole = np.pad(sound, (0, -len(sound) % FRAME_SAMPLES))
    yield from whole.reshape(-1, FRAME_SAMPLES)
    silence = np.zeros(FRAME_SAMPLES, np.float32)
    for _ in range(round(MAX_ANSWER_S / FRAME_SECONDS)):
        yield silence


def _line(began: float, text: str) -> str:
    return f"{began:7.1f} s  {text}"
