"""What the speaker says of itself, and what it never says."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from moshi_speaker import __version__
from moshi_speaker.home.info import Info, info, without_credentials, without_secrets
from moshi_speaker.home.topics import Topics
from moshi_speaker.settings import Settings

TOPICS = Topics("moshi-speaker", "kitchen")
SECRET = "correct-horse-battery-staple"


def told(settings: Settings) -> str:
    about = Info(settings, ("alexa",), ("wake.threshold",), ("mqtt.port",))
    message = info(TOPICS, about, instance="4f2a", hardware="Mac16,10")
    assert message.topic == "moshi-speaker/kitchen/info"
    assert (message.qos, message.retain) == (1, True)
    return message.payload


def secrets(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way to every setting that may be a secret."""
    for name, field in model.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        if SecretStr in kinds:
            yield (*above, name)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from secrets(kind, (*above, name))


def with_secret(section: BaseModel, way: tuple[str, ...]) -> BaseModel:
    """The section with the secret at the end of that way."""
    first, *rest = way
    inner = with_secret(getattr(section, first), tuple(rest)) if rest else SecretStr(SECRET)
    return section.model_copy(update={first: inner})


def test_it_says_what_runs_where_and_how_it_is_set() -> None:
    said = json.loads(told(Settings()))
    assert list(said) == [
        *("version", "instance", "python", "platform", "machine", "model", "wake_words"),
        *("live_settings", "restart_required", "settings", "settings_schema"),
    ]
    assert (said["version"], said["instance"], said["machine"]) == (__version__, "4f2a", "Mac16,10")
    assert said["model"] == said["settings"]["model"]["source"] == "kyutai/moshiko-mlx-q8"
    assert said["wake_words"] == ["alexa"]
    assert said["settings"]["wake"]["words"] == [{"model": "hey_jarvis", "threshold": None}]
    assert said["settings"]["conversation"]["goodbye_phrases"] == ["goodbye", "good bye", "bye bye"]
    assert said["settings_schema"]["properties"].keys() == said["settings"].keys()
    assert len(told(Settings()).encode()) < 65_536


def test_every_setting_but_the_secrets_is_there() -> None:
    def names(values: dict[str, Any], above: str = "") -> set[str]:
        found: set[str] = set()
        for name, value in values.items():
            found |= names(value, f"{above}{name}.") if isinstance(value, dict) else {above + name}
        return found

    hidden = {".".join(way) for way in secrets(Settings)}
    assert "mqtt.password" in hidden
    everything = names(Settings().model_dump(mode="json"))
    assert names(json.loads(told(Settings()))["settings"]) == everything - hidden


def test_no_secret_is_ever_said() -> None:
    settings: BaseModel = Settings()
    ways = list(secrets(Settings))
    assert ways
    for way in ways:
        settings = with_secret(settings, way)
    assert isinstance(settings, Settings)
    text = told(settings)
    assert SECRET not in text and "**" not in text
    assert SECRET not in str(without_secrets(settings))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"https://me:{SECRET}@example.org/moshi", "https://example.org/moshi"),
        (f"https://{SECRET}@example.org/moshi", "https://example.org/moshi"),
        (f"mqtts://me:a/{SECRET}@broker:8883", "mqtts://broker:8883"),
        (f"https://me:@{SECRET}@example.org", "https://example.org"),
        (f"see https://me:{SECRET}@a.org and http://b.org", "see https://a.org and http://b.org"),
        ("https://example.org:8080/moshi?x=1", "https://example.org:8080/moshi?x=1"),
        ("kyutai/moshiko-mlx-q8", "kyutai/moshiko-mlx-q8"),
        ("me@example.org", "me@example.org"),
    ],
)
def test_a_url_says_nothing_of_who_may_use_it(text: str, said: str) -> None:
    assert without_credentials(text) == said
    settings = Settings.model_validate({"model": {"source": text}, "audio": {"input_device": text}})
    assert SECRET not in told(settings)
