"""launchd and systemd: render, install and look at the service of the user who asks."""

import sys
from pathlib import Path

from moshi_speaker.configfile import load
from moshi_speaker.errors import MissingPartError
from moshi_speaker.service.account import Account
from moshi_speaker.service.launchd import LaunchAgent
from moshi_speaker.service.steps import Say, Steps, run_command
from moshi_speaker.service.systemd import UserUnit

Service = LaunchAgent | UserUnit
"""What keeps the speaker running on this platform."""


def install(config: Path | None = None, *, dry_run: bool = False, say: Say) -> None:
    """Write the service file and start the service; in a dry run only say what would happen.

    Without ``config`` the speaker looks for its file where it always does.
    Raises ConfigError for a file that is not there or has a mistake in it, MissingPartError without a
    service manager that answers.
    """
    # A service with a mistake in its settings would start, fail and start again.
    load(config)
    service_of(sys.platform, Steps(run_command, say, dry_run)).install(config and config.absolute())


def uninstall(*, dry_run: bool = False, say: Say) -> None:
    """Stop the service and remove its file. Raises as ``install`` does."""
    service_of(sys.platform, Steps(run_command, say, dry_run)).uninstall()


def status(*, dry_run: bool = False, say: Say) -> bool:
    """Say whether the service is installed, and what it does; True when it runs."""
    return service_of(sys.platform, Steps(run_command, say, dry_run)).status()


def service_of(platform: str, steps: Steps) -> Service:
    """The service of a platform as in ``sys.platform``. Raises MissingPartError for others."""
    if platform == "darwin":
        return LaunchAgent(Account.current(), steps)
    if platform == "linux":
        return UserUnit(Account.current(), steps)
    raise MissingPartError(
        f"no service manager is known for {platform}", remedy="let it start: moshi-speaker run"
    )
