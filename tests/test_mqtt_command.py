"""``moshi-speaker mqtt``: what it shows, and that nothing is left when it has removed."""

import io
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from paho.mqtt import publish
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from moshi_speaker.cli import main
from moshi_speaker.home import removal
from moshi_speaker.speaker.sole import sole_user
from tests.certificates import Authority
from tests.home.validator import mistakes
from tests.mosquitto import Mosquitto

ROOT = "moshi-speaker/kitchen"
CONFIG = "homeassistant/device/moshi_speaker_kitchen/config"
OURS = {f"{ROOT}/state", f"{ROOT}/info", f"{ROOT}/of/an/earlier/version", CONFIG}
OTHERS = {"moshi-speaker/bedroom/state", "homeassistant/device/moshi_speaker_bedroom/config"}
PATIENCE_S = 10.0

Configure = Callable[..., str]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Writes a file of settings; more of the mqtt section may be given."""

    def write(speaker_id: str | None = "kitchen", **mqtt: object) -> str:
        speaker = {"id": speaker_id, "state_dir": str(tmp_path / "state")}
        path = tmp_path / "config.yaml"
        path.write_text(json.dumps({"speaker": speaker, "mqtt": mqtt}))
        path.chmod(0o600)
        return str(path)

    return write


@pytest.fixture
def config(configure: Configure, mosquitto: Mosquitto) -> str:
    """Settings for a broker that keeps something of this speaker, and of another."""
    leave(mosquitto.port, *OURS, *OTHERS)
    return configure(host="127.0.0.1", port=mosquitto.port)


def leave(port: int, *topics: str) -> None:
    for topic in topics:
        publish.single(topic, "x", 1, True, hostname="127.0.0.1", port=port)


def kept(port: int) -> set[str]:
    """Topics on which the broker keeps something."""
    found: set[str] = set()
    over = threading.Event()

    def hear(client: Client, _: object, message: MQTTMessage) -> None:
        if message.topic == "over":
            over.set()
        else:
            found.add(message.topic)

    def ask(client: Client, *_: object) -> None:
        client.publish("over", "", 1)

    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = hear
    client.on_subscribe = ask
    client.connect("127.0.0.1", port)
    client.subscribe("#", 1)
    client.loop_start()
    assert over.wait(PATIENCE_S)
    client.disconnect()
    client.loop_stop()
    return found


def test_nothing_is_left_of_this_speaker_and_all_of_others(
    config: str, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept(mosquitto.port) == OURS | OTHERS
    assert main(["mqtt", "remove", "--config", config, "--yes"]) == 0
    said = capsys.readouterr()
    assert set(said.out.splitlines()) == {f"removed {topic}" for topic in OURS}
    assert said.err == ""
    assert kept(mosquitto.port) == OTHERS
    assert main(["mqtt", "remove", "--config", config]) == 0
    assert capsys.readouterr().out == "the broker keeps nothing of the speaker kitchen\n"


@pytest.mark.parametrize(("answer", "left"), [("y\n", OTHERS), ("n\n", OURS | OTHERS), ("\n", OURS | OTHERS)])
def test_it_asks_first(
    config: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch, answer: str, left: set[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert main(["mqtt", "remove", "--config", config]) == 0
    assert kept(mosquitto.port) == left


def test_somebody_who_talks_there_all_the_time_does_not_hold_it_up(
    config: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "QUIET_S", 1.0)
    over = threading.Event()

    def talk() -> None:
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", mosquitto.port)
        client.loop_start()
        while not over.wait(0.02):
            client.publish(f"{ROOT}/state/set", "x")
        client.disconnect()
        client.loop_stop()

    talking = threading.Thread(target=talk)
    talking.start()
    removing = threading.Thread(target=lambda: main(["mqtt", "remove", "--yes", "-c", config]), daemon=True)
    removing.start()
    removing.join(PATIENCE_S)
    held_up = removing.is_alive()
    over.set()
    talking.join(PATIENCE_S)
    removing.join(PATIENCE_S)
    assert not held_up
    assert kept(mosquitto.port) == OTHERS


def test_an_id_of_former_times_can_be_named(config: str, mosquitto: Mosquitto) -> None:
    assert main(["mqtt", "remove", "--config", config, "--id", "bedroom", "-y"]) == 0
    assert kept(mosquitto.port) == OURS


def test_a_speaker_that_runs_is_not_cut_off_unless_one_insists(
    config: str, mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sole_user(tmp_path / "state"):
        assert main(["mqtt", "remove", "--config", config, "--yes"]) == 69
        error = capsys.readouterr().err
        assert error == (
            f"moshi-speaker: {tmp_path / 'state'}: the speaker runs, and would publish it all again; "
            "stop it first, or say --force\n"
        )
        assert kept(mosquitto.port) == OURS | OTHERS
        assert main(["mqtt", "remove", "--config", config, "--yes", "--force"]) == 0
    assert kept(mosquitto.port) == OTHERS
    with sole_user(tmp_path / "state"):
        pass  # nobody holds it any more


def test_prefix_and_base_of_the_settings_are_looked_at(configure: Configure, mosquitto: Mosquitto) -> None:
    leave(mosquitto.port, "house/kitchen/state", "ha/device/moshi_speaker_kitchen/config", *OURS)
    config = configure(host="127.0.0.1", port=mosquitto.port, base_topic="house", discovery={"prefix": "ha"})
    assert main(["mqtt", "remove", "--config", config, "-y"]) == 0
    assert kept(mosquitto.port) == OURS


def test_a_broker_with_tls_and_a_password_is_no_hindrance(
    configure: Configure, make_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("broker", "IP:127.0.0.1")
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "moshi", "right"], check=True)
    broker = make_mosquitto(
        f"certfile {issued.certificate}",
        f"keyfile {issued.key}",
        "allow_anonymous false",
        f"password_file {passwords}",
    )
    broker.start()
    tls = {"enabled": True, "ca_cert": str(authority.certificate)}
    known = {"host": "127.0.0.1", "port": broker.port, "username": "moshi", "tls": tls}
    publish.single(
        *(CONFIG, "x", 1, True),
        hostname="127.0.0.1",
        port=broker.port,
        auth={"username": "moshi", "password": "right"},
        tls={"ca_certs": str(authority.certificate)},
    )
    assert main(["mqtt", "remove", "-y", "--config", configure(**known, password="wrong")]) == 69
    assert main(["mqtt", "remove", "-y", "--config", configure(**known, password="right")]) == 0


def test_a_broker_that_does_not_let_us_remove_is_told_of(
    configure: Configure,
    make_mosquitto: Callable[..., Mosquitto],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(removal, "CLEAR_S", 1.0)
    rules = tmp_path / "rules"
    rules.write_text("topic read #\ntopic write over\nuser owner\ntopic readwrite #\n")
    rules.chmod(0o600)
    broker = make_mosquitto("allow_anonymous true", f"acl_file {rules}")
    broker.start()
    publish.single(CONFIG, "x", 1, True, hostname="127.0.0.1", port=broker.port, auth={"username": "owner"})
    config = configure(host="127.0.0.1", port=broker.port)
    assert main(["mqtt", "remove", "-y", "--config", config]) == 69
    said = capsys.readouterr()
    assert said.err.startswith(f"moshi-speaker: mqtt: the broker does not forget {CONFIG}; allow")
    assert said.out == ""
    assert kept(broker.port) == {CONFIG}


@pytest.mark.parametrize(
    ("mqtt", "code", "says"),
    [
        ({"host": "127.0.0.1", "port": 1}, 69, "MQTT broker 127.0.0.1:1: connection refused; check that"),
        ({"host": "no.such.host.invalid"}, 69, "the host is not known; check mqtt.host"),
    ],
)
def test_without_a_broker_there_is_one_line(
    configure: Configure, capsys: pytest.CaptureFixture[str], mqtt: dict[str, object], code: int, says: str
) -> None:
    assert main(["mqtt", "remove", "--config", configure(**mqtt)]) == code
    said = capsys.readouterr()
    assert says in said.err and len(said.err.splitlines()) == 1
    assert said.out == ""


def test_the_broker_of_our_own_has_nothing_to_remove(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mqtt", "remove", "--config", configure()]) == 0
    assert "the broker of our own keeps nothing" in capsys.readouterr().out


def test_it_shows_what_home_assistant_is_told(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mqtt", "show", "--config", configure(discovery={"area": "Küche"})]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith('{\n  "device": {\n')
    assert mistakes(CONFIG, shown) == []
    message = json.loads(shown)
    assert message["device"]["suggested_area"] == "Küche"
    assert "hey_jarvis" in message["components"]["wake_word"]["options"]


@pytest.mark.parametrize("command", ["show", "remove"])
def test_no_id_is_made_up(
    configure: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    config = configure(speaker_id=None, host="127.0.0.1")
    assert main(["mqtt", command, "--config", config]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'state'}: this speaker has no id yet" in error and "set speaker.id" in error
    assert not (tmp_path / "state").exists()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "id").write_text("4f2a\n")
    assert main(["mqtt", "show", "--config", config]) == 0
    assert "moshi_speaker_4f2a" in capsys.readouterr().out
