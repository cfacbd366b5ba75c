"""Settings of a speaker that is quick to act."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moshi_speaker.settings import Settings
from moshi_speaker.speaker import heartbeat
from tests.mosquitto import Mosquitto

MakeSettings = Callable[..., Settings]


@pytest.fixture
def make_settings(mosquitto: Mosquitto, tmp_path: Path) -> MakeSettings:
    """Makes settings; sections given here are added to the quick ones."""

    def make(**sections: dict[str, Any]) -> Settings:
        quick: dict[str, dict[str, Any]] = {
            "speaker": {"id": "test", "state_dir": tmp_path},
            "engine": {"restart_delay_s": 0.05, "lag_timeout_s": 0.2},
            "audio": {"reopen_delay_s": 0.05, "reopen_delay_max_s": 0.1, "zero_input_s": 0.0},
            "conversation": {"preroll_s": 0.44, "end_silence_s": 30.0},
            "mqtt": {
                "host": "127.0.0.1",
                "port": mosquitto.port,
                "transcripts": {"assistant": "events"},
            },
        }
        for name, values in sections.items():
            quick[name] = {**quick.get(name, {}), **values}
        return Settings.model_validate(quick)

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings with which a talk does not end by itself within a test."""
    return make_settings()


@pytest.fixture(autouse=True)
def patient_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The microphone of a test gives sound when the test says so, not all the time."""
    monkeypatch.setattr(heartbeat, "STALL_S", 3_600.0)
    monkeypatch.setattr(heartbeat, "HANG_S", 3_600.0)
