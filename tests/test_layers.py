"""Who may import whom: the layers of docs/architecture.md, and one owner for each heavy library."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "daemon" / "moshi_speaker"


def imported(source: str) -> set[str]:
    """Top-level names of every module that a source imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def users_of(library: str) -> Iterator[str]:
    """Files of the package that import a library, relative to the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if library in imported(path.read_text(encoding="utf-8")):
            yield path.relative_to(PACKAGE).as_posix()


def test_imports_are_found_in_every_form() -> None:
    source = "import a.b as c\ndef f():\n    from d.e import g\n    import h, i\nfrom . import j\n"
    assert imported(source) == {"a", "d", "h", "i"}


def test_layers_hold() -> None:
    # In a process of its own: import-linter reconfigures the logging of the one it runs in.
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "daemon")}
    done = subprocess.run([*lint, "--no-cache"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_mlx_stays_in_the_model_and_the_engine() -> None:
    users = list(users_of("mlx"))
    assert users
    assert [path for path in users if not path.startswith(("moshi/", "engine/"))] == []


@pytest.mark.parametrize(
    ("library", "owner"),
    [("pyaudio", "audio/device.py"), ("paho", "home/connection.py"), ("amqtt", "home/broker.py")],
)
def test_a_heavy_library_has_one_owner(library: str, owner: str) -> None:
    assert list(users_of(library)) == [owner]
