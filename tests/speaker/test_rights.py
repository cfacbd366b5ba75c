"""A speaker at a broker that lets it do no more than docs/operations.md says it needs."""

import logging
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from moshi_speaker.settings import Settings
from tests.mosquitto import Mosquitto
from tests.page import DOCS
from tests.speaker.stage import on_stage
from tests.speaker.witness import Witness

MakeSettings = Callable[..., Settings]


def rights_on_the_page() -> str:
    """The lines for the broker, for the id that tests use."""
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    found = re.search(r"```\n(user kitchen-speaker\n.*?)```", text, re.DOTALL)
    assert found
    return found[1].replace("kitchen-speaker", "speaker").replace("kitchen", "test")


@pytest.fixture
def strict(make_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> Callable[[str], Mosquitto]:
    """Starts a broker that gives the speaker certain rights, and a witness all of them."""

    def start(rights: str) -> Mosquitto:
        passwords, acl = tmp_path / "passwords", tmp_path / "acl"
        passwords.touch(mode=0o600)
        for name in ("speaker", "witness"):
            subprocess.run(["mosquitto_passwd", "-b", passwords, name, "right"], check=True)
        acl.write_text(f"{rights}\nuser witness\ntopic readwrite #\n")
        acl.chmod(0o600)
        broker = make_mosquitto("allow_anonymous false", f"password_file {passwords}", f"acl_file {acl}")
        broker.start()
        return broker

    return start


async def complaints(settings: Settings, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Warnings of a speaker that has a short talk."""
    caplog.set_level(logging.WARNING)
    witness_settings = settings.model_copy(
        update={"mqtt": settings.mqtt.model_copy(update={"username": "witness"})}
    )
    async with Witness(witness_settings) as witness, on_stage(settings) as stage:
        await witness.until("state", "idle")
        await witness.send("conversation/set", "start")
        await stage.until_session(1)
        await witness.send("conversation/set", "stop")
        await witness.json("event/conversation", event_type="ended")
        await witness.send("request/set", '{"name": "audio.volume", "value": 20}')
        await witness.json("response/set", status="ok")
    return [record.getMessage() for record in caplog.records if "broker" in record.getMessage()]


async def test_the_rights_on_the_page_are_enough(
    make_settings: MakeSettings, strict: Callable[[str], Mosquitto], caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(mqtt=account(strict(rights_on_the_page())))
    assert await complaints(settings, caplog) == []


@pytest.mark.parametrize("missing", ["topic write homeassistant/device"])
async def test_one_less_is_not(
    make_settings: MakeSettings,
    strict: Callable[[str], Mosquitto],
    caplog: pytest.LogCaptureFixture,
    missing: str,
) -> None:
    lines = [line for line in rights_on_the_page().splitlines() if not line.startswith(missing)]
    settings = make_settings(mqtt=account(strict("\n".join(lines))))
    assert await complaints(settings, caplog)


def account(broker: Mosquitto) -> dict[str, object]:
    return {"port": broker.port, "username": "speaker", "password": SecretStr("right")}
