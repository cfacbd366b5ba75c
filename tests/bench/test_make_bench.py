"""``python -m tests.bench``, with other programs that are quick to have."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import moshi_speaker
from moshi_speaker.errors import UsageError
from tests.bench import __main__ as make_bench
from tests.bench.peers.contestants import CODECS, LANGUAGE_MODELS
from tests.bench.peers.environments import ENVIRONMENTS

COMPARE = """
import json, pathlib, sys
part, path = sys.argv[2], pathlib.Path(sys.argv[4])
path.write_text(json.dumps([{"part": part, "who": who, "times_ms": [1.0]} for who in sys.argv[6::2]]))
"""


class Bench:
    """Stands in for ``moshi-speaker bench``; what the comparison starts is started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.arguments: list[str] = []
        self.peers: object = None
        self.echo: list[list[str]] = []
        self._run = make_bench.run
        monkeypatch.setattr(make_bench, "run", self.run)

    def run(self, command: list[str]) -> int:
        if tuple(command[:3]) == make_bench.ECHO:
            self.echo.append(command[3:])
            return 0
        if "bench" not in command:
            return self._run(command)
        self.arguments = command[command.index("bench") + 1 :]
        if "--peers" in command:
            self.peers = json.loads(Path(command[command.index("--peers") + 1]).read_text())
        return 3


@pytest.fixture(autouse=True)
def environments(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Those that cannot be installed; none at first."""
    missing: set[str] = set()

    def python_of(name: str) -> Path:
        if name in missing:
            raise UsageError(f"{name} cannot be installed: no network")
        return Path(sys.executable)

    monkeypatch.setattr(make_bench, "python_of", python_of)
    return missing


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def compare_with(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be the program that takes turns with the peers."""
    path = folder / "compare.py"
    path.write_text(source)
    monkeypatch.setattr(make_bench, "COMPARE", path)


def test_what_the_peers_took_goes_to_the_bench(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare_with(COMPARE, tmp_path, monkeypatch)
    assert make_bench.main(["--frames", "7"]) == 3
    assert bench.arguments[:2] == ["--frames", "7"]
    assert bench.peers == [
        {"part": part, "who": entry.who, "times_ms": [1.0]}
        for part, entries in make_bench.ENTRIES.items()
        for entry in entries
        if entry.environment
    ]


def test_a_peer_that_cannot_be_installed_is_left_out_and_told(
    bench: Bench,
    environments: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    compare_with(COMPARE, tmp_path, monkeypatch)
    environments.add("torch")
    assert make_bench.main([]) == 3
    assert isinstance(bench.peers, list)
    assert "rustymimi" in {times["who"] for times in bench.peers}
    assert "PyTorch" not in {times["who"] for times in bench.peers}
    assert "left out: torch cannot be installed: no network" in capfd.readouterr().err


def test_without_any_peer_there_is_no_comparison(
    bench: Bench, environments: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare_with("raise SystemExit(f'started with {__file__}')", tmp_path, monkeypatch)
    environments |= set(ENVIRONMENTS)
    assert make_bench.main([]) == 3
    assert bench.arguments == []


def test_a_comparison_that_fails_is_left_out_and_told(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    compare_with("import sys\nsys.exit('compare: no network')", tmp_path, monkeypatch)
    assert make_bench.main([]) == 3
    assert bench.arguments == []
    said = capfd.readouterr().err
    assert said.index("compare: no network") < said.index("left out: codec")


def test_everybody_takes_as_many_turns_as_asked(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare_with(f"{COMPARE}assert sys.argv[-2:] == ['--rounds', '2']", tmp_path, monkeypatch)
    assert make_bench.main(["--frames", "7", "--rounds", "2"]) == 3
    assert bench.arguments[:2] == ["--frames", "7"]
    assert bench.peers


@pytest.mark.parametrize("rounds", ["0", "-1", "two"])
def test_a_number_of_turns_that_is_none_is_a_wrong_command_line(
    rounds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        make_bench.main(["--rounds", rounds])
    assert "--rounds" in capsys.readouterr().err


def test_the_peers_can_be_left_out(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare_with("raise SystemExit(f'started with {__file__}')", tmp_path, monkeypatch)
    assert make_bench.main(["--parts", "lm", "--no-peers"]) == 3
    assert bench.arguments == ["--parts", "lm"]


@pytest.mark.parametrize(
    ("arguments", "echo"),
    [([], [[]]), (["--no-peers"], [["--no-peers"]]), (["--no-echo"], [])],
)
def test_the_echo_canceller_comes_last_and_can_be_left_out(
    arguments: list[str], echo: list[list[str]], bench: Bench, environments: set[str]
) -> None:
    environments |= set(ENVIRONMENTS)
    assert make_bench.main(arguments) == 3
    assert bench.echo == echo


def test_the_comparison_is_where_make_bench_looks_for_it() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(moshi_speaker.__file__).parents[1])}
    command = [sys.executable, str(make_bench.COMPARE), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert all(option in done.stdout for option in ("--part", "--json", "--who"))


def test_who_would_be_handicapped_is_left_out_and_told(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    slow = replace(LANGUAGE_MODELS[1], preload="libno-such.so.0")
    monkeypatch.setitem(make_bench.ENTRIES, "lm", (LANGUAGE_MODELS[0], slow, LANGUAGE_MODELS[2]))
    compare_with(COMPARE, tmp_path, monkeypatch)
    assert make_bench.main([]) == 3
    assert isinstance(bench.peers, list)
    assert [times["who"] for times in bench.peers if times["part"] == "lm"] == ["moshi_mlx"]
    assert "left out: moshi_mlx, float32: there is no libno-such.so.0" in capfd.readouterr().err


def test_every_other_program_with_openblas_says_so() -> None:
    fast = {entry.who for entry in (*CODECS, *LANGUAGE_MODELS) if entry.preload}
    assert fast == {"moshi_mlx + OpenBLAS", "moshi_mlx, float32"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_from_outside_is_no_traceback(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_bench, "run", lambda command: signal.raise_signal(number))
    assert make_bench.main(["--no-peers"]) == 130


TIDY = """
import os, pathlib, signal, sys, time
try:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.6)
    pathlib.Path(sys.argv[1]).touch()
"""


INTERRUPTED = """
import json, os, pathlib, signal, sys, time
part, path = sys.argv[2], pathlib.Path(sys.argv[4])
if part == "lm":
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)
everybody = ("moshi-speaker", "peer")
path.write_text(json.dumps([{"part": part, "who": who, "times_ms": [1.0]} for who in everybody]))
"""


def test_a_comparison_that_is_interrupted_keeps_the_part_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make_bench, "GRACE_S", 0.2)
    monkeypatch.setenv("PYTHONPATH", str(Path(moshi_speaker.__file__).parents[1]))
    compare_with(INTERRUPTED, tmp_path, monkeypatch)
    out = tmp_path / "figures"
    assert make_bench.main(["--parts", "frame", "--out", str(out)]) == 130
    said = capfd.readouterr()
    assert "interrupted; not measured: lm beside others, our own parts" in said.err
    assert "1.000 ×" in said.out
    peers = json.loads((out / "bench.json").read_text())["peers"]
    assert [(times["part"], times["who"]) for times in peers] == [
        ("codec", "moshi-speaker"),
        ("codec", "peer"),
    ]


def test_what_is_interrupted_may_tidy_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_bench, "GRACE_S", 0.2)
    with pytest.raises(KeyboardInterrupt):
        make_bench.run([sys.executable, "-c", TIDY, str(tmp_path / "tidy")])
    assert (tmp_path / "tidy").exists()
