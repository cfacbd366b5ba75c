"""Which service manager, and what is checked before it is asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from moshi_speaker import service
from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.service.account import Account
from moshi_speaker.service.launchd import LaunchAgent
from moshi_speaker.service.systemd import UserUnit
from tests.service.fakes import Told

ROOT = Path(__file__).parents[2]


def test_the_platform_decides() -> None:
    assert isinstance(service.service_of("linux", Told().steps), UserUnit)
    assert isinstance(service.service_of("darwin", Told().steps), LaunchAgent)
    with pytest.raises(MissingPartError, match="no service manager is known for win32"):
        service.service_of("win32", Told().steps)


def test_a_configuration_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        service.install(tmp_path / "none.yaml", dry_run=True, say=print)


def test_a_configuration_with_a_mistake_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("audio: {volume: loud}\n")
    with pytest.raises(ConfigError, match="volume"):
        service.install(path, dry_run=True, say=lambda line: None)


def test_a_dry_run_shows_the_running_interpreter_and_the_absolute_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    lines: list[str] = []
    service.install(Path("my.yaml"), dry_run=True, say=lines.append)
    shown = "\n".join(lines)
    assert sys.executable in shown
    assert str(tmp_path / "my.yaml") in shown
    assert [path.name for path in tmp_path.iterdir()] == ["my.yaml"]


def test_the_account_is_that_of_this_process() -> None:
    account = Account.current()
    assert account.python == Path(sys.executable)
    assert account.home.is_absolute()
    assert account.user


def test_the_service_needs_no_heavy_library() -> None:
    script = (
        "import sys, moshi_speaker.service; print(sorted({'mlx', 'numpy', 'pyaudio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "daemon")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"
