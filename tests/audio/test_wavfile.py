import shutil
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.audio.frames import SAMPLE_RATE, WAKE_RATE, Samples
from moshi_speaker.audio.wavfile import WavWriter, read_audio, write_wav
from moshi_speaker.errors import AudioFileError

Tone = Callable[..., Samples]
needs_sox = pytest.mark.skipif(shutil.which("sox") is None, reason="not installed: sox")


def test_what_is_written_is_read_again(tmp_path: Path, tone: Tone) -> None:
    sound = tone(440, 0.5)
    write_wav(tmp_path / "a.wav", sound)
    assert read_audio(tmp_path / "a.wav") == pytest.approx(sound, abs=1 / 32768)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLE_RATE)


def test_pieces_make_one_file(tmp_path: Path, tone: Tone) -> None:
    sound = tone(440, 0.1)
    with WavWriter(tmp_path / "a.wav", 16_000) as file:
        file.write(sound[:1000])
        file.write(sound[1000:])
        file.close()
    assert len(read_audio(tmp_path / "a.wav", 16_000)) == len(sound)


@needs_sox
@pytest.mark.parametrize(
    "encoding",
    [
        "-e unsigned-integer -b 8",
        "-b 16",
        "-b 24",
        "-b 32",
        "-e floating-point -b 32",
        "-e floating-point -b 64",
    ],
)
@pytest.mark.parametrize("layout", ["-r 24000 -c 1", "-r 44100 -c 2"])
def test_wav_of_every_kind(tmp_path: Path, encoding: str, layout: str) -> None:
    path = tmp_path / "a.wav"
    command = f"sox -V1 -R -n {layout} {encoding} {path} synth 0.5 sine 440 vol 0.5"
    subprocess.run(command.split(), check=True, timeout=30)
    sound = read_audio(path)
    assert sound.dtype == np.float32
    assert len(sound) == SAMPLE_RATE // 2
    assert np.abs(sound[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)
    assert np.argmax(np.abs(np.fft.rfft(sound))) * 2 == 440


@needs_sox
def test_flac_in_stereo_at_44100(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    subprocess.run(f"sox -V1 -n -r 44100 -c 2 {path} synth 0.5 sine 440".split(), check=True, timeout=30)
    sound = read_audio(path)
    assert len(sound) == SAMPLE_RATE // 2
    assert np.argmax(np.abs(np.fft.rfft(sound))) * 2 == 440


def test_another_rate_may_be_asked_for(tmp_path: Path, tone: Tone) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 0.5))
    assert len(read_audio(tmp_path / "a.wav", WAKE_RATE)) == WAKE_RATE // 2


def test_a_file_cut_short_gives_what_is_there(tmp_path: Path, tone: Tone) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 0.5))
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:1045])
    assert len(read_audio(tmp_path / "b.wav")) == (1045 - 44) // 2


def header(code: int, channels: int, rate: int, bits: int) -> bytes:
    fields = ((code, 2), (channels, 2), (rate, 4), (0, 4), (0, 2), (bits, 2))
    return b"".join(value.to_bytes(size, "little") for value, size in fields)


def riff(layout: bytes, data: bytes) -> bytes:
    chunks = b"fmt " + len(layout).to_bytes(4, "little") + layout
    chunks += b"data" + len(data).to_bytes(4, "little") + data
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WAVE" + chunks


BAD = {
    "empty": (b"", "the file is empty"),
    "text": (b"I am no sound at all.\n", "neither WAV nor FLAC"),
    "no chunks": (b"RIFF\x04\x00\x00\x00WAVE", "no fmt part"),
    "no samples": (riff(header(1, 1, 24000, 16), b""), "holds no sound"),
    "no channels": (riff(header(1, 0, 24000, 16), bytes(8)), "header is broken"),
    "short header": (riff(b"\x01\x00", bytes(8)), "header is broken"),
    "odd bits": (riff(header(1, 1, 24000, 12), bytes(8)), "header is broken"),
    "a-law": (riff(header(6, 1, 8000, 8), bytes(8)), "code 6, 8 bits"),
    "not a number": (riff(header(3, 1, 24000, 32), b"\xff" * 8), "no numbers"),
    "broken flac": (b"fLaC\x80\x00\x00\x00", "header is broken"),
}


@pytest.mark.parametrize(("data", "why"), BAD.values(), ids=BAD.keys())
def test_what_is_no_sound_is_refused_in_one_line(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "bad.wav"
    path.write_bytes(data)
    with pytest.raises(AudioFileError) as caught:
        read_audio(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert why in message
    assert message.endswith("give a WAV (PCM or float) or FLAC file")
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_there_and_one_that_cannot_be(tmp_path: Path, tone: Tone) -> None:
    with pytest.raises(AudioFileError, match="No such file"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(AudioFileError, match="No such file"):
        write_wav(tmp_path / "no folder" / "a.wav", tone(440, 0.1))
    with pytest.raises(AudioFileError, match="this is no file"):
        read_audio(tmp_path)


@pytest.mark.parametrize("rate", [1, 8, 3_999, 1_000_000])
def test_a_rate_that_makes_no_sense_is_refused_before_it_is_converted(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "odd.wav"
    write_wav(path, np.zeros(24_000, np.float32), rate)
    with pytest.raises(AudioFileError, match=f"a rate of {rate} Hz is not supported"):
        read_audio(path)


def test_what_is_no_file_is_not_read() -> None:
    with pytest.raises(AudioFileError, match="this is no file"):
        read_audio(Path("/dev/zero"))
