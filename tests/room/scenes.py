"""Scenes as data: which room, which loudspeaker, who says what, when, how loud; and the sound of it all.

Levels are those of the speech alone as it arrives at the microphone, pauses left out (``active_dbfs``).
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from moshi_speaker.audio.earcons import earcon
from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.mixer import gain, limit
from moshi_speaker.audio.wavfile import read_audio
from moshi_speaker.errors import MissingPartError
from moshi_speaker.events import Earcon
from moshi_speaker.settings import AudioSettings
from tests.room import acoustics
from tests.room.acoustics import Array, Point, Shoebox

RECORDINGS = Path(__file__).parents[3] / "shared" / "audio"
"""Recordings of people, beside the repository; where they are not there, espeak-ng speaks instead."""
HAS_ESPEAK = shutil.which("espeak-ng") is not None
EARCON = "earcon"
"""The voice that is none: the sound of a wake."""
VOLUME = 80
"""Percent: how loud Moshi speaks in all scenes."""
WAKE_VOICES = ("en-us+f5", "en-us+m4", "en-us+m6", "en-us+m8", "en-us+klatt2")
WAKE_SPEEDS = (160, 180)
"""Voices, and words a minute, in which the detector is sure of "hey Jarvis" wherever there is no echo."""
SPEED = 160
"""Words a minute, where it does not matter."""
NEAR_DBFS = -30.0
"""The talker at the microphone, two metres away, with the usual gain."""
ECHO_DBFS = -24.0
"""Moshi at the microphone."""
NOISE_DBFS = -65.0
MOVE_S = 0.2
"""How long it takes to put a microphone elsewhere."""
_LOUDSPEAKER_HZ = 120.0
"""The lower edge of a small loudspeaker."""
_RECORDED = {"man": "en-us+m7", "intro": "en-gb+f4"}
"""Recordings, and the voices of espeak-ng that stand in for them."""
_WORD = SAMPLE_RATE // 5
"""Samples that a breath or a click does not last."""
_TEXTS = (
    "I went to the market this morning, and you would not believe how many people were there.",
    "The weather in the mountains changes quickly, so take a warm jacket and something to drink with you.",
    "She has been learning the piano for eleven years, and she still plays every single evening.",
    "Could you tell me what the best way is to get from the station to the old harbour?",
    "My neighbour grows tomatoes on the balcony, red ones and yellow ones, and gives most of them away.",
    "That is a good question. Let me think about it for a moment, because there is more than one answer.",
)


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody speaks."""

    at: float
    """Seconds from the beginning of the scene."""
    voice: str
    """A voice of espeak-ng, the name of a recording (``man`` or ``intro``), or ``EARCON``."""
    text: str = ""
    """What is said; a recording says what it says."""
    speed: int = SPEED
    """Words a minute, of espeak-ng."""
    dbfs: float = NEAR_DBFS
    """Level at the microphone; of no meaning for the far end, whose level is that of the whole scene."""
    seconds: float = 60.0
    """Where a recording is cut, if it is longer."""
    begin: float = 0.0
    """Where a recording begins."""


@dataclass(frozen=True, slots=True)
class Place:
    """A room, and where everything stands in it."""

    room: Shoebox
    loudspeaker: Point
    microphone: Point
    talker: Point
    moved: Point
    """Where the microphone is put when it is moved."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that determines what the microphone hears."""

    name: str
    place: Place
    delay: float
    """Seconds from playing a sample to the first of its echo: both devices' latency and the way."""
    seconds: float
    far: tuple[Line, ...]
    near: tuple[Line, ...] = ()
    echo_dbfs: float | None = ECHO_DBFS
    """Level of the echo at the microphone; None: headphones, no echo at all."""
    echo_db: float | None = None
    """In place of that: by how much the echo has more energy than the talker, while he talks."""
    drift_ppm: float = 0.0
    """How much faster the clock of the loudspeaker runs than that of the microphone, in millionths."""
    distortion: float = 0.0
    """The loudspeaker's, as a share of its amplitude; 0: none."""
    noise_dbfs: float = NOISE_DBFS
    moved_at: float | None = None
    """When the microphone is moved; None: never."""
    jitter: float = 0.0005
    """Seconds by which time stamps of both devices are late at most, at random."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Sound:
    """A scene as it sounds: arrays of one shape (n,), n a multiple of a frame, float32 at 24 kHz."""

    scene: Scene
    mic: Samples = field(repr=False)
    """What the microphone hears: the sum of the three below, clipped at 1."""
    far: Samples = field(repr=False)
    """What was played, on the loudspeaker's own clock."""
    echo: Samples = field(repr=False)
    near: Samples = field(repr=False)
    """The talker as he arrives at the microphone."""
    noise: Samples = field(repr=False)


