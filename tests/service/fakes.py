"""Service managers that remember what they were told, and an account to install for."""

import sys
from pathlib import Path

from moshi_speaker.service.account import Account
from moshi_speaker.service.steps import Result, Steps

FAILED = Result(1, "")
DONE = Result(0, "")


class RecordingRunner:
    """Answers a command with what was set for its first words, else with success and no output."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self._answers: dict[str, list[Result]] = {}

    def __call__(self, *command: str) -> Result:
        line = " ".join(command)
        self.commands.append(line)
        for words, results in self._answers.items():
            if line.startswith(words):
                return results.pop(0) if len(results) > 1 else results[0]
        return DONE

    def answer(self, words: str, *results: Result) -> None:
        """Give these results in turn, the last one for ever."""
        self._answers[words] = list(results)


class Told:
    """Steps over a recording runner, and what the user was told."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self.runner = RecordingRunner()
        self.lines: list[str] = []
        self.steps = Steps(self.runner, self.lines.append, dry_run)

    @property
    def text(self) -> str:
        """All lines together."""
        return "\n".join(self.lines)


def account_in(folder: Path) -> Account:
    """A user with an empty home there, and the interpreter of the tests."""
    home = folder / "home"
    home.mkdir()
    return Account("speaker", 1000, home, Path(sys.executable))


def files_in(folder: Path) -> list[str]:
    """All files and folders below, by their relative paths."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
