"""The launch agent: its property list, and what launchctl is told."""

import plistlib
from pathlib import Path

import pytest

from moshi_speaker.cli import UNDER_LAUNCHD
from moshi_speaker.errors import MissingPartError, SpeakerError
from moshi_speaker.service.account import Account
from moshi_speaker.service.launchd import LABEL, LaunchAgent, render
from moshi_speaker.service.steps import Result
from tests.service.fakes import DONE, FAILED, Told, account_in, files_in

ROOT = Path(__file__).parents[2]
TARGET = f"gui/1000/{LABEL}"
RUNNING = (
    f"{TARGET} = {{\n\tactive count = 1\n\tstate = running\n\n\tprogram = /x/python\n"
    "\tpid = 812\n\tlast exit code = (never exited)\n\tendpoints = {\n\t\tstate = inner\n\t}\n}\n"
)
WAITING = f"{TARGET} = {{\n\tstate = not running\n\tlast exit code = 78: EX_CONFIG\n}}\n"


def no_pause(seconds: float) -> None:
    """Wait for nothing."""


def agent_in(folder: Path, told: Told) -> LaunchAgent:
    """The agent of a user who is logged in, not loaded yet."""
    told.runner.answer(f"launchctl print {TARGET}", FAILED)
    return LaunchAgent(account_in(folder), told.steps, no_pause)


def test_the_property_list_says_what_launchd_must_know() -> None:
    home = Path("/Users/m & m")
    account = Account("m", 501, home, Path("/Users/m & m/<venv>/bin/python"))
    agent = plistlib.loads(render(account, Path('/Users/m & m/"my".yaml')))
    assert agent == {
        "Label": LABEL,
        "ProgramArguments": [
            "/Users/m & m/<venv>/bin/python",
            "-m",
            "moshi_speaker",
            "run",
            "--config",
            '/Users/m & m/"my".yaml',
        ],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 15,
        "ExitTimeOut": 20,
        "ProcessType": "Interactive",
        "LegacyTimers": True,
        "LimitLoadToSessionType": "Aqua",
        "Umask": 63,
        "WorkingDirectory": "/Users/m & m/Library/Application Support/moshi-speaker",
        "EnvironmentVariables": {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONUNBUFFERED": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            UNDER_LAUNCHD: "1",
        },
        "SoftResourceLimits": {"NumberOfFiles": 4096},
        "StandardOutPath": "/Users/m & m/Library/Logs/moshi-speaker/launchd.log",
        "StandardErrorPath": "/Users/m & m/Library/Logs/moshi-speaker/launchd.log",
    }


def test_without_a_configuration_the_speaker_looks_for_its_own() -> None:
    account = Account("m", 501, Path("/Users/m"), Path("/opt/python"))
    agent = plistlib.loads(render(account, None))
    assert agent["ProgramArguments"] == ["/opt/python", "-m", "moshi_speaker", "run"]


def test_the_file_in_the_repository_is_what_is_rendered() -> None:
    home = Path("/Users/speaker")
    account = Account("speaker", 501, home, home / "moshi-speaker/.venv/bin/python")
    stored = ROOT / f"systemd_launchd/launchd/{LABEL}.plist"
    assert stored.read_bytes() == render(account, home / ".config/moshi-speaker/config.yaml")


def test_installing_writes_the_agent_and_loads_it(tmp_path: Path) -> None:
    told = Told()
    agent = agent_in(tmp_path, told)
    agent.install(None)
    assert plistlib.loads(agent.path.read_bytes())["Label"] == agent.path.stem
    assert files_in(tmp_path / "home") == [
        "Library",
        "Library/Application Support",
        "Library/Application Support/moshi-speaker",
        "Library/LaunchAgents",
        f"Library/LaunchAgents/{LABEL}.plist",
        "Library/Logs",
        "Library/Logs/moshi-speaker",
    ]
    assert told.runner.commands == [
        "launchctl print gui/1000",
        f"launchctl print {TARGET}",
        f"launchctl enable {TARGET}",
        f"launchctl bootstrap gui/1000 {agent.path}",
    ]


