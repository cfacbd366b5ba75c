"""The real models of the Linux wheel: what wakes them, what does not, and files that are no models."""

import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from moshi_speaker.errors import MissingPartError
from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.detector import CHUNK_SAMPLES, Detection, Detector, WakeChunk
from moshi_speaker.wake.policy import WakePolicy

pyopen_wakeword = pytest.importorskip("pyopen_wakeword", reason="pyopen-wakeword has wheels for Linux only")

from moshi_speaker.wake.features import Features  # noqa: E402 (needs the library)
from moshi_speaker.wake.pyopen import BUNDLED, PyOpenEngine  # noqa: E402
from moshi_speaker.wake.tflite import Array  # noqa: E402

ROOT = Path(__file__).parents[2]
PACKAGED = ROOT / "daemon/moshi_speaker/data"
CLIPS = ROOT / "tests/data/clips"
RECORDINGS = ROOT.parent / "shared/audio"
MODELS = Path(pyopen_wakeword.__file__).parent / "models"

CHUNK_S = 0.08
LEAD_S = 1.36
"""Silence before each clip: a little longer than the gate."""


def read_clip(path: Path, seconds: float = 60.0) -> NDArray[np.int16]:
    """The beginning of a 16-bit mono file, at 16 kHz."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(int(seconds * rate)), np.int16)
    resampled: NDArray[np.int16] = soxr.resample(sound, rate, 16_000)
    return resampled


def recording(name: str) -> Path:
    """A real recording that lies beside the repository, or skip."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"{name} is a recording of a real person, kept beside the repository and not in it")
    return path


