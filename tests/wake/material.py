"""Sound that must wake the speaker and sound that must not, made by machine and the same every time.

All of it is mono at 24 kHz. Speech comes from espeak-ng, and from the recordings beside the repository.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from moshi_speaker.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, SAMPLE_RATE, Samples
from moshi_speaker.audio.resample import Downsampler, to_int16
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.wake.detector import Detection, Detector

RECORDINGS = Path(__file__).parents[3] / "shared/audio"
VOICES = ("en-us", "en-us+f3", "en-gb", "en-gb-scotland", "en-gb-x-rp")
MORE_VOICES = ("en-us+m3", "en-us+f2", "en-us+Annie", "en-us+m7", "en-gb+f2")
SPEEDS = (130, 160)
"""Words a minute."""
SNRS_DB = (10.0, 15.0, 20.0, 25.0, 30.0)
SPEECH_DBFS = -26.0
PIECE_S = 20.0
"""Other sound comes in pieces of so many seconds."""
NEAR_WORDS = (
    "hey Jane",
    "hey Travis",
    "Jarvis",
    "hey James",
    "hey Marvin",
    "hey harvest",
    "hey jar",
    "hey Charles",
    "hey Jasmine",
    "hey Jarrett",
)
"""What sounds like the wake word; the last four are too much like it for the model."""
SENTENCES = (
    "the train to the harbour leaves in seven minutes from the second platform",
    "hey Jane, did you see where I put the keys to the garden door",
    "I told Jarvis and his brother that dinner would be ready at eight",
    "hey Travis, turn the radio down a little, the children are asleep",
    "hey, just leave this on the table and come over here",
    "the harvest was poor this year, and prices have risen again",
    "they charge us for parking even on a sunday morning",
    "Marvin has a large office on the ninth floor, with a view over the river",
    "and now the weather: clouds in the north, with a few showers towards the evening",
    "hey James, what did the doctor say about the old service road",
)

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody says something in a noisy room."""

    text: str
    voice: str
    speed: int
    """Words a minute."""
    snr_db: float
    sound: Samples
    """With silence before it for the gate, and after it for the classifier's delay."""


def calls(text: str, voices: tuple[str, ...] = VOICES, seed: int = 0) -> list[Call]:
    """The words twice by each voice at each speed, in noise of SNRs that take turns; a seed, a noise."""
    found = []
    for number, (voice, speed, _) in enumerate(product(voices, SPEEDS, range(2))):
        snr_db = SNRS_DB[(number + seed) % len(SNRS_DB)]
        rng = np.random.default_rng((seed, number))
        speech = np.concatenate(
            (silence(1.6), at_level(spoken(text, voice, speed), SPEECH_DBFS), silence(1.0))
        )
        room = at_level(coloured(rng, len(speech) / SAMPLE_RATE, rng.uniform(0.0, 1.0)), SPEECH_DBFS - snr_db)
        found.append(Call(text, voice, speed, snr_db, speech + room))
    return found


def wakes(detector: Detector, sound: Samples, began: float = 0.0) -> list[Detection]:
    """What a detector hears in a sound that begins at that time, by the front end's way to 16 kHz."""
    down = Downsampler()
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    heard = [
        detector.hear(to_int16(down.feed(frame)), began + (number + 1) * FRAME_SECONDS)
        for number, frame in enumerate(frames)
    ]
    return [detection for detection in heard if detection is not None]


def others() -> dict[str, Callable[[Rng], Samples]]:
    """Sound of other kinds, by name; each call gives another piece. Without recordings there is less."""
    kinds: dict[str, Callable[[Rng], Samples]] = {"music": music, "noise": noise}
    if shutil.which("espeak-ng"):
        kinds |= {"sentences": sentences}
    if RECORDINGS.is_dir():
        kinds |= {"recordings": recordings, "babble": babble}
    return kinds


def pieces(kind: Callable[[Rng], Samples], seconds: float, seed: int = 0) -> Iterator[Samples]:
    """So much of a kind of sound, at levels from soft to loud."""
    rng = np.random.default_rng(seed)
    for _ in range(round(seconds / PIECE_S)):
        yield at_level(kind(rng), rng.uniform(-45.0, -15.0))


