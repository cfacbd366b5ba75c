"""Which engine is taken, and one line for everything that a user can get wrong."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker.errors import ConfigError, MissingPartError, SpeakerError
from moshi_speaker.settings import WakeSettings, WakeWord
from moshi_speaker.wake import auto
from moshi_speaker.wake.auto import bundled_words, choose_engine, open_engine
from moshi_speaker.wake.detector import CHUNK_SAMPLES, WakeChunk

BOTH = {"openwakeword", "pyopen_wakeword"}
PYOPEN = {"pyopen_wakeword"}
OPENWW = {"openwakeword"}


def wake(*words: object, engine: str = "auto") -> WakeSettings:
    """Settings with these wake words."""
    return WakeSettings.model_validate({"engine": engine, "words": words})


@pytest.mark.parametrize(
    ("engine", "model", "platform", "there", "expected"),
    [
        ("auto", "hey_jarvis", "linux", BOTH, "pyopen_wakeword"),
        ("auto", "hey_jarvis", "darwin", BOTH, "openwakeword"),
        ("auto", "hey_jarvis", "linux", OPENWW, "openwakeword"),
        ("auto", "hey_jarvis", "darwin", PYOPEN, "pyopen_wakeword"),
        ("auto", "./mine.onnx", "linux", BOTH, "openwakeword"),
        ("auto", "mine.tflite", "darwin", BOTH, "pyopen_wakeword"),
        ("openwakeword", "hey_jarvis", "linux", BOTH, "openwakeword"),
        ("pyopen_wakeword", "~/mine.tflite", "linux", BOTH, "pyopen_wakeword"),
    ],
)
def test_the_engine_follows_settings_suffix_platform_and_what_is_there(
    engine: str, model: str, platform: str, there: set[str], expected: str
) -> None:
    word = WakeWord(model=model)
    assert choose_engine(engine, word, platform, there.__contains__) == expected


@pytest.mark.parametrize(
    ("engine", "model", "there", "kind", "line"),
    [
        (
            "auto",
            "hey_jarvis",
            set(),
            MissingPartError,
            "pyopen_wakeword is not installed; pip install pyopen-",
        ),
        (
            "openwakeword",
            "alexa",
            PYOPEN,
            MissingPartError,
            "openwakeword is not installed; pip install openw",
        ),
        (
            "auto",
            "a.onnx",
            PYOPEN,
            MissingPartError,
            "openwakeword, which reads .onnx files, is not installed",
        ),
        (
            "pyopen_wakeword",
            "a.onnx",
            BOTH,
            ConfigError,
            "pyopen_wakeword reads no .onnx files; give a .tflite",
        ),
        (
            "openwakeword",
            "a.tflite",
            BOTH,
            ConfigError,
            "openwakeword reads no .tflite files; give a .onnx file",
        ),
        ("auto", "models/a.pt", BOTH, ConfigError, "reads no .pt files; give a .tflite or .onnx file"),
        ("auto", "models/a", BOTH, ConfigError, "reads no such files"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    engine: str, model: str, there: set[str], kind: type[SpeakerError], line: str
) -> None:
    word = WakeWord(model=model)
    with pytest.raises(kind) as caught:
        choose_engine(engine, word, "linux", there.__contains__)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_model_names_the_nearest_and_all_others() -> None:
    with pytest.raises(ConfigError) as caught:
        open_engine(wake("alexa", "hey_jarvi"))
    assert "did you mean hey_jarvis?" in str(caught.value)
    assert "alexa, hey_jarvis, hey_mycroft" in str(caught.value)


def test_an_unknown_model_names_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="no model 'zzzz'") as caught:
        open_engine(wake("zzzz"))
    assert "did you mean" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.tflite"
    with pytest.raises(MissingPartError) as caught:
        open_engine(wake("hey_jarvis", str(path), engine="pyopen_wakeword"))
    assert f"{path}: no such file" in str(caught.value)


def test_the_default_settings_open_an_engine() -> None:
    engine = open_engine(WakeSettings())
    assert engine.words == ("hey_jarvis",)
    engine.close()


class FakeEngine:
    """An engine that scores by the lengths of its words' names, and says what is done with it."""

    def __init__(self, models: Sequence[str | Path]) -> None:
        self.calls: list[str] = []
        self.words = tuple(Path(model).stem for model in models)

    def scores(self, chunk: WakeChunk) -> list[float]:
        return [len(word) / 100 for word in self.words]

    def reset(self) -> None:
        self.calls.append("reset")

    def close(self) -> None:
        self.calls.append("close")


def test_words_of_two_libraries_are_heard_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[FakeEngine] = []

    def load(models: Sequence[str | Path]) -> FakeEngine:
        made.append(FakeEngine(models))
        return made[-1]

    monkeypatch.setattr(auto, "_is_installed", lambda package: True)
    monkeypatch.setattr(auto, "_load_pyopen", lambda: (("alexa", "hey_jarvis"), load))
    monkeypatch.setattr(auto, "_load_openww", lambda: (("alexa", "hey_jarvis"), load))
    monkeypatch.setattr("sys.platform", "linux")
    mine = tmp_path / "computer.onnx"
    mine.touch()
    engine = open_engine(wake("alexa", str(mine), "hey_jarvis"))
    assert engine.words == ("alexa", "hey_jarvis", "computer")
    assert list(engine.scores(np.zeros(CHUNK_SAMPLES, np.int16))) == [0.05, 0.1, 0.08]
    engine.reset()
    engine.close()
    assert [part.calls for part in made] == [["reset", "close"]] * 2


def test_the_bundled_words_are_those_of_the_engine_that_would_be_taken() -> None:
    names = bundled_words(wake("./mine.tflite"))
    assert "hey_jarvis" in names and "alexa" in names
    assert open_engine(wake(names[-1])).words == (names[-1],)


def test_without_an_engine_there_are_no_bundled_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "_is_installed", lambda package: False)
    assert bundled_words(wake("hey_jarvis")) == ()


def test_a_library_that_does_not_load_has_no_bundled_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[tuple[str, ...], auto.Loader]:
        raise ImportError("libtensorflowlite_c.so: no such file")

    monkeypatch.setattr(auto, "_load_pyopen", broken)
    assert bundled_words(wake("hey_jarvis", engine="pyopen_wakeword")) == ()
