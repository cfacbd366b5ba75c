"""Passwords that stand elsewhere: in secrets.yaml, in a file, among systemd's credentials."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from moshi_speaker import configfile
from moshi_speaker.configfile import files
from moshi_speaker.errors import ConfigError
from moshi_speaker.settings import Settings

SECRET = "mqtt:\n  username: me\n  password: !secret broker\n"
CREDENTIAL = "mqtt:\n  username: me\n  password: !credential broker\n"
FILE = "mqtt:\n  username: me\n  password_file: pw\n"
PLAIN = "mqtt:\n  username: me\n  password: hunter2\n"
EVERYBODY = (0o604, 0o644, 0o602, 0o666, 0o777)
SOMEBODY = (0o400, 0o600, 0o440, 0o640, 0o660)
"""systemd's credentials are 0440; a group is its owner's business."""


def load(folder: Path, text: str, mode: int = 0o600, **environ: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text)
    path.chmod(mode)
    return configfile.load(path, environ)


def complaint(folder: Path, text: str, mode: int = 0o600, **environ: str) -> str:
    """The one line that the configuration earns, without the folder and without the password."""
    with pytest.raises(ConfigError) as raised:
        load(folder, text, mode, **environ)
    line = str(raised.value)
    assert "\n" not in line
    assert "hunter2" not in line
    assert not getattr(raised.value, "__notes__", [])
    return line.replace(f"{folder}{os.sep}", "")


def put(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def password(settings: Settings) -> str:
    assert settings.mqtt.password is not None
    return settings.mqtt.password.get_secret_value()


# --- Who may read it ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", EVERYBODY)
def test_secrets_that_are_open_to_everybody_are_refused(tmp_path: Path, mode: int) -> None:
    put(tmp_path / "secrets.yaml", "broker: hunter2\n", mode)
    line = complaint(tmp_path, SECRET)
    assert line == "secrets.yaml: open to every user of this machine; chmod 600 secrets.yaml"


@pytest.mark.parametrize("mode", SOMEBODY)
def test_secrets_of_their_owner_and_group_are_taken(tmp_path: Path, mode: int) -> None:
    put(tmp_path / "secrets.yaml", "broker: hunter2\n", mode)
    assert password(load(tmp_path, SECRET)) == "hunter2"


def test_secrets_that_nobody_asks_for_are_not_looked_at(tmp_path: Path) -> None:
    put(tmp_path / "secrets.yaml", "broker: hunter2\n", 0o644)
    assert load(tmp_path, "audio: {volume: 3}\n").audio.volume == 3


@pytest.mark.parametrize("mode", EVERYBODY)
def test_a_password_in_a_configuration_that_is_open_to_everybody_is_refused(
    tmp_path: Path, mode: int
) -> None:
    assert complaint(tmp_path, PLAIN, mode) == (
        "config.yaml:3: mqtt.password stands in a file that is open to every user of this machine;"
        " chmod 600 config.yaml, or keep it elsewhere (!secret, password_file)"
    )


@pytest.mark.parametrize("mode", SOMEBODY)
def test_a_password_in_a_configuration_of_our_own_is_taken(tmp_path: Path, mode: int) -> None:
    assert password(load(tmp_path, PLAIN, mode)) == "hunter2"


def test_a_configuration_without_a_password_may_be_open_to_everybody(tmp_path: Path) -> None:
    put(tmp_path / "secrets.yaml", "broker: hunter2\n")
    assert password(load(tmp_path, SECRET, 0o644)) == "hunter2"
    assert load(tmp_path, "mqtt:\n  password:\n", 0o644).mqtt.password is None
    assert password(load(tmp_path, PLAIN.replace("hunter2", "!env PW"), 0o644, PW="hunter2")) == "hunter2"


def test_the_remedy_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "my house; rm -r"
    folder.mkdir()
    put(folder / "secrets.yaml", "broker: hunter2\n", 0o644)
    with pytest.raises(ConfigError) as raised:
        load(folder, SECRET)
    subprocess.run(["sh", "-c", raised.value.remedy], check=True)
    assert password(load(folder, SECRET)) == "hunter2"


def test_what_was_opened_is_judged_not_what_the_name_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exposed, private = put(tmp_path / "exposed", "a", 0o644), put(tmp_path / "private", "b")
    place, real = tmp_path / "secrets.yaml", os.open
    place.symlink_to(exposed)

    def exchange(path: Path, flags: int) -> int:
        """Somebody exchanges the file as soon as it is open."""
        descriptor = real(path, flags)
        place.unlink()
        place.symlink_to(private)
        return descriptor

    monkeypatch.setattr(os, "open", exchange)
    with pytest.raises(ConfigError, match="open to every user"):
        files.read_private(place)


# --- What is no file ----------------------------------------------------------------------------


def make_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))  # a long path does not fit into an address


def make_link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


NO_FILES = [
    (make_fifo, "a FIFO, not a file; name a plain file"),
    (make_socket, "cannot be read: "),  # each system has its own words for it
    (make_link_to_device, "a device, not a file; name a plain file"),
    (Path.mkdir, "a folder; name the file in it"),
]


@pytest.mark.parametrize(("make", "expected"), NO_FILES)
@pytest.mark.parametrize(
    ("name", "text", "before"),
    [
        ("secrets.yaml", SECRET, ""),
        ("pw", FILE, "config.yaml:3: mqtt.password_file: "),
        ("broker", CREDENTIAL, "config.yaml:3: !credential broker: "),
    ],
)
def test_what_is_no_file_is_named_at_once(
    tmp_path: Path, make: Callable[[Path], None], expected: str, name: str, text: str, before: str
) -> None:
    make(tmp_path / name)
    line = complaint(tmp_path, text, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert line.startswith(f"{before}{name}: {expected}")


@pytest.mark.parametrize(("make", "expected"), NO_FILES)
def test_nor_is_it_a_configuration(tmp_path: Path, make: Callable[[Path], None], expected: str) -> None:
    make(tmp_path / "config.yaml")
    with pytest.raises(ConfigError) as raised:
        configfile.load(tmp_path / "config.yaml", {})
    assert str(raised.value).startswith(f"{tmp_path}/config.yaml: {expected}")


def test_a_configuration_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    with path.open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ConfigError, match="larger than 1000000 bytes; name the right file"):
        configfile.load(path, {})


def test_a_name_that_cannot_be_is_named(tmp_path: Path) -> None:
    assert "a NUL in its name" in complaint(tmp_path, 'mqtt: {username: me, password_file: "a\\0b"}\n')


# --- password_file ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("hunter2", "hunter2"),
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2\nsecond\n", "hunter2"),
        (" two words \n", " two words "),
        ("\ufeffhunter2\n", "hunter2"),
        ("0123", "0123"),
        ("grün\n", "grün"),
        ("!secret x", "!secret x"),
    ],
)
def test_the_first_line_is_the_password_as_it_stands(tmp_path: Path, content: str, read: str) -> None:
    put(tmp_path / "pw", content)
    settings = load(tmp_path, FILE)
    assert password(settings) == read
    assert settings.mqtt.password_file == tmp_path / "pw"


def test_it_is_never_shown(tmp_path: Path) -> None:
    put(tmp_path / "pw", "hunter2\n")
    settings = load(tmp_path, FILE)
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_each_loading_reads_it_again(tmp_path: Path) -> None:
    put(tmp_path / "pw", "before\n")
    assert password(load(tmp_path, FILE)) == "before"
    put(tmp_path / "pw", "after\n")
    assert password(load(tmp_path, FILE)) == "after"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "pw: its first line is empty; write the secret there"),
        ("\nhunter2\n", "pw: its first line is empty; write the secret there"),
        ("x" * 4097, "pw: its first line has more than 4096 characters; name the right file"),
        (b"hunter2\xff\n", "pw: not UTF-8; write one line of plain text"),
    ],
)
def test_a_file_without_a_password_is_named(tmp_path: Path, content: str | bytes, expected: str) -> None:
    put(tmp_path / "pw", content)
    assert complaint(tmp_path, FILE) == f"config.yaml:3: mqtt.password_file: {expected}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    line = complaint(tmp_path, FILE)
    assert line == "config.yaml:3: mqtt.password_file: pw: no such file; create it or correct the path"


@pytest.mark.parametrize("mode", EVERYBODY)
def test_a_file_that_is_open_to_everybody_is_refused(tmp_path: Path, mode: int) -> None:
    put(tmp_path / "pw", "hunter2\n", mode)
    line = complaint(tmp_path, FILE)
    assert line == ("config.yaml:3: mqtt.password_file: pw: open to every user of this machine; chmod 600 pw")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    put(tmp_path / "pw", "hunter2\n", 0)
    line = complaint(tmp_path, FILE)
    assert line == "config.yaml:3: mqtt.password_file: pw: cannot be read: Permission denied"


def test_two_passwords_are_one_too_many(tmp_path: Path) -> None:
    put(tmp_path / "pw", "hunter2\n")
    line = complaint(tmp_path, f"{FILE}  password: !env PW\n", PW="hunter2")
    assert line == "config.yaml:1: mqtt: password and password_file: keep one of them"


# --- !credential --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", SOMEBODY)
def test_a_credential_comes_from_the_folder_that_systemd_names(tmp_path: Path, mode: int) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    put(given / "broker", "hunter2\n", mode)
    assert password(load(tmp_path, CREDENTIAL, CREDENTIALS_DIRECTORY=str(given))) == "hunter2"


def test_a_credential_may_be_any_setting(tmp_path: Path) -> None:
    put(tmp_path / "port", "1999\n")
    text = "mqtt: {host: a, port: !credential port}\n"
    assert load(tmp_path, text, CREDENTIALS_DIRECTORY=str(tmp_path)).mqtt.port == 1999


@pytest.mark.parametrize("environ", [{}, {"CREDENTIALS_DIRECTORY": ""}])
def test_without_systemd_there_is_no_credential(tmp_path: Path, environ: dict[str, str]) -> None:
    assert complaint(tmp_path, CREDENTIAL, 0o600, **environ) == (
        "config.yaml:3: !credential broker: systemd gave us none ($CREDENTIALS_DIRECTORY is not set);"
        " put LoadCredential=broker:FILE into the unit, or use mqtt.password_file"
    )


def test_a_credential_that_was_not_given_is_named(tmp_path: Path) -> None:
    assert complaint(tmp_path, CREDENTIAL, CREDENTIALS_DIRECTORY="/given") == (
        "config.yaml:3: !credential broker: not in /given; put LoadCredential=broker:FILE into the unit"
    )


@pytest.mark.parametrize("name", ["../pw", "/etc/passwd", "..", ".", "a b", ".hidden", "a" * 256, "pässe"])
def test_a_credential_lies_in_that_folder_and_nowhere_else(tmp_path: Path, name: str) -> None:
    put(tmp_path / "pw", "hunter2")
    folder = tmp_path / "credentials"
    folder.mkdir()
    text = CREDENTIAL.replace("broker", name)
    line = complaint(tmp_path, text, CREDENTIALS_DIRECTORY=str(folder))
    assert line.startswith(f"config.yaml:3: !credential {name}: no name of a credential; use letters")


def test_a_credential_that_is_open_to_everybody_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "broker", "hunter2", 0o444)
    line = complaint(tmp_path, CREDENTIAL, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert line == (
        "config.yaml:3: !credential broker: broker: open to every user of this machine; chmod 600 broker"
    )


def test_a_wrong_value_of_a_credential_is_not_shown(tmp_path: Path) -> None:
    put(tmp_path / "broker", "hunter2")
    text = "mqtt:\n  port: !credential broker\n"
    line = complaint(tmp_path, text, CREDENTIALS_DIRECTORY=str(tmp_path))
    assert line.startswith("config.yaml:2: mqtt.port is not usable (its value is not shown); give a whole")
