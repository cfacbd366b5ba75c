"""The real download code against a small hub, through the command line in processes of their own."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.moshi.hub_server import NEW, OLD, REPO, Hub

DAEMON = Path(__file__).parents[2] / "daemon"
NOWHERE = "http://127.0.0.1:9"
"""Nobody listens on the port for discarding."""

Result = subprocess.CompletedProcess[str]
Models = Callable[..., Result]


@pytest.fixture
def hub(tiny_model: Path) -> Hub:
    """A hub whose newer revision has a file more than the older one, and files that nobody needs."""
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    return Hub(old=files, new=files | {"README.md": b"# Tiny", "notes.json": b"{}"})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def environment(cache: Path, endpoint: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(cache),
        "HF_HOME": str(cache),
        "HF_ENDPOINT": endpoint,
        "PYTHONPATH": str(DAEMON),
        "COLUMNS": "100",
        "TERM": "xterm",
    }


@pytest.fixture
def models(cache: Path) -> Models:
    """Runs ``moshi-speaker models`` with a cache of the test's own."""

    def run(*args: str, endpoint: str = NOWHERE) -> Result:
        return subprocess.run(
            [sys.executable, "-m", "moshi_speaker", "models", *args],
            env=environment(cache, endpoint),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def snapshot(cache: Path, commit: str) -> Path:
    return cache / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / commit


def test_a_repo_is_pulled_once_and_found_without_a_network_from_then_on(
    hub: Hub, models: Models, cache: Path
) -> None:
    with hub.running():
        pulled = models("pull", REPO, endpoint=hub.url)
        assert (pulled.returncode, pulled.stderr) == (0, "")
        folder = snapshot(cache, NEW)
        assert pulled.stdout.splitlines() == [f"downloading {REPO}", f"{REPO} is in {folder}"]
        wanted = {name for name in hub.commits[NEW] if name != "README.md"}
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
            name: hub.commits[NEW][name] for name in wanted
        }
        assert not [request for request in hub.requests if "telemetry" in request]
    verified = models("verify", REPO)
    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout == f"{REPO}: 393 + 126 tensors, q8, fits\n"
    listed = models("list")
    assert listed.stdout.split() == ["0.01", "GB", REPO]


def test_without_the_hub_an_incomplete_or_old_model_is_not_said_to_be_fresh(
    hub: Hub, models: Models, cache: Path
) -> None:
    with hub.running():
        assert models("pull", REPO, endpoint=hub.url).returncode == 0
    again = models("pull", REPO)
    assert again.returncode == 69
    assert again.stderr.startswith(f"moshi-speaker: {REPO}: the hub cannot be reached; ")
    (snapshot(cache, NEW) / "model.q8.safetensors").unlink()
    broken = models("verify", REPO)
    assert broken.returncode == 69
    assert f"moshi-speaker models pull {REPO}" in broken.stderr


def test_a_pinned_revision_is_the_one_that_is_pulled(hub: Hub, models: Models, cache: Path) -> None:
    with hub.running():
        assert models("pull", REPO, "--revision", OLD, endpoint=hub.url).returncode == 0
    assert (snapshot(cache, OLD) / "config.json").is_file()
    assert not snapshot(cache, NEW).exists()
    assert models("verify", REPO, "--revision", OLD).returncode == 0
    absent = models("verify", REPO)
    assert absent.returncode == 69
    assert absent.stderr == (
        f"moshi-speaker: {REPO}: this model is not in the cache, and the network is not to be used; "
        f"run once with a network: moshi-speaker models pull {REPO}\n"
    )


def test_a_download_that_breaks_off_is_told_in_one_line_and_goes_on_next_time(
    hub: Hub, models: Models
) -> None:
    with hub.running():
        hub.breaks_off = True
        broken = models("pull", REPO, endpoint=hub.url)
        assert broken.returncode == 69
        assert broken.stderr.startswith(f"moshi-speaker: {REPO}: the download broke off: ")
        assert broken.stderr.endswith("; start it again, and it goes on where it ended\n")
        assert broken.stderr.count("\n") == 1
        assert models("verify", REPO).returncode == 69
        hub.breaks_off = False
        assert models("pull", REPO, endpoint=hub.url).returncode == 0
    assert models("verify", REPO).returncode == 0


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            ("someone/else",),
            "someone/else: there is no such repo on the hub; check the name; a private one needs HF_TOKEN",
        ),
        (
            (REPO, "--revision", "v9"),
            f"{REPO}@v9: there is no such revision of this repo; check the revision",
        ),
    ],
)
def test_what_the_hub_does_not_have_is_told_in_one_line(
    args: tuple[str, ...], line: str, hub: Hub, models: Models
) -> None:
    with hub.running():
        refused = models("pull", *args, endpoint=hub.url)
    assert (refused.returncode, refused.stderr) == (69, f"moshi-speaker: {line}\n")


def test_no_network_and_nothing_cached_is_told_in_one_line(models: Models) -> None:
    alone = models("pull", REPO)
    assert (alone.returncode, alone.stdout) == (69, f"downloading {REPO}\n")
    assert alone.stderr == (
        f"moshi-speaker: {REPO}: the hub cannot be reached; "
        "check the network, or name a local folder as model.source\n"
    )


@pytest.mark.parametrize("source", ["no--id/at..all", "../somewhere", "three/parts/here"])
def test_what_is_no_repo_id_is_told_in_one_line(source: str, models: Models) -> None:
    refused = models("pull", source)
    assert refused.returncode == 69
    assert refused.stderr == (
        f"moshi-speaker: {source}: this is no repo id; one looks like kyutai/moshiko-mlx-q8\n"
    )


def test_an_empty_cache_lists_nothing_and_says_what_to_do(models: Models) -> None:
    listed = models("list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout == "none in the cache; moshi-speaker models pull kyutai/moshiko-mlx-q8\n"


def test_a_terminal_shows_a_bar_of_bytes(hub: Hub, cache: Path) -> None:
    screen, terminal = pty.openpty()
    with hub.running():
        child = subprocess.Popen(
            [sys.executable, "-m", "moshi_speaker", "models", "pull", REPO],
            env=environment(cache, hub.url),
            stdout=subprocess.DEVNULL,
            stderr=terminal,
        )
        os.close(terminal)
        shown = read_all(screen)
        assert child.wait(timeout=60) == 0
    assert REPO in shown
    assert "5.0/5.0 MB" in shown
    assert "Fetching" not in shown
    assert "HF_TOKEN" not in shown


def read_all(screen: int) -> str:
    """What is written to a terminal until its last writer is gone."""
    content = b""
    try:
        while chunk := os.read(screen, 65_536):
            content += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(screen)
    return content.decode()


def test_a_cache_that_cannot_be_written_is_no_reason_to_try_again(
    hub: Hub, cache: Path, models: Models
) -> None:
    cache.touch()
    with hub.running():
        done = models("pull", REPO, endpoint=hub.url)
    assert done.returncode == 69
    assert done.stderr.count("\n") == 1
    assert "the cache cannot be used: [Errno " in done.stderr
    assert "HF_HOME" in done.stderr
