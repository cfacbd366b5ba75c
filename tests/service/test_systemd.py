"""The user unit: what systemd itself thinks of it, and what happens to the machine."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from moshi_speaker.errors import ConfigError, MissingPartError, SpeakerError
from moshi_speaker.service.account import Account
from moshi_speaker.service.steps import Result
from moshi_speaker.service.systemd import UNIT, UserUnit, render
from tests.service.fakes import FAILED, Told, account_in, files_in

ROOT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="systemd is for Linux")
RUNNING = (
    "UnitFileState=enabled\nActiveState=active\nSubState=running\nResult=success\n"
    "ExecMainStatus=0\nMainPID=4711\nNRestarts=2\n"
)
FAILED_78 = (
    "UnitFileState=enabled\nActiveState=failed\nSubState=failed\nResult=exit-code\n"
    "ExecMainStatus=78\nMainPID=0\nNRestarts=0\n"
)


def verify(text: str, folder: Path) -> tuple[int, str]:
    """What `systemd-analyze verify --user` answers: exit status and all of its output."""
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: apt-get install systemd"
    path = folder / UNIT
    path.write_text(text)
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "LC_ALL": "C"}
    done = subprocess.run(
        [analyze, "verify", "--user", str(path)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@LINUX
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    assert verify(render(account_in(tmp_path), Path("/etc/my speaker/100%.yaml")), tmp_path) == (0, "")


@LINUX
def test_systemd_would_complain_of_a_mistake(tmp_path: Path) -> None:
    text = render(account_in(tmp_path), None)
    assert "Unknown key" in verify(text.replace("OOMPolicy=", "OOMPolitics="), tmp_path)[1]
    assert "Failed to parse" in verify(text.replace("Type=exec", "Type=exce"), tmp_path)[1]


@LINUX
@pytest.mark.parametrize("name", ["a b", "50%", "semi;colon", "$HOME", "ümlaut"])
def test_systemd_finds_the_interpreter_in_any_folder(name: str, tmp_path: Path) -> None:
    python = tmp_path / name / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    account = Account("speaker", 1000, tmp_path, python)
    assert verify(render(account, None), tmp_path) == (0, "")
    missing = Account("speaker", 1000, tmp_path, python.with_name("gone"))
    status, output = verify(render(missing, None), tmp_path)
    assert (status, f"{name}/gone" in output) == (1, True)


@LINUX
@pytest.mark.parametrize(
    "name", ["a b", "50%", "it's", 'say "hi"', "back\\slash", "semi;colon", ";", "${HOME}"]
)
def test_systemd_takes_a_configuration_of_any_name(name: str, tmp_path: Path) -> None:
    assert verify(render(account_in(tmp_path), Path(f"/etc/{name}.yaml")), tmp_path) == (0, "")


@pytest.mark.parametrize("name", ["it's", 'say "hi"', "back\\slash"])
def test_an_interpreter_that_systemd_would_refuse_is_refused(name: str) -> None:
    account = Account("speaker", 1000, Path("/home/speaker"), Path(f"/opt/{name}/python"))
    with pytest.raises(ConfigError, match="quotes or backslashes"):
        render(account, None)


@LINUX
def test_the_hint_about_credentials_is_a_line_that_systemd_takes(tmp_path: Path) -> None:
    text = render(account_in(tmp_path), None)
    assert text.count("\n#LoadCredential=mqtt_password:%h/") == 1
    assert verify(text.replace("#LoadCredential=", "LoadCredential="), tmp_path) == (0, "")
    nameless = text.replace("#LoadCredential=mqtt_password:", "LoadCredential=")
    assert "not valid, ignoring" in verify(nameless, tmp_path)[1]


def test_dollars_and_percents_reach_the_speaker_as_they_are() -> None:
    account = Account("speaker", 1000, Path("/home/speaker"), Path("/opt/$x/python"))
    text = render(account, Path("/etc/$HOME 5%.yaml"))
    assert 'ExecStart=/opt/$x/python -m moshi_speaker run --config "/etc/$$HOME 5%%.yaml"\n' in text


def test_a_path_with_a_line_break_is_refused() -> None:
    account = Account("speaker", 1000, Path("/home/speaker"), Path("/opt/python"))
    with pytest.raises(ConfigError, match="control characters"):
        render(account, Path("/etc/a\nExecStartPre=b"))


def test_each_hardening_line_is_explained() -> None:
    account = Account("speaker", 1000, Path("/home/speaker"), Path("/opt/python"))
    hardening = render(account, None).partition("# Hardening")[2].partition("[Install]")[0]
    lines = hardening.splitlines()[1:]
    settings = [n for n, line in enumerate(lines) if line and not line.startswith("#")]
    assert len(settings) >= 9
    for n in settings:
        assert lines[n - 1].startswith("#") or lines[n].startswith("SystemCallErrorNumber"), lines[n]


def test_the_unit_does_what_the_speaker_counts_on() -> None:
    account = Account("speaker", 1000, Path("/home/speaker"), Path("/opt/python"))
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]  # as its documentation says
    unit.read_string(render(account, None))
    assert unit["Service"]["ExecStart"] == "/opt/python -m moshi_speaker run"
    assert unit["Service"]["RestartPreventExitStatus"] == "78"
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Install"]["WantedBy"] == "default.target"
    assert "Environment=ORT_DISABLE_TELEMETRY=1\n" in render(account, None)
    assert "Environment=PYTHONUNBUFFERED=1\n" in render(account, None)


def test_the_file_in_the_repository_is_what_is_rendered() -> None:
    home = Path("/home/speaker")
    account = Account("speaker", 1000, home, home / "moshi-speaker/.venv/bin/python")
    stored = ROOT / "systemd_launchd/systemd/user" / UNIT
    assert stored.read_text() == render(account, home / ".config/moshi-speaker/config.yaml")


def test_installing_writes_the_unit_and_starts_it(tmp_path: Path) -> None:
    account, told = account_in(tmp_path), Told()
    told.runner.answer("loginctl", Result(0, "yes\n"))
    UserUnit(account, told.steps).install(None)
    path = account.home / ".config/systemd/user" / UNIT
    assert path.read_text() == render(account, None)
    assert [path for path in files_in(account.home) if path.endswith((".service", ".new"))] == [
        f".config/systemd/user/{UNIT}"
    ]
    assert told.runner.commands == [
        "systemctl --user show-environment",
        "systemctl --user daemon-reload",
        f"systemctl --user enable {UNIT}",
        f"systemctl --user restart {UNIT}",
        "loginctl show-user speaker --property=Linger --value",
    ]
    assert "starts at boot" in told.text


@pytest.mark.parametrize(
    "answer", [Result(0, "no\n"), Result(1, "not logged in\n"), Result(127, "not found")]
)
def test_missing_linger_is_said_with_its_remedy(answer: Result, tmp_path: Path) -> None:
    told = Told()
    told.runner.answer("loginctl", answer)
    UserUnit(account_in(tmp_path), told.steps).install(None)
    assert told.lines[-1].endswith("remedy: sudo loginctl enable-linger speaker")


def test_a_dry_run_of_everything_writes_and_runs_nothing(tmp_path: Path) -> None:
    account, told = account_in(tmp_path), Told(dry_run=True)
    unit = UserUnit(account, told.steps)
    unit.install(Path("/etc/speaker.yaml"))
    assert files_in(account.home) == []
    assert told.runner.commands == []
    assert "--config /etc/speaker.yaml" in told.text
    assert f"would run systemctl --user restart {UNIT}" in told.lines


@pytest.mark.parametrize(
    "answer", [Result(1, "Failed to connect to bus: No medium found\n"), Result(127, "systemctl: not found")]
)
def test_without_a_user_manager_nothing_is_written_and_one_line_says_why(
    answer: Result, tmp_path: Path
) -> None:
    account, told = account_in(tmp_path), Told()
    told.runner.answer("systemctl --user show-environment", answer)
    with pytest.raises(MissingPartError) as caught:
        UserUnit(account, told.steps).install(None)
    assert answer.output.strip() in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files_in(account.home) == []


def test_a_unit_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    told = Told()
    told.runner.answer("systemctl --user restart", Result(1, "Job failed.\n"))
    with pytest.raises(SpeakerError, match=r"restart moshi-speaker.service failed: Job failed\."):
        UserUnit(account_in(tmp_path), told.steps).install(None)


def test_uninstalling_stops_the_unit_and_removes_it(tmp_path: Path) -> None:
    account, told = account_in(tmp_path), Told()
    unit = UserUnit(account, told.steps)
    unit.install(None)
    told.runner.commands.clear()
    unit.uninstall()
    assert not unit.path.exists()
    assert told.runner.commands == [
        "systemctl --user show-environment",
        f"systemctl --user disable --now {UNIT}",
        "systemctl --user daemon-reload",
    ]


def test_what_is_not_installed_is_neither_removed_nor_running(tmp_path: Path) -> None:
    told = Told()
    unit = UserUnit(account_in(tmp_path), told.steps)
    unit.uninstall()
    assert unit.status() is False
    assert told.lines == [f"not installed: no {unit.path}"] * 2
    assert told.runner.commands == []


@pytest.mark.parametrize(
    ("properties", "running", "line"),
    [
        (RUNNING, True, "state: active (running), process 4711, restarted 2 times"),
        (FAILED_78, False, "state: failed (failed), result exit-code, exit status 78"),
        ("", False, "state: unknown (unknown)"),
        ("ActiveState=inactive\nSubState=dead\nResult=success\n", False, "state: inactive (dead)"),
        ("ActiveState=activating\nSubState=auto-restart\n", False, "state: activating (auto-restart)"),
    ],
)
def test_the_status_is_the_truth(properties: str, running: bool, line: str, tmp_path: Path) -> None:
    told = Told()
    unit = UserUnit(account_in(tmp_path), told.steps)
    unit.install(None)
    told.runner.answer("systemctl --user show moshi-speaker.service", Result(0, properties))
    told.runner.answer("loginctl", FAILED)
    assert unit.status() is running
    assert line in told.lines
