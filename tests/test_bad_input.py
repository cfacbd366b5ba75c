"""What a user gets wrong, through the real command line: one line on stderr, the exit code, no traceback."""

import json
import re
import shutil
import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.audio.wavfile import read_audio
from tests.program import Program

CLOSED_PORT = 9
NO_HUB = {"HF_ENDPOINT": f"http://127.0.0.1:{CLOSED_PORT}"}
MODEL = "model.q8.safetensors"


def complaint(*arguments: str | Path, home: Path, code: int, **environment: str) -> str:
    """The only line on stderr of a command that must fail, without the program's name."""
    with Program(*arguments, home=home, environment=environment) as program:
        assert program.wait() == code, program.stderr.text
    line = program.stderr.text
    assert re.fullmatch(r"moshi-speaker: [^\n]+\n", line), line
    return line.removeprefix("moshi-speaker: ").rstrip("\n")


def write_wav(path: Path, sound: np.ndarray[tuple[int, int], np.dtype[np.float32]], rate: int) -> None:
    """Write 16-bit sound, shape (n, channels)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Two seconds of a hum in stereo at 44.1 kHz, each side another one."""
    t = np.arange(2 * 44_100, dtype=np.float32) / 44_100
    path = tmp_path / "stereo.wav"
    write_wav(path, np.stack([np.sin(2 * np.pi * f * t) / 4 for f in (180, 270)], axis=1), 44_100)
    return path


