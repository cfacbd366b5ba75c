"""The systemd user unit: its text, and its way in and out."""

from pathlib import Path

from moshi_speaker.errors import ConfigError, MissingPartError
from moshi_speaker.service.account import Account
from moshi_speaker.service.steps import Steps

UNIT = "moshi-speaker.service"

_REFUSED = set("\"'\\")
"""Characters that systemd refuses in the path of a program, quoted or not."""

_TEXT = """\
# Written by `moshi-speaker service install`. Your changes: `systemctl --user edit moshi-speaker`.
[Unit]
Description=Moshi smart speaker
# Sound servers of the session: start after those that are there.
After=pipewire.service pipewire-pulse.service pulseaudio.service
# After five failures in ten minutes it stays down, and `status` says so.
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
# Counts as started when the program runs; it says on MQTT when it is ready.
Type=exec
ExecStart={command}
# The log appears line by line.
Environment=PYTHONUNBUFFERED=1
# onnxruntime would send telemetry.
Environment=ORT_DISABLE_TELEMETRY=1
# The broker's password can come from here, as `password: !credential mqtt_password`.
#LoadCredential=mqtt_password:%h/.config/moshi-speaker/mqtt_password
Restart=on-failure
RestartSec=5
# 78: the configuration is wrong, or this machine too slow for the model: starting again would not mend it.
RestartPreventExitStatus=78
# SIGTERM goes to the speaker alone: it stops its engine itself, in order.
KillMode=mixed
TimeoutStopSec=20
# If memory runs out, only the engine process falls; the speaker says so and starts it again.
OOMPolicy=continue

# Hardening: what a user's service manager can do without further rights.
# No program it starts gains rights (setuid, file capabilities).
NoNewPrivileges=yes
# Only the system calls that services need, and refusal instead of death for the others.
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# None of a foreign architecture.
SystemCallArchitectures=native
# Local sockets (sound, engine) and the network (broker, model download), nothing else.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
# No memory that is writable and executable. If a library refuses to start, put `no` in a drop-in.
MemoryDenyWriteExecute=yes
# The kernel's execution domain cannot be changed.
LockPersonality=yes
# No new namespaces: it builds no containers.
RestrictNamespaces=yes
# Files it makes cannot carry setuid or setgid.
RestrictSUIDSGID=yes
# Files it makes are the user's alone: there may be transcripts and passwords among them.
UMask=0077

[Install]
WantedBy=default.target
"""


def render(account: Account, config: Path | None) -> str:
    """The text of the unit. Raises ConfigError for a path that a unit cannot hold."""
    program, *arguments = account.command(config)
    if set(program) & _REFUSED:
        raise ConfigError(
            "systemd takes no program with quotes or backslashes in its path", where=program, remedy="move it"
        )
    words = [_quote(program), *(_quote(word.replace("$", "$$")) for word in arguments)]
    return _TEXT.format(command=" ".join(words))


class UserUnit:
    """The speaker as a unit of the user's own service manager."""

    def __init__(self, account: Account, steps: Steps) -> None:
        self._account = account
        self._steps = steps
        self.path = account.home / ".config/systemd/user" / UNIT
        """Where the unit lies."""

    def install(self, config: Path | None) -> None:
        """Write the unit, start it now and whenever the user's manager starts."""
        text = render(self._account, config)
        self._require_manager()
        self._steps.write(self.path, text.encode())
        self._steps.run("systemctl", "--user", "daemon-reload")
        self._steps.run("systemctl", "--user", "enable", UNIT)
        self._steps.run("systemctl", "--user", "restart", UNIT)
        self._steps.say("log: journalctl --user --unit moshi-speaker --follow")
        self._say_linger()

    def uninstall(self) -> None:
        """Stop the unit and remove it; nothing to do is fine."""
        if not self.path.exists():
            self._steps.say(f"not installed: no {self.path}")
            return
        self._require_manager()
        self._steps.run("systemctl", "--user", "disable", "--now", UNIT)
        self._steps.remove(self.path)
        self._steps.run("systemctl", "--user", "daemon-reload")

    def status(self) -> bool:
        """Say whether it is installed, starts at boot, and runs; True when it runs."""
        if not self.path.exists():
            self._steps.say(f"not installed: no {self.path}")
            return False
        self._require_manager()
        facts = self._properties()
        self._steps.say(f"unit: {self.path}")
        self._steps.say(f"enabled: {facts.get('UnitFileState') or 'unknown'}")
        self._steps.say(f"state: {_describe(facts)}")
        self._say_linger()
        return facts.get("ActiveState") == "active"

    def _properties(self) -> dict[str, str]:
        wanted = "UnitFileState,ActiveState,SubState,Result,ExecMainStatus,MainPID,NRestarts"
        shown = self._steps.ask("systemctl", "--user", "show", UNIT, f"--property={wanted}")
        pairs = (line.partition("=") for line in shown.output.splitlines())
        return {name: value for name, _, value in pairs}

    def _require_manager(self) -> None:
        if self._steps.dry_run:
            return
        answer = self._steps.ask("systemctl", "--user", "show-environment")
        if answer.status == 0:
            return
        reason = " ".join(answer.output.split()) or "no answer"
        raise MissingPartError(
            f"systemd does not answer for user {self._account.user} ({reason})",
            where="systemctl --user",
            remedy="log in as this user (ssh or desktop; not su, sudo or a container), or just let it run:"
            " moshi-speaker run",
        )

    def _say_linger(self) -> None:
        user = self._account.user
        if self._steps.dry_run:
            self._steps.say(f"would check that it runs without a login: loginctl show-user {user}")
            return
        answer = self._steps.ask("loginctl", "show-user", user, "--property=Linger", "--value")
        if answer.status == 0 and answer.output.strip() == "yes":
            self._steps.say("without a login: yes, it starts at boot")
            return
        self._steps.say(
            f"without a login: no, it stops when {user} logs out; remedy: sudo loginctl enable-linger {user}"
        )


def _describe(facts: dict[str, str]) -> str:
    state = facts.get("ActiveState") or "unknown"
    text = f"{state} ({facts.get('SubState') or 'unknown'})"
    if state == "active":
        return f"{text}, process {facts.get('MainPID')}, restarted {facts.get('NRestarts')} times"
    if facts.get("Result", "success") != "success":
        text += f", result {facts['Result']}, exit status {facts.get('ExecMainStatus')}"
    return text


def _quote(word: str) -> str:
    """A word of a command line as systemd.syntax(7) wants it."""
    if not word.isprintable():
        raise ConfigError("a path with control characters cannot go into a unit", where=repr(word))
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    plain = escaped == word and not set(word) & set(
        " ';"
    )  # systemd splits, quotes and ends commands with them
    return word if plain else f'"{escaped}"'
