"""The launchd agent: its property list, and its way in and out."""

import plistlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from moshi_speaker.errors import MissingPartError, SpeakerError
from moshi_speaker.service.account import Account
from moshi_speaker.service.steps import Steps

LABEL = "org.moshi-speaker.agent"
"""Name of the agent; its file is called so as well."""
EXIT_TIMEOUT_S = 20
"""Seconds from SIGTERM to SIGKILL."""

_IN_PROGRESS = 36
"""Exit status of a bootout that is not done yet (EINPROGRESS)."""
_POLL_S = 0.5
"""Seconds between looks at an agent that is stopping."""


def render(account: Account, config: Path | None) -> bytes:
    """The property list, as XML."""
    log = str(_logs(account) / "launchd.log")
    agent = {
        "Label": LABEL,
        "ProgramArguments": account.command(config),
        "RunAtLoad": True,
        # Exit 0 means that it shall stay down.
        "KeepAlive": {"SuccessfulExit": False},
        # Loading a model is expensive.
        "ThrottleInterval": 15,
        "ExitTimeOut": EXIT_TIMEOUT_S,
        # Anything else has its processor and disk time throttled.
        "ProcessType": "Interactive",
        # Frames come every 80 ms: no coalesced timers.
        "LegacyTimers": True,
        # The session that has the microphone.
        "LimitLoadToSessionType": "Aqua",
        "Umask": 0o077,
        "WorkingDirectory": str(_support(account)),
        "EnvironmentVariables": {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONUNBUFFERED": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            # Where starting again would not help, the speaker exits with 0: launchd knows no other way.
            "MOSHI_SPEAKER_UNDER_LAUNCHD": "1",
        },
        # Agents begin with 256.
        "SoftResourceLimits": {"NumberOfFiles": 4096},
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(agent, sort_keys=False)


class LaunchAgent:
    """The speaker as an agent of the user who is logged in at the screen."""

    def __init__(self, account: Account, steps: Steps, pause: Callable[[float], None] = time.sleep) -> None:
        """``pause`` waits for so many seconds."""
        self._account = account
        self._steps = steps
        self._pause = pause
        self._domain = f"gui/{account.uid}"
        self._target = f"{self._domain}/{LABEL}"
        self.path = account.home / "Library/LaunchAgents" / f"{LABEL}.plist"
        """Where the property list lies."""

    def install(self, config: Path | None) -> None:
        """Write the property list and start the agent, now and at each login."""
        self._require_session()
        self._steps.make_folder(_logs(self._account))
        self._steps.make_folder(_support(self._account))
        self._stop()
        self._steps.write(self.path, render(self._account, config))
        self._steps.run("launchctl", "enable", self._target)
        self._steps.run("launchctl", "bootstrap", self._domain, str(self.path))
        self._steps.say(f"log: {_logs(self._account) / 'launchd.log'}")
        self._steps.say(
            "microphone: macOS may give an agent silence instead of sound, without asking; if it hears"
            " nothing, use `moshi-speaker run` in a Terminal"
        )

    def uninstall(self) -> None:
        """Stop the agent and remove its file; nothing to do is fine."""
        if not self.path.exists():
            self._steps.say(f"not installed: no {self.path}")
            return
        self._stop()
        self._steps.remove(self.path)

    def status(self) -> bool:
        """Say whether it is installed and runs; True when it runs."""
        if not self.path.exists():
            self._steps.say(f"not installed: no {self.path}")
            return False
        self._steps.say(f"agent: {self.path}")
        shown = self._steps.ask("launchctl", "print", self._target)
        if shown.status != 0:
            self._steps.say(f"state: not loaded; remedy: launchctl bootstrap {self._domain} {self.path}")
            return False
        state = _value(shown.output, "state") or "unknown"
        details = [
            f"{name} {value}" for name in ("pid", "last exit code") if (value := _value(shown.output, name))
        ]
        self._steps.say(", ".join([f"state: {state}", *details]))
        return state == "running"

    def _require_session(self) -> None:
        if self._steps.dry_run or self._steps.ask("launchctl", "print", self._domain).status == 0:
            return
        raise MissingPartError(
            f"user {self._account.user} has no session at the screen",
            where=f"launchctl {self._domain}",
            remedy="log in at the Mac or over Screen Sharing (not as root), then try again",
        )

    def _stop(self) -> None:
        """Take a loaded agent out, and wait for its end: launchd refuses a second one until then."""
        if self._steps.dry_run:
            self._steps.run("launchctl", "bootout", self._target)
            return
        if not self._loaded():
            return
        self._steps.run("launchctl", "bootout", self._target, accept=(0, _IN_PROGRESS))
        # launchctl tells nobody when it is done, and people wait for this command anyway.
        for _ in range(round((EXIT_TIMEOUT_S + 5) / _POLL_S)):
            if not self._loaded():
                return
            self._pause(_POLL_S)
        raise SpeakerError("the agent does not stop", where=self._target, remedy="try again in a minute")

    def _loaded(self) -> bool:
        return self._steps.ask("launchctl", "print", self._target).status == 0


def _value(printed: str, name: str) -> str | None:
    """A value of the outermost block that ``launchctl print`` shows."""
    found = re.search(rf"^\t{re.escape(name)} = (.+)$", printed, re.MULTILINE)
    return found and found[1]


def _logs(account: Account) -> Path:
    return account.home / "Library/Logs/moshi-speaker"


def _support(account: Account) -> Path:
    return account.home / "Library/Application Support/moshi-speaker"