@pytest.fixture
def broken_model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the model, to break."""
    return Path(shutil.copytree(tiny_model, tmp_path / "broken"))


# --- Models -------------------------------------------------------------------------------------


def test_a_truncated_model_is_named_with_what_is_missing(
    broken_model: Path, sound: Path, tmp_path: Path
) -> None:
    whole = (broken_model / MODEL).read_bytes()
    (broken_model / MODEL).write_bytes(whole[:-1000])
    line = complaint("talk", sound, "out.wav", "--model", broken_model, home=tmp_path, code=69)
    assert line.startswith(f"{broken_model / MODEL}: the file is cut off, 1000 bytes are missing; ")


def test_a_foreign_file_is_no_model(broken_model: Path, sound: Path, tmp_path: Path) -> None:
    (broken_model / MODEL).write_text("<html><title>404 Not Found</title></html>")
    line = complaint("talk", sound, "out.wav", "--model", broken_model, home=tmp_path, code=69)
    assert line.startswith(f"{broken_model / MODEL}: this is no safetensors file")


@pytest.mark.parametrize("command", ["talk", "verify"])
def test_a_missing_tensor_is_named_with_its_shape(
    command: str, broken_model: Path, sound: Path, tmp_path: Path
) -> None:
    rename_tensor(broken_model / MODEL, "out_norm.weight", "in_norm.weight")
    words = {
        "talk": ("talk", sound, "out.wav", "--model", broken_model),
        "verify": ("models", "verify", broken_model),
    }
    line = complaint(*words[command], home=tmp_path, code=69)
    assert line == f"{broken_model / MODEL}: tensor out_norm.weight (128) is missing"


def rename_tensor(path: Path, old: str, new: str) -> None:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header[new] = header.pop(old)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


def test_a_folder_without_weights_says_what_was_looked_for(sound: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    line = complaint("talk", sound, "out.wav", "--model", empty, home=tmp_path, code=69)
    assert line.startswith(f"{empty}: there is no language model here (looked for model.safetensors, ")


@pytest.mark.parametrize(
    "words", [("talk", "stereo.wav", "out.wav"), ("models", "pull", "kyutai/moshiko-mlx-q8")]
)
def test_no_network_and_nothing_cached(words: tuple[str, ...], sound: Path, tmp_path: Path) -> None:
    line = complaint(*words, home=tmp_path, code=69, HF_HOME=str(tmp_path / "cache"), **NO_HUB)
    assert line.startswith("kyutai/moshiko-mlx-q8: the hub cannot be reached; ")


def test_a_source_that_is_no_repo_is_not_downloaded(tmp_path: Path) -> None:
    line = complaint("models", "pull", "../noise", home=tmp_path, code=69, **NO_HUB)
    assert line.startswith("../noise: this is no repo id; ")


def test_a_local_folder_needs_no_download(tmp_path: Path) -> None:
    line = complaint("models", "pull", tmp_path, home=tmp_path, code=2, **NO_HUB)
    assert line.startswith(f"{tmp_path}: this is a folder; only a repo needs to be downloaded; ")


def test_a_model_for_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = complaint("models", "synth", "file/model", home=tmp_path, code=2)
    assert line.startswith("file/model: the model cannot be written: Not a directory; ")


def test_a_demo_without_its_model_is_one_line(tmp_path: Path) -> None:
    line = complaint("demo", "--model", tmp_path, home=tmp_path, code=69)
    assert line.startswith(f"{tmp_path}: there is no language model here ")


# --- Sound files --------------------------------------------------------------------------------


def test_talk_takes_stereo_at_another_rate(sound: Path, tiny_model: Path, tmp_path: Path) -> None:
    with Program("talk", sound, "out.wav", "--model", tiny_model, home=tmp_path) as program:
        assert program.wait() == 0, program.stderr.text
    with wave.open(str(tmp_path / "out.wav")) as out:
        assert (out.getframerate(), out.getnchannels()) == (SAMPLE_RATE, 1)
    voice = read_audio(tmp_path / "out.wav")
    assert len(voice) > 2 * SAMPLE_RATE
    assert np.sqrt(np.mean(np.square(voice))) > 0.005
    assert re.search(r"^ +\d+\.\d s  \w+", program.stdout.text, re.MULTILINE)
    assert program.stderr.text == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"What is the weather like?\n", "cannot be read as sound: it is neither WAV nor FLAC"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_without_sound_is_refused(
    content: bytes | None, words: str, tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "in.wav"
    if content is not None:
        path.write_bytes(content)
    line = complaint("talk", path, "out.wav", "--model", tiny_model, home=tmp_path, code=2)
    assert line.startswith(f"{path}: {words}")
    assert not (tmp_path / "out.wav").exists()


# --- Settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "config"])
@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("audio:\n  volum: 3\n", ":2", "unknown setting audio.volum; did you mean audio.volume?"),
        ("wke: {enabled: false}\n", ":1", "unknown setting wke; did you mean wake?"),
        ("audio:\n  volume: 7\n  earcons: loud\n", ":3", "audio.earcons "),
        ("mqtt:\n  username: me\n  password: !secret mqtt\n", ":3", "!secret needs "),
        ("audio: [\n", ":2", ""),
    ],
    ids=["misspelt", "misspelt section", "wrong type", "no secrets", "no YAML"],
)
def test_a_wrong_setting_is_named_with_its_line(
    command: str, text: str, where: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    arguments = ("config", "check") if command == "config" else ("run",)
    line = complaint(*arguments, "--config", path, home=tmp_path, code=78)
    assert line.startswith(f"{path}{where}: {words}"), line


def test_a_secret_that_is_not_in_its_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text("mqqt: hunter2\n")
    (tmp_path / "secrets.yaml").chmod(0o600)
    path = tmp_path / "wrong.yaml"
    path.write_text("mqtt:\n  username: me\n  password: !secret mqtt\n")
    line = complaint("run", "--config", path, home=tmp_path, code=78)
    assert line.startswith(f"{path}:3: !secret mqtt: not in {tmp_path / 'secrets.yaml'} ")
    assert "hunter2" not in line


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    line = complaint("run", "--config", "nowhere.yaml", home=tmp_path, code=78)
    assert line.startswith("nowhere.yaml: no such file")


# --- Wake words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "complains"),
    [
        (b"\0\1\2\3" * 1_000, "broken, or no TensorFlow Lite model; give an openWakeWord model"),
        (None, "no such file; correct the path, or use hey_jarvis"),
    ],
)
def test_one_of_several_wake_words_that_is_no_model_is_named(
    content: bytes | None, complains: str, tmp_path: Path, tiny_model: Path
) -> None:
    pytest.importorskip("pyopen_wakeword", reason="pyopen-wakeword has wheels for Linux only")
    word, path = tmp_path / "computer.tflite", tmp_path / "config.yaml"
    if content is not None:
        word.write_bytes(content)
    path.write_text(
        f"model: {{source: {tiny_model}}}\n"
        "speaker: {log_level: warning}\n"
        "mqtt: {port: 0}\n"
        "wake: {words: [hey_jarvis, {model: computer.tflite, threshold: 0.6}]}\n"
    )
    line = complaint("run", "--config", path, home=tmp_path, code=69)
    assert f"{word}: {complains}" in line


# --- Devices ------------------------------------------------------------------------------------


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or Path("/dev/snd").exists(), reason="this computer has a sound card"
)
def test_without_a_microphone_it_says_so(tmp_path: Path, tiny_model: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"model: {{source: {tiny_model}}}\nspeaker: {{log_level: warning}}\nmqtt: {{port: 0}}\n")
    line = complaint("run", "--config", path, home=tmp_path, code=69, PULSE_SERVER="unix:/nowhere")
    assert line == "there is no microphone; connect one, or look at the system's sound settings"
