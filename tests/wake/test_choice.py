"""Which wake words may be chosen, and what that means."""

import pytest

from moshi_speaker.settings import WakeSettings, WakeWord
from moshi_speaker.wake.choice import LONGEST, OFF, choices, chosen, present

BUNDLED = ("hey_jarvis", "alexa")


def words(*models: str) -> tuple[WakeWord, ...]:
    return tuple(WakeWord(model=model) for model in models)


def test_one_word_may_be_exchanged_for_a_bundled_one_or_none() -> None:
    offered = choices(WakeSettings(), BUNDLED)
    assert list(offered) == ["hey_jarvis", "alexa", "off"]
    assert offered["alexa"] == words("alexa")
    assert offered[OFF] == ()


def test_several_words_may_be_had_together_or_each_alone() -> None:
    configured = WakeSettings(words=(WakeWord(model="alexa", threshold=0.7), *words("./Hey_Ada.tflite")))
    offered = choices(configured, BUNDLED)
    assert list(offered) == ["alexa + Hey_Ada", "alexa", "Hey_Ada", "hey_jarvis", "off"]
    assert offered["alexa + Hey_Ada"] == configured.words
    assert offered["alexa"] == configured.words[:1], "with its own threshold"


def test_without_a_library_there_is_what_is_configured() -> None:
    assert list(choices(WakeSettings(enabled=False), ())) == ["hey_jarvis", "off"]


@pytest.mark.parametrize("stem", ["off", "none", "None"])
def test_a_file_whose_name_means_nothing_is_called_with_its_suffix(stem: str) -> None:
    configured = WakeSettings(words=words(f"models/{stem}.onnx"))
    assert list(choices(configured, ())) == [f"{stem}.onnx", "off"]
    assert present(configured) == f"{stem}.onnx"


def test_no_name_is_longer_than_home_assistant_takes() -> None:
    configured = WakeSettings(words=words(*(f"./{letter * 100}.tflite" for letter in "abc")))
    first, *others = choices(configured, ())
    assert first == present(configured) == "all 3 words"
    assert all(len(name) <= LONGEST for name in others)


def test_what_is_chosen_is_present() -> None:
    configured = WakeSettings(words=words("hey_jarvis", "alexa"), threshold=0.6)
    for name, behind in choices(configured, BUNDLED).items():
        wake = chosen(configured, behind)
        assert present(wake) == name
        assert wake.threshold == 0.6
    assert present(chosen(chosen(configured, ()), words("alexa"))) == "alexa"
