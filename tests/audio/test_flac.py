import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.audio.flac import FlacError, decode

pytestmark = pytest.mark.skipif(shutil.which("sox") is None, reason="not installed: sox")

FORMS = {
    "tones, stereo, 44.1 kHz": "-r 44100 -b 16 -c 2 OUT synth 0.7 sine 440 sine 443",
    "24 bits, little to predict": "-r 48000 -b 24 -c 1 OUT synth 0.3 whitenoise",
    "8 bits": "-r 8000 -b 8 -c 1 OUT synth 1 sine 300",
    "silence": "-r 24000 -b 16 -c 1 OUT trim 0 0.5",
    "fastest": "-r 24000 -b 16 -c 2 -C 0 OUT synth 0.5 pinknoise sine 100",
    "best": "-r 24000 -b 16 -c 1 -C 8 OUT synth 0.5 sawtooth 200-2000 vol 0.7",
    "three channels": "-r 24000 -b 16 -c 3 OUT synth 0.2 pluck",
    "very loud": "-r 24000 -b 16 -c 2 OUT synth 0.3 square 500 whitenoise vol 1",
    "low bits unused": "-r 24000 -b 24 -c 1 OUT synth 0.2 sine 700 vol 0.5",
}


def make(folder: Path, form: str) -> bytes:
    path = folder / "sound.flac"
    command = ["sox", "-V1", "-R", "-n", *form.split()]
    subprocess.run([str(path) if word == "OUT" else word for word in command], check=True, timeout=30)
    return path.read_bytes()


def reference(folder: Path, channels: int) -> NDArray[np.float32]:
    command = ["sox", "-V1", str(folder / "sound.flac"), "-t", "f32", "-"]
    raw = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    return np.frombuffer(raw, np.float32).reshape(-1, channels)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_sample_is_that_of_the_reference_decoder(tmp_path: Path, form: str) -> None:
    sound, rate = decode(make(tmp_path, form))
    assert rate == int(form.split()[1])
    assert len(sound) > 0
    assert np.array_equal(sound, reference(tmp_path, sound.shape[1]))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    data = make(tmp_path, FORMS["fastest"])
    for size in (10, 60, len(data) // 2, len(data) - 1):
        with pytest.raises(FlacError):
            decode(data[:size])


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    data = bytearray(make(tmp_path, FORMS["best"]))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(FlacError):
        decode(bytes(data))


@pytest.mark.parametrize("data", [b"", b"fLaC", b"RIFF1234WAVE", b"fLaC" + bytes(40)])
def test_what_is_no_flac_is_refused(data: bytes) -> None:
    with pytest.raises(FlacError):
        decode(data)


def test_random_damage_ends_in_an_error_of_ours_or_not_at_all(tmp_path: Path) -> None:
    data = make(tmp_path, "-r 24000 -b 16 -c 2 OUT synth 0.2 sine 440 pinknoise")
    dice = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(data)
        for place in dice.integers(4, len(data), 4):
            damaged[place] = dice.integers(256)
        try:
            decode(bytes(damaged))
        except FlacError:
            continue