def render(scene: Scene) -> Sound:
    """Let a scene sound. The same scene gives the same sound, as far as espeak-ng does."""
    n = -(-round(scene.seconds * SAMPLE_RATE) // FRAME_SAMPLES) * FRAME_SAMPLES
    far = played(scene.far, n)
    echo = _echo(scene, far)
    near = _near(scene, n)
    if scene.echo_dbfs is not None and scene.echo_db is not None:
        echo *= 10.0 ** ((scene.echo_db - _ratio_db(echo, near)) / 20.0)
    noise = acoustics.noise(n, scene.noise_dbfs, scene.seed)
    mic = np.clip(echo + near + noise, -1.0, 1.0)
    return Sound(scene, *(each.astype(np.float32) for each in (mic, far, echo, near, noise)))


def played(lines: Sequence[Line], n: int) -> Samples:
    """What the mixer gives the loudspeaker for these lines, shape (n,): full-scale speech at 80 % volume."""
    mix = np.zeros(n, np.float32)
    for line in lines:
        if line.voice == EARCON:
            _add(mix, gain(AudioSettings().earcon_volume) * earcon(Earcon.WAKE), line.at)
        else:
            speech = _speech(line)
            _add(mix, speech / max(float(np.abs(speech).max()), 1e-9), line.at)
    return limit(mix) * np.float32(gain(VOLUME))


def _echo(scene: Scene, far: Samples) -> Array:
    if scene.echo_dbfs is None:
        return np.zeros(len(far))
    place = scene.place
    moving = acoustics.high_pass(acoustics.distorted(far, scene.distortion), _LOUDSPEAKER_HZ)
    moving = acoustics.drifted(acoustics.delayed(moving, scene.delay), scene.drift_ppm)
    echo = acoustics.convolve(
        moving, acoustics.impulse_response(place.room, place.loudspeaker, place.microphone)
    )
    factor = float(10.0 ** ((scene.echo_dbfs - acoustics.active_dbfs(echo)) / 20.0))
    if scene.moved_at is not None:
        elsewhere = acoustics.convolve(
            moving, acoustics.impulse_response(place.room, place.loudspeaker, place.moved)
        )
        seconds = np.arange(len(echo)) / SAMPLE_RATE
        share = np.clip((seconds - scene.moved_at) / MOVE_S, 0.0, 1.0)
        echo += share * (elsewhere - echo)
    echo *= factor
    return echo


def _ratio_db(echo: Array, near: Array) -> float:
    talking = acoustics.active(near)
    return float(10.0 * np.log10(np.sum(np.square(echo[talking])) / np.sum(np.square(near[talking]))))


def _near(scene: Scene, n: int) -> Array:
    place = scene.place
    near = np.zeros(n)
    for line in scene.near:
        alone = np.zeros(n, np.float32)
        _add(alone, _speech(line), line.at)
        response = acoustics.impulse_response(place.room, place.talker, place.microphone)
        heard = acoustics.convolve(alone, response)
        near += heard * 10.0 ** ((line.dbfs - acoustics.active_dbfs(heard)) / 20.0)
    return near


def _add(mix: Samples, sound: Samples, at: float) -> None:
    begin = round(at * SAMPLE_RATE)
    piece = sound[: max(0, len(mix) - begin)]
    mix[begin : begin + len(piece)] += piece


def _speech(line: Line) -> Samples:
    recorded = line.voice in _RECORDED
    sound = recording(line.voice) if recorded else spoken(line.voice, line.text, line.speed)
    begin = round(line.begin * SAMPLE_RATE)
    return sound[begin : begin + round(line.seconds * SAMPLE_RATE)]


@cache
def recording(name: str) -> Samples:
    """A recording of somebody who speaks, shape (n,), from its first word on; espeak-ng where it is not."""
    path = RECORDINGS / f"speech_fr_{name}_24k.wav"
    if not path.exists():
        return np.concatenate([spoken(_RECORDED[name], text, 150) for text in _TEXTS])
    sound = read_audio(path)
    speech = np.convolve(acoustics.active(sound), np.ones(_WORD), "full")[_WORD - 1 :]
    return sound[int(np.argmax(speech > _WORD / 2)) :]


@cache
def spoken(voice: str, text: str, speed: int) -> Samples:
    """What espeak-ng says, shape (n,), without the silence around it. Raises MissingPartError without it."""
    if not HAS_ESPEAK:
        raise MissingPartError("espeak-ng is not installed", remedy="make test installs it")
    with tempfile.TemporaryDirectory(prefix="spoken-") as folder:
        path = Path(folder) / "said.wav"
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", str(path), text]
        subprocess.run(command, check=True, timeout=30)
        sound = read_audio(path)
    places = np.flatnonzero(acoustics.active(sound))
    return sound[places[0] : places[-1] + 1]


def _place(t60: float, size: Point, apart: float) -> Place:
    """A loudspeaker on a shelf, a microphone ``apart`` metres from it, and somebody two metres away."""
    x, y, _ = size
    sx, sy = 0.31 * x, 0.24 * y
    return Place(
        room=Shoebox(size, t60),
        loudspeaker=(sx, sy, 1.1),
        microphone=(sx + 0.9 * apart, sy + 0.43 * apart, 1.05),
        talker=(sx + 1.2, sy + 1.9, 1.6),
        moved=(sx - 0.55 * apart, sy + 0.8 * apart, 0.95),
    )


BOOTH = _place(0.15, (3.2, 3.6, 2.4), 0.3)
BEDROOM = _place(0.25, (3.9, 4.3, 2.5), 0.5)
OFFICE = _place(0.3, (4.4, 5.2, 2.6), 0.6)
LIVING_ROOM = _place(0.4, (5.6, 6.4, 2.7), 0.8)
HALL = _place(0.6, (7.1, 8.2, 3.0), 1.0)

ROOMS = {
    "booth": (BOOTH, 0.010),
    "bedroom": (BEDROOM, 0.060),
    "office": (OFFICE, 0.120),
    "living room": (LIVING_ROOM, 0.180),
    "hall": (HALL, 0.250),
}
"""By name: the place, and the delay of its devices in seconds."""
MOSHI = (Line(0.5, "man"),)
"""Moshi speaks, with no long pause."""
DOUBLE_TALK_S = 6.0
"""When the talker begins to talk over Moshi."""
TALKERS = {"booth": "intro", "bedroom": "man", "office": "intro", "living room": "man", "hall": "intro"}
"""Who talks over Moshi in which room: real voices, for those of espeak-ng are understood through anything."""


def single_talk(room: str, seconds: float = 20.0) -> Scene:
    """Moshi alone speaks."""
    place, delay = ROOMS[room]
    return Scene(f"{room}: Moshi alone", place, delay, seconds, MOSHI)


def next_talk(room: str, seconds: float = 12.0) -> Scene:
    """Moshi alone speaks again, of something else, after the sound of a wake."""
    scene = single_talk(room, seconds)
    far = (Line(0.2, EARCON), Line(1.2, "intro"))
    return replace(scene, name=f"{room}, next talk", far=far, seed=2)


def after_restart(room: str, slip: float = 0.007) -> Scene:
    """The same as ``next_talk``; the device was opened anew, so that the echo comes later by ``slip``."""
    scene = next_talk(room)
    return replace(scene, name=f"{room}, remembered over a restart", delay=scene.delay + slip)


def with_drift(room: str, ppm: float = 50.0) -> Scene:
    """Two devices whose clocks disagree."""
    return replace(single_talk(room), name=f"{room}: drift of {ppm:.0f} ppm", drift_ppm=ppm)


def with_distortion(room: str, share: float = 0.04) -> Scene:
    """A loudspeaker at its limits."""
    name = f"{room}: loudspeaker with {100 * share:.0f} % of distortion"
    return replace(single_talk(room), name=name, distortion=share)


def with_moved_microphone(room: str, at: float = 10.0) -> Scene:
    """Somebody moves the microphone while Moshi speaks."""
    return replace(single_talk(room), name=f"{room}: microphone moved", moved_at=at)


def double_talk(room: str, echo_db: float | None, voice: str | None = None, seconds: float = 20.0) -> Scene:
    """Somebody talks over Moshi from the sixth second on, the echo with so much more energy (None: without).

    Without a voice it is the room's own of ``TALKERS``.
    """
    place, delay = ROOMS[room]
    voice = voice or TALKERS[room]
    far = (Line(0.5, "intro" if voice == "man" else "man"),)
    echo = None if echo_db is None else NEAR_DBFS
    heard = "headphones" if echo_db is None else f"echo {_signed(echo_db)} dB"
    name = f"{room}: {voice} talks over Moshi, {heard}"
    softer = max(0.0, echo_db or 0.0)  # so that the echo does not clip
    near = tuple(_talk(voice, DOUBLE_TALK_S, NEAR_DBFS - softer))
    return Scene(name, place, delay, seconds, far, near, echo, echo_db)


def _talk(voice: str, at: float, dbfs: float) -> Iterator[Line]:
    """Sentence after sentence, or a recording."""
    if voice in _RECORDED:
        yield Line(at, voice, dbfs=dbfs)
        return
    for text in _TEXTS:
        yield Line(at, voice, text, dbfs=dbfs)
        at += len(spoken(voice, text, SPEED)) / SAMPLE_RATE + 0.3


WAKE_NEAR_DBFS = -36.0
"""Lower than usual, so that an echo 12 dB above it does not clip."""
WAKE_FIRST_S = 6.0
WAKE_EVERY_S = 4.0
"""Seconds between two wake words, more than any refractory time."""


def wake_words(room: str, echo_db: float) -> Scene:
    """ "Hey Jarvis" over Moshi's voice, in every voice and at every speed: ten times."""
    place, delay = ROOMS[room]
    said = [(voice, speed) for voice in WAKE_VOICES for speed in WAKE_SPEEDS]
    near = tuple(
        Line(WAKE_FIRST_S + i * WAKE_EVERY_S, voice, "hey jarvis", speed, WAKE_NEAR_DBFS)
        for i, (voice, speed) in enumerate(said)
    )
    seconds = WAKE_FIRST_S + len(said) * WAKE_EVERY_S
    name = f"{room}: wake words, echo {_signed(echo_db)} dB"
    return Scene(name, place, delay, seconds, MOSHI, near, echo_db=echo_db)


NEAR_MISSES = ("hey Travis", "hey Jarrod", "hey service", "hey Jane", "a jar of this", "they are vast")
"""What Moshi says that is like the wake word."""
LONG_PIECE_S = 60.0


def long_talk(room: str, minutes: int = 10) -> Iterator[Scene]:
    """Moshi talks on and on, with near misses of the wake word; minute by minute, nobody else speaks."""
    place, delay = ROOMS[room]
    for minute in range(minutes):
        far = [Line(0.0, "intro" if minute % 2 else "man", seconds=20.0)]
        for i, said in enumerate(NEAR_MISSES):
            far.append(Line(21.0 + 2.4 * i, WAKE_VOICES[(minute + i) % len(WAKE_VOICES)], said))
        far.append(Line(36.0, "man", seconds=22.0, begin=25.0))
        yield Scene(f"{room}: minute {minute + 1}", place, delay, LONG_PIECE_S, tuple(far))


def own_wake_words(room: str) -> Scene:
    """Moshi itself says the wake word, after some sentences, in every voice and at every speed: ten times."""
    asked = wake_words(room, 0.0)
    far = (Line(0.5, "intro", seconds=WAKE_FIRST_S - 1.0), *asked.near)
    name = f"{room}: Moshi says the wake word"
    return replace(asked, name=name, far=far, near=(), echo_dbfs=ECHO_DBFS, echo_db=None)


def _signed(decibels: float) -> str:
    return f"{decibels:+.0f}" if round(decibels) else "0"