def silence(seconds: float) -> Samples:
    """Nothing."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def at_level(sound: Samples, dbfs: float) -> Samples:
    """The same with this mean level, as its root mean square has it."""
    power = float(np.mean(np.square(sound, dtype=np.float64)))
    return sound * np.float32(10.0 ** (dbfs / 20.0) / max(power, 1e-12) ** 0.5)


@cache
def spoken(text: str, voice: str, speed: int) -> Samples:
    """The words by espeak-ng."""
    with tempfile.TemporaryDirectory(prefix="spoken-") as folder:
        path = Path(folder) / "speech.wav"
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), text]
        subprocess.run(command, check=True, timeout=30)
        return read_audio(path)


def sentences(rng: Rng) -> Samples:
    """Somebody talks, and says names that sound like the wake word in passing."""
    return _filled(
        rng, lambda: spoken(str(rng.choice(SENTENCES)), _voice(rng), int(rng.integers(110, 200, 1)[0]))
    )


def recordings(rng: Rng) -> Samples:
    """A person talks, higher and faster or lower and slower than in truth."""
    return _filled(rng, lambda: _recorded(rng))


def babble(rng: Rng) -> Samples:
    """Three to six people talk at once."""
    talkers = [at_level(recordings(rng), -20.0) for _ in range(rng.integers(3, 7))]
    return np.asarray(np.sum(talkers, axis=0), np.float32)


def noise(rng: Rng) -> Samples:
    """From hiss to rumble, steady or in gusts, with a knock here and there."""
    sound = coloured(rng, PIECE_S, rng.uniform(0.0, 2.0))
    time = np.arange(len(sound)) / SAMPLE_RATE
    gusts = 1.0 + rng.uniform(0.0, 1.0) * np.sin(2.0 * np.pi * rng.uniform(0.2, 6.0) * time)
    sound = (sound * gusts).astype(np.float32)
    for at in rng.integers(0, len(sound) - SAMPLE_RATE, 12):
        sound[at : at + SAMPLE_RATE // 2] += 8.0 * _decaying(rng.standard_normal(SAMPLE_RATE // 2), 0.02)
    return sound


def music(rng: Rng) -> Samples:
    """Chords, a tune with vibrato, and a beat."""
    beat_s, root = rng.uniform(0.3, 0.7), rng.uniform(90.0, 180.0)
    sound = silence(PIECE_S)
    for number in range(int(PIECE_S / beat_s) - 4):
        at = round(number * beat_s * SAMPLE_RATE)
        drum = _decaying(rng.standard_normal(SAMPLE_RATE // 4), 0.05)
        sound[at : at + len(drum)] += (0.8 if number % 2 else 0.3) * drum
        tune = _tone(rng, root * 4.0 * 2.0 ** (rng.integers(0, 13) / 12.0), beat_s)
        sound[at : at + len(tune)] += 0.6 * tune
        if number % 4 == 0:
            shift = 2.0 ** (rng.choice((0, 5, 7, 9)) / 12.0)
            for step in (0, 4, 7):
                chord = _tone(rng, root * shift * 2.0 ** (step / 12.0), 4 * beat_s)
                sound[at : at + len(chord)] += 0.4 * chord
    return sound


def coloured(rng: Rng, seconds: float, slope: float) -> Samples:
    """Noise whose power falls with frequency: slope 0 is white, 1 pink, 2 brown."""
    size = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum *= np.maximum(np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE), 40.0) ** (-slope / 2.0)
    sound = np.fft.irfft(spectrum, size)
    return np.asarray(sound / sound.std(), np.float32)


def _filled(rng: Rng, speak: Callable[[], Samples]) -> Samples:
    """A piece full of speech, with short and long pauses."""
    parts: list[Samples] = []
    while sum(map(len, parts)) < PIECE_S * SAMPLE_RATE:
        parts += [at_level(speak(), -20.0), silence(rng.exponential(0.4))]
    return np.concatenate(parts)[: round(PIECE_S * SAMPLE_RATE)]


def _voice(rng: Rng) -> str:
    return str(rng.choice(VOICES + MORE_VOICES))


def _recorded(rng: Rng) -> Samples:
    """A few seconds of the recordings, which follow each other in a loop, at another pitch and speed."""
    loop = _loop()
    length = round(rng.uniform(4.0, 15.0) * SAMPLE_RATE)
    piece = np.take(loop, np.arange(length) + rng.integers(len(loop)), mode="wrap")
    changed: Samples = soxr.resample(piece, SAMPLE_RATE * rng.uniform(0.75, 1.35), SAMPLE_RATE)
    return changed


@cache
def _loop() -> Samples:
    return np.concatenate([at_level(read_audio(path), -20.0) for path in sorted(RECORDINGS.glob("*.wav"))])


def _decaying(sound: NDArray[np.float64], seconds: float) -> Samples:
    return np.asarray(sound * np.exp(-np.arange(len(sound)) / SAMPLE_RATE / seconds), np.float32)


def _tone(rng: Rng, hertz: float, seconds: float) -> Samples:
    """A plucked or blown tone with vibrato and overtones."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    phase = 2.0 * np.pi * hertz * time + rng.uniform(0.0, 2.0) * np.sin(2.0 * np.pi * 5.0 * time)
    tone = np.sum(
        [np.sin(order * phase) / order for order in range(1, 8) if order * hertz < 10_000.0], axis=0
    )
    return _decaying(tone * np.minimum(1.0, time / 0.01), rng.uniform(0.2, 2.0) * seconds)
