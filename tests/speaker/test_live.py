"""Settings that change while the speaker runs."""

import pytest

from moshi_speaker.errors import BadCommand
from moshi_speaker.events import Value
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.live import LiveSettings


@pytest.fixture
def taken() -> list[Settings]:
    """What the part of these tests was given."""
    return []


@pytest.fixture
def live(taken: list[Settings]) -> LiveSettings:
    live = LiveSettings(Settings())
    live.on_change(taken.append, "wake.threshold", "wake.patience", "audio.earcons")
    live.on_change(taken.append, "conversation.goodbye_phrases", "conversation.end_silence_s")
    return live


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wake.threshold", 0.75),
        ("wake.patience", 3),
        ("audio.earcons", False),
        ("conversation.goodbye_phrases", ["so long", "tschüss"]),
        ("conversation.goodbye_phrases", []),
        ("conversation.end_silence_s", 4),
    ],
)
def test_a_value_is_taken_at_once(live: LiveSettings, taken: list[Settings], name: str, value: Value) -> None:
    assert live.change(name, value) == value
    section, field = name.split(".")
    (settings,) = taken
    assert settings is live.settings
    assert settings.model_dump(mode="json")[section][field] == value


def test_a_whole_number_may_come_with_a_point(live: LiveSettings, taken: list[Settings]) -> None:
    value = live.change("wake.patience", 3.0)
    assert (value, type(value), type(taken[-1].wake.patience)) == (3, int, int)


def test_values_add_up(live: LiveSettings, taken: list[Settings]) -> None:
    live.change("wake.threshold", 0.75)
    live.change("wake.patience", 3)
    assert (taken[-1].wake.threshold, taken[-1].wake.patience) == (0.75, 3)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("wake.threshold", 1.5, "wake.threshold cannot be 1.5; give a number above 0, up to 1"),
        ("wake.threshold", "0.5", "wake.threshold cannot be '0.5'; give a number above 0, up to 1"),
        ("wake.threshold", None, "give a number"),
        ("wake.patience", 2.5, "give a whole number from 1 to 20"),
        ("wake.patience", True, "give a whole number"),
        ("audio.earcons", 1, "give true or false"),
        ("conversation.end_silence_s", 0, "give a number above 0"),
        ("conversation.end_silence_s", [1.0], "give a number above 0"),
        ("conversation.goodbye_phrases", "bye", "give a list"),
        ("conversation.goodbye_phrases", [""], "give a list"),
        ("conversation.goodbye_phrases", ["x"] * 33, "give a list"),
        ("wake.treshold", 0.5, "there is no setting 'wake.treshold'; did you mean wake.threshold?"),
        ("wake", 0.5, "there is no setting 'wake'"),
        ("", 0.5, "there is no setting ''"),
        ("x" * 500, 0.5, "there is no setting"),
        ("mqtt.host", "h", "mqtt.host cannot change while the speaker runs; change it in the configuration"),
        ("mqtt.tls.enabled", True, "mqtt.tls.enabled cannot change while the speaker runs"),
    ],
)
def test_anything_else_is_refused_in_one_line_and_changes_nothing(
    live: LiveSettings, taken: list[Settings], name: str, value: Value, says: str
) -> None:
    with pytest.raises(BadCommand) as caught:
        live.change(name, value)
    line = str(caught.value)
    assert says in line
    assert "\n" not in line and len(line) < 300
    assert not taken and live.settings == Settings()


def test_nobody_takes_a_setting_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"no such settings: wake\.volume"):
        LiveSettings(Settings()).on_change(print, "wake.volume")


def changed(settings: Settings, **sections: dict[str, object]) -> Settings:
    """The same with other values."""
    values = settings.model_dump() | {
        name: getattr(settings, name).model_dump() | fields for name, fields in sections.items()
    }
    return Settings.model_validate(values)


def test_of_a_file_that_was_read_again_what_can_change_does_and_the_rest_is_named(
    live: LiveSettings, taken: list[Settings]
) -> None:
    file = changed(
        Settings(),
        wake={"threshold": 0.7, "patience": 3, "keep_clip": True},
        mqtt={"host": "broker", "tls": {"enabled": True}},
    )
    adopted = live.adopt(file)
    assert adopted.changed == ("wake.patience", "wake.threshold")
    assert adopted.restart_required == ("mqtt.host", "mqtt.tls.enabled", "wake.keep_clip")
    (settings,) = taken
    assert (settings.wake.threshold, settings.wake.patience) == (0.7, 3)
    assert not settings.wake.keep_clip, "what needs a restart stays as it is"
    assert live.settings is settings
    assert live.configured is file


def test_the_file_wins_over_a_value_that_somebody_asked_for(
    live: LiveSettings, taken: list[Settings]
) -> None:
    live.change("wake.threshold", 0.75)
    assert live.configured.wake.threshold == 0.5
    assert live.adopt(Settings()).changed == ("wake.threshold",)
    assert taken[-1].wake.threshold == 0.5


def test_a_file_that_says_the_same_changes_nothing(live: LiveSettings, taken: list[Settings]) -> None:
    adopted = live.adopt(Settings())
    assert (adopted.changed, adopted.restart_required, taken) == ((), (), [])


def test_what_was_changed_back_needs_no_restart_any_more(live: LiveSettings) -> None:
    assert live.adopt(changed(Settings(), model={"seed": 7})).restart_required == ("model.seed",)
    assert live.adopt(Settings()).restart_required == ()
