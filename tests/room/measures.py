"""How well a canceller did: echo reduction, intelligibility, wake words, speech that is none."""

import numpy as np
from numpy.typing import NDArray
from pystoi import stoi as intelligibility

from moshi_speaker.audio.activity import SileroActivity, Transition, level_dbfs
from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, WAKE_CHUNK_SAMPLES, Samples
from moshi_speaker.audio.resample import DELAY_SECONDS, Downsampler, to_int16
from moshi_speaker.audio.speech import UserSpeech
from moshi_speaker.settings import Settings, WakeSettings
from moshi_speaker.speaker.bounds import speech_bounds
from moshi_speaker.wake.auto import open_engine
from moshi_speaker.wake.detector import Detector
from moshi_speaker.wake.policy import WakePolicy
from tests.room.acoustics import active
from tests.room.cancelling import Cleaning
from tests.room.scenes import EARCON, Sound

FIRST_SYLLABLE_S = 0.3
LATE_S = 0.03
"""By how much a canceller may delay what it gives: filter banks do."""
HEARD_WITHIN_S = 2.0
"""Seconds after the beginning of a wake word within which it must be detected."""

Mask = NDArray[np.bool_]


def onset_s(sound: Sound) -> float:
    """When the first echo of speech arrives, in seconds from the beginning; an earcon is none."""
    first = (
        min((line.at for line in sound.scene.far if line.voice != EARCON), default=0.0) + sound.scene.delay
    )
    begin = round(first * SAMPLE_RATE)
    return (begin + int(np.argmax(active(sound.echo)[begin:]))) / SAMPLE_RATE


def erle_db(
    sound: Sound, out: Samples, begin_s: float, end_s: float = np.inf, since_s: float | None = None
) -> float:
    """Echo return loss enhancement: decibels of the microphone above the output, where only Moshi speaks.

    Between two moments after ``since_s``, or after the first echo. The noise of the room is in both, so that
    it bounds it.
    """
    since = onset_s(sound) if since_s is None else since_s
    seconds = np.arange(len(sound.mic)) / SAMPLE_RATE - since
    alone = active(sound.echo) & ~_spoken_over(sound) & (seconds >= begin_s) & (seconds < end_s)
    return _decibels(sound.mic[alone], out[alone])


def erle_over_time(sound: Sound, out: Samples, window_s: float = 0.5) -> tuple[Samples, Samples]:
    """Middles of windows in seconds after the first echo, and the ERLE in each, where Moshi speaks."""
    n = round(window_s * SAMPLE_RATE)
    first = round(onset_s(sound) * SAMPLE_RATE)
    alone = active(sound.echo) & ~_spoken_over(sound)
    middles, found = [], []
    for begin in range(first, len(out) - n, n // 2):
        here = np.flatnonzero(alone[begin : begin + n]) + begin
        if len(here) > n // 4:
            middles.append((begin - first) / SAMPLE_RATE + window_s / 2)
            found.append(_decibels(sound.mic[here], out[here]))
    return np.array(middles, np.float32), np.array(found, np.float32)


def double_talk_reduction_db(sound: Sound, out: Samples) -> float:
    """Decibels of the echo above what is left of it while both talk: for cancellers that keep the talker.

    What is left is the output less talker and noise, so whatever is done to the talker counts as echo.
    """
    both = active(sound.echo) & active(sound.near)
    left = out - sound.near - sound.noise
    return _decibels(sound.echo[both], left[both])


def stoi(sound: Sound, out: Samples) -> float:
    """Intelligibility of the talker in the output, 0 to 1 (Taal et al. 2011), from his first word on.

    Where there is no echo, the microphone itself is what it could be at best: it judges the harm done.
    """
    first = int(np.argmax(active(sound.near)))
    best = sound.mic if sound.scene.echo_dbfs is None else sound.near
    near, heard = best[first:], out[first:]
    late = _lag(near, heard)
    return float(intelligibility(near[: len(near) - late], heard[late:], SAMPLE_RATE))


def wakes(out: Samples) -> list[float]:
    """When the speaker's own wake word detector wakes, in seconds."""
    settings = WakeSettings()
    detector = Detector(open_engine(settings), WakePolicy.from_settings(settings))
    to_wake = Downsampler()
    found = []
    try:
        for begin in range(0, len(out) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            chunk = to_int16(to_wake.feed(out[begin : begin + FRAME_SAMPLES]))
            assert chunk.shape == (WAKE_CHUNK_SAMPLES,)
            end = (begin + FRAME_SAMPLES) / SAMPLE_RATE - DELAY_SECONDS
            if detector.hear(chunk, end) is not None:
                found.append(end)
    finally:
        detector.close()
    return found


def found_wake_words(sound: Sound, out: Samples) -> int:
    """How many of the lines of the talker, all wake words, were detected."""
    at = wakes(out)
    return sum(any(line.at < moment < line.at + HEARD_WITHIN_S for moment in at) for line in sound.scene.near)


def heard_speech(cleaning: Cleaning) -> list[tuple[float, float]]:
    """When the speaker takes what is left for somebody's speech: begins and ends, in seconds."""
    activity, to_vad = SileroActivity(), Downsampler()
    judge = UserSpeech(speech_bounds(Settings()))
    judge.begin(near_dbfs=None)
    found, began = [], None
    for i, echo_dbfs in enumerate(cleaning.echo_dbfs):
        frame = cleaning.pcm[i * FRAME_SAMPLES : (i + 1) * FRAME_SAMPLES]
        at = i * FRAME_SECONDS
        heard = judge.feed(activity.feed(to_vad.feed(frame)), level_dbfs(frame), float(echo_dbfs), at)
        if heard is Transition.STARTED:
            began = at
        elif heard is Transition.ENDED and began is not None:
            found.append((began, at))
            began = None
    return found if began is None else [*found, (began, len(cleaning.pcm) / SAMPLE_RATE)]


def noticed(sound: Sound, cleaning: Cleaning) -> float:
    """The share of the talker's lines that the speaker takes for speech, 0 to 1."""
    heard = heard_speech(cleaning)
    near = active(sound.near)
    covered = np.zeros(len(near), bool)
    for begin, end in heard:
        covered[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = True
    return float(np.mean(covered[near]))


def _spoken_over(sound: Sound) -> Mask:
    return active(sound.near) if sound.scene.near else np.zeros(len(sound.near), bool)


def _decibels(above: Samples, below: Samples) -> float:
    above_energy, below_energy = (float(np.sum(np.square(each, dtype=np.float64))) for each in (above, below))
    return float(10.0 * np.log10((above_energy + 1e-20) / (below_energy + 1e-20)))


def _lag(near: Samples, heard: Samples) -> int:
    """By how many samples the talker is late in what is heard."""
    size = 2 * len(near)
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(near, size)), size)
    return int(np.argmax(product[: round(LATE_S * SAMPLE_RATE)]))
