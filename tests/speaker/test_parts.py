"""The real parts, by the settings."""

from pathlib import Path

import pytest

from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.settings import ConversationSettings, Settings, WakeSettings
from moshi_speaker.speaker.parts import stop_detector


def with_model(model: str | None, **talk: float) -> Settings:
    return Settings(
        wake=WakeSettings(patience=3),
        conversation=ConversationSettings.model_validate({"stop_model": model, **talk}),
    )


def test_without_a_model_nobody_listens_for_a_stop_phrase() -> None:
    assert stop_detector(with_model(None)) is None


def test_the_stop_phrase_has_a_model_and_a_threshold_of_its_own() -> None:
    detector = stop_detector(with_model("alexa", stop_threshold=0.7))
    assert detector is not None
    assert detector.wake_words == ("alexa",)
    assert (detector.policy.threshold, detector.policy.patience) == (0.7, 3)
    detector.close()


def test_a_model_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(MissingPartError, match=r"^conversation\.stop_model: .*stop\.tflite: no such file"):
        stop_detector(with_model(str(tmp_path / "stop.tflite")))
    with pytest.raises(ConfigError, match=r"^conversation\.stop_model: no model 'stop'"):
        stop_detector(with_model("stop"))


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "stop.tflite").write_bytes(b"no model at all")
    with pytest.raises(MissingPartError) as caught:
        stop_detector(with_model(str(tmp_path / "stop.tflite")))
    assert "\n" not in str(caught.value)
    assert "stop.tflite" in str(caught.value)