def test_a_loaded_agent_is_taken_out_and_gone_before_the_new_one_comes(tmp_path: Path) -> None:
    told = Told()
    agent = agent_in(tmp_path, told)
    told.runner.answer(f"launchctl print {TARGET}", DONE, DONE, DONE, FAILED)
    told.runner.answer("launchctl bootout", Result(36, "Operation now in progress"))
    agent.install(None)
    assert told.runner.commands == [
        "launchctl print gui/1000",
        f"launchctl print {TARGET}",
        f"launchctl bootout {TARGET}",
        *[f"launchctl print {TARGET}"] * 3,
        f"launchctl enable {TARGET}",
        f"launchctl bootstrap gui/1000 {agent.path}",
    ]


def test_an_agent_that_does_not_stop_is_an_error_after_a_while(tmp_path: Path) -> None:
    told, waited = Told(), list[float]()
    told.runner.answer(f"launchctl print {TARGET}", DONE)
    with pytest.raises(SpeakerError, match="does not stop"):
        LaunchAgent(account_in(tmp_path), told.steps, waited.append).install(None)
    assert 20 < sum(waited) <= 30
    assert "launchctl bootstrap" not in "\n".join(told.runner.commands)


def test_a_dry_run_writes_and_runs_nothing(tmp_path: Path) -> None:
    told = Told(dry_run=True)
    agent = LaunchAgent(account_in(tmp_path), told.steps, no_pause)
    agent.install(None)
    assert files_in(tmp_path / "home") == []
    assert told.runner.commands == []
    assert f"would run launchctl bootstrap gui/1000 {agent.path}" in told.lines
    assert f"<string>{LABEL}</string>" in told.text


def test_without_a_session_at_the_screen_nothing_is_written(tmp_path: Path) -> None:
    told = Told()
    told.runner.answer("launchctl print gui/1000", FAILED)
    with pytest.raises(MissingPartError, match="no session at the screen") as caught:
        LaunchAgent(account_in(tmp_path), told.steps, no_pause).install(None)
    assert "\n" not in str(caught.value)
    assert files_in(tmp_path / "home") == []


def test_a_bootstrap_that_fails_is_an_error(tmp_path: Path) -> None:
    told = Told()
    agent = agent_in(tmp_path, told)
    told.runner.answer("launchctl bootstrap", Result(5, "Bootstrap failed: 5: Input/output error\n"))
    with pytest.raises(SpeakerError, match="failed: Bootstrap failed: 5: Input/output error"):
        agent.install(None)


def test_uninstalling_stops_the_agent_and_removes_its_file(tmp_path: Path) -> None:
    told = Told()
    agent = agent_in(tmp_path, told)
    agent.install(None)
    told.runner.commands.clear()
    told.runner.answer(f"launchctl print {TARGET}", DONE, FAILED)
    agent.uninstall()
    assert not agent.path.exists()
    assert f"launchctl bootout {TARGET}" in told.runner.commands


def test_what_is_not_installed_is_neither_removed_nor_running(tmp_path: Path) -> None:
    told = Told()
    agent = agent_in(tmp_path, told)
    agent.uninstall()
    assert agent.status() is False
    assert told.lines == [f"not installed: no {agent.path}"] * 2
    assert told.runner.commands == []


@pytest.mark.parametrize(
    ("answer", "running", "line"),
    [
        (Result(0, RUNNING), True, "state: running, pid 812, last exit code (never exited)"),
        (Result(0, WAITING), False, "state: not running, last exit code 78: EX_CONFIG"),
        (FAILED, False, "state: not loaded; remedy: launchctl bootstrap gui/1000"),
    ],
)
def test_the_status_is_the_truth(answer: Result, running: bool, line: str, tmp_path: Path) -> None:
    told = Told()
    agent = agent_in(tmp_path, told)
    agent.install(None)
    told.runner.answer(f"launchctl print {TARGET}", answer)
    assert agent.status() is running
    assert told.lines[-1].startswith(line)