def detections(detector: Detector, sound: NDArray[np.int16], begins: float = 0.0) -> list[Detection]:
    """All detections in silence, the sound (which begins at that time) and a second of silence."""
    silence = np.zeros(round(LEAD_S * 16_000), np.int16)
    padded = np.concatenate([silence, sound, np.zeros(16_000, np.int16)])
    chunks = padded[: len(padded) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    heard = [detector.hear(chunk, begins + (n + 1) * CHUNK_S - LEAD_S) for n, chunk in enumerate(chunks)]
    return [detection for detection in heard if detection is not None]


def detector_of(*models: str | Path, **settings: object) -> Detector:
    """A detector over the real models, with the default policy but for what is given."""
    policy = WakePolicy.from_settings(WakeSettings.model_validate(settings))
    return Detector(PyOpenEngine(models), policy)


@pytest.fixture
def jarvis() -> Iterator[Detector]:
    """A detector for "hey jarvis" with the default policy."""
    detector = detector_of("hey_jarvis")
    yield detector
    detector.close()


@pytest.mark.parametrize("clip", [PACKAGED / "hey_jarvis.wav", CLIPS / "hey_jarvis_question.wav"])
def test_hey_jarvis_wakes_once_right_after_the_word(jarvis: Detector, clip: Path) -> None:
    (detection,) = detections(jarvis, read_clip(clip))
    assert detection.wake_word == "hey_jarvis"
    assert detection.score > 0.9
    assert 0.8 < detection.at < 1.8


@pytest.mark.parametrize("clip", [PACKAGED / "question.wav", CLIPS / "not_wake.wav"])
def test_other_words_do_not_wake(jarvis: Detector, clip: Path) -> None:
    assert detections(jarvis, read_clip(clip)) == []
    assert jarvis.statistics.near_misses == 0


def test_a_word_is_found_again_after_a_reset_and_not_without_a_new_one(jarvis: Detector) -> None:
    clip = read_clip(PACKAGED / "hey_jarvis.wav")
    (first,) = detections(jarvis, clip)
    jarvis.reset()
    assert detections(jarvis, np.zeros(16_000, np.int16), begins=10.0) == []
    jarvis.reset()
    (second,) = detections(jarvis, clip, begins=20.0)
    assert (second.score, round(second.at - 20.0, 6)) == (first.score, round(first.at, 6))


def test_a_reset_forgets_all_sound() -> None:
    fresh, used = PyOpenEngine(["hey_jarvis"]), PyOpenEngine(["hey_jarvis"])
    clip = read_clip(PACKAGED / "hey_jarvis.wav")
    chunks = clip[: len(clip) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    expected = [fresh.scores(chunk) for chunk in chunks]
    assert max(expected) > [0.9]
    assert [used.scores(chunk) for chunk in chunks] == expected
    assert [used.scores(chunk) for chunk in chunks] != expected
    used.reset()
    assert [used.scores(chunk) for chunk in chunks] == expected


def test_a_recorded_alexa_wakes_alexa_and_not_jarvis(jarvis: Detector) -> None:
    sound = read_clip(recording("wake_alexa.wav"))
    alexa = detector_of("alexa")
    (detection,) = detections(alexa, sound)
    assert (detection.wake_word, detection.score > 0.9) == ("alexa", True)
    assert detections(jarvis, sound) == []


@pytest.mark.parametrize("model", BUNDLED)
def test_a_recorded_hey_jane_wakes_nothing(model: str) -> None:
    detector = detector_of(model, patience=1)
    assert detections(detector, read_clip(recording("not_wake_hey_jane.wav"))) == []


@pytest.mark.parametrize("name", ["speech_fr_man_24k.wav", "speech_fr_intro_24k.wav"])
def test_french_speech_does_not_wake(name: str) -> None:
    detector = detector_of("hey_jarvis", patience=1)
    assert detections(detector, read_clip(recording(name), seconds=10)) == []


def test_a_model_file_is_named_after_the_file(tmp_path: Path) -> None:
    path = tmp_path / "computer.tflite"
    path.write_bytes((MODELS / "hey_jarvis.tflite").read_bytes())
    detector = detector_of(path)
    (detection,) = detections(detector, read_clip(PACKAGED / "hey_jarvis.wav"))
    assert detection.wake_word == "computer"


def test_several_words_score_as_each_alone_and_share_all_but_their_classifiers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clip = read_clip(PACKAGED / "hey_jarvis.wav")
    chunks = clip[: len(clip) // CHUNK_SAMPLES * CHUNK_SAMPLES].reshape(-1, CHUNK_SAMPLES)
    alone = [PyOpenEngine([model]) for model in BUNDLED]
    expected = [[engine.scores(chunk)[0] for engine in alone] for chunk in chunks]
    together = PyOpenEngine(BUNDLED)
    assert together.words == BUNDLED
    fed = 0
    feed = Features.feed

    def counted(features: Features, chunk: WakeChunk) -> Array:
        nonlocal fed
        fed += 1
        return feed(features, chunk)

    monkeypatch.setattr(Features, "feed", counted)
    assert [together.scores(chunk) for chunk in chunks] == expected
    assert fed == len(chunks)


def test_a_classifier_that_looks_back_less_gets_the_latest_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Array] = []

    class Short:
        input_shape = (1, 4, 96)

        def run(self, windows: Array) -> Array:
            seen.append(windows)
            return np.zeros(1, np.float32)

        def close(self) -> None:
            pass

    class Long(Short):
        input_shape = (1, 28, 96)

    kinds = iter((Short(), Long()))
    monkeypatch.setattr("moshi_speaker.wake.pyopen._classifier", lambda path: next(kinds))
    engine = PyOpenEngine(["hey_jarvis", "alexa"])
    noise = np.random.default_rng(3).integers(-3_000, 3_000, (30, CHUNK_SAMPLES)).astype(np.int16)
    for chunk in noise:
        engine.scores(chunk)
    short, long = seen[-2:]
    assert (short.shape, long.shape) == ((1, 4, 96), (1, 28, 96))
    assert short.flags.c_contiguous
    assert np.array_equal(short, long[:, -4:])
    assert len(np.unique(long, axis=1)[0]) == 28
    engine.close()


def test_two_words_are_told_apart_and_only_the_right_one_wakes() -> None:
    detector = detector_of("alexa", "hey_jarvis", "hey_mycroft")
    (detection,) = detections(detector, read_clip(PACKAGED / "hey_jarvis.wav"))
    assert detection.wake_word == "hey_jarvis"
    words = detector.statistics.words
    assert {name: word.detections for name, word in words.items()} == {
        "alexa": 0,
        "hey_jarvis": 1,
        "hey_mycroft": 0,
    }
    assert words["hey_jarvis"].histogram[-1] == 1


def test_loud_noise_while_the_gate_is_closed_wakes_nothing() -> None:
    policy = WakePolicy(threshold=1e-6, patience=1, refractory_s=0.0)
    detector = Detector(PyOpenEngine(["hey_jarvis"]), policy)
    noise = np.random.default_rng(4).integers(-32_768, 32_767, (40, CHUNK_SAMPLES)).astype(np.int16)
    for round_ in range(2):
        heard = [detector.hear(chunk, round_ * 10.0 + n * CHUNK_S) for n, chunk in enumerate(noise)]
        assert heard[:16] == [None] * 16
        assert any(heard), "a threshold that any sound reaches, or nothing would be shown"
        detector.reset()


def test_an_engine_may_be_closed_twice() -> None:
    engine = PyOpenEngine(["alexa"])
    engine.close()
    engine.close()
    assert engine.scores(np.zeros(CHUNK_SAMPLES, np.int16)) == [0.0]


def broken_files(folder: Path) -> dict[str, Path]:
    """Files that are no model, and models that are not of a wake word."""
    whole = (MODELS / "hey_jarvis.tflite").read_bytes()
    contents = {
        "empty": b"",
        "noise": np.random.default_rng(2).bytes(5_000),
        "truncated": whole[: len(whole) // 2],
        "melspectrogram": (MODELS / "melspectrogram.tflite").read_bytes(),
        "embedding": (MODELS / "embedding_model.tflite").read_bytes(),
    }
    for name, content in contents.items():
        (folder / f"{name}.tflite").write_bytes(content)
    return {name: folder / f"{name}.tflite" for name in contents}


def test_a_file_that_is_no_wake_word_model_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, path in broken_files(tmp_path).items():
        expected = "its input is" if name in ("melspectrogram", "embedding") else "broken"
        with pytest.raises(MissingPartError, match=expected) as caught:
            PyOpenEngine(["alexa", path])
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert "ERROR" not in capfd.readouterr().err


def test_a_broken_file_does_not_take_the_process_with_it(tmp_path: Path) -> None:
    path = broken_files(tmp_path)["truncated"]
    script = (
        "from moshi_speaker.errors import SpeakerError\n"
        "from moshi_speaker.settings import WakeSettings\n"
        "from moshi_speaker.wake.auto import open_engine\n"
        f"try: open_engine(WakeSettings.model_validate({{'words': ({str(path)!r},)}}))\n"
        "except SpeakerError as error: raise SystemExit(error.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT / "daemon")}, timeout=60, check=False
    )
    assert done.returncode == 69
