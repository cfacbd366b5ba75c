"""The benchmark itself, small: through the command line, with a tiny model."""

import json
import signal
import tempfile
import time
from pathlib import Path

import pytest

from moshi_speaker.bench.run import PARTS, Options, parse_parts, run
from moshi_speaker.bench.wake import time_wake
from moshi_speaker.cli import bench, main
from moshi_speaker.engine.environment import environment, usable_cores
from moshi_speaker.errors import MissingPartError, UsageError
from moshi_speaker.settings import EngineSettings
from tests.program import Program


@pytest.fixture(autouse=True)
def same_environment_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(EngineSettings(), usable_cores()).items():
        monkeypatch.setenv(name, value)


def test_a_small_run_writes_what_it_prints(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures"
    arguments = ["--model", str(tiny_model), "--parts", "session,frame,lm,codec", "--frames", "3"]
    assert main(["bench", *arguments, "--long", "60", "--out", str(out), "--json"]) == 0
    said = capsys.readouterr()
    found = json.loads((out / "bench.json").read_text())
    assert json.loads(said.out) == found
    assert [times["part"] for times in found["times"]] == [
        *("encode", "decode", "codec", "lm step"),
        *("frame", "frame: encode", "frame: lm step", "frame: decode", "frame: in the engine"),
    ]
    assert all(len(times["times_ms"]) == 3 for times in found["times"])
    assert len(found["session"]["steps_ms"]) == 60
    assert (found["session"]["window"], len(found["session"]["memory_bytes"])) == (40, 2)
    assert "long session: 60 steps" in said.err


def test_the_wake_word_is_timed_in_a_room_of_files(tiny_model: Path) -> None:
    found = {times.part: times.times_ms for times in time_wake(str(tiny_model), 1, time.monotonic)}
    (first_sound,) = found["wake: first sound"]
    (in_the_model,) = found["wake: in the model"]
    (caught_up,) = found["wake: caught up"]
    assert first_sound > 0
    assert 0 < in_the_model < caught_up


def test_parts_come_in_our_order_and_once() -> None:
    assert parse_parts("lm, codec,lm") == ("codec", "lm")
    assert parse_parts(bench.PARTS) == PARTS
    assert parse_parts("none") == ()


@pytest.mark.parametrize("parts", ["codec,lmm", "", ","])
def test_a_part_that_is_none_is_a_wrong_command_line(parts: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--parts", parts]) == 2
    assert "there are codec, lm, frame" in capsys.readouterr().err


def test_a_part_that_this_machine_lacks_is_left_out_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_arguments: object) -> None:
        raise MissingPartError("no wake words here")

    monkeypatch.setattr("moshi_speaker.bench.run.time_wake", nothing)
    said: list[str] = []
    report = run(Options(parts=("wake",), model="m"), taken_at="", clock=lambda: 0.0, say=said.append)
    assert report.left_out == ["wake: no wake words here"]
    assert said[-1] == "left out: wake: no wake words here"


def test_a_file_of_peers_that_is_broken_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "peers.json"
    path.write_text("[")
    with pytest.raises(UsageError):
        run(Options(peers=path), taken_at="", clock=lambda: 0.0, say=lambda line: None)


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["bench", "--out", str(tmp_path / "file" / "out")]) == 2
    assert "name another folder with --out" in capsys.readouterr().err


def test_a_folder_made_in_vain_is_removed_again(tmp_path: Path) -> None:
    out = tmp_path / "figures" / "today"
    assert main(["bench", "--parts", "lm", "--model", str(tmp_path / "nothing"), "--out", str(out)]) == 69
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    assert main(["bench", "--parts", "lm", "--model", str(tmp_path / "no"), "--out", str(tmp_path)]) == 69
    assert tmp_path.is_dir()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("during", "missing"),
    [
        ("wake word: ", ["wake", "idle", "session"]),
        ("listening: ", ["idle", "session"]),
        ("long session: ", ["session"]),
    ],
)
def test_a_run_that_is_interrupted_keeps_the_parts_that_are_done(
    tiny_model: Path, tmp_path: Path, during: str, missing: list[str], number: signal.Signals
) -> None:
    parts = ",".join(("lm", *missing))
    arguments = ["--model", str(tiny_model), "--frames", "3", "--long", "1000000", "--out", "figures"]
    with Program("bench", *arguments, "--parts", parts, home=tmp_path) as program:
        program.stderr.expect(during)
        program.send_signal(number)
        code = program.wait()
        left = program.family
    assert (code, left) == (130, [])
    assert f"interrupted; not measured: {', '.join(missing)}\n" in program.stderr.text
    assert "Traceback" not in program.stderr.text
    assert "language model, one step" in program.stdout.text
    found = json.loads((tmp_path / "figures" / "bench.json").read_text())
    assert [times["part"] for times in found["times"]] == ["lm step"]
    assert found["missing"] == missing
    assert "latency.png" in program.stdout.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_stopped_leaves_no_model_and_no_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    def stopped(*_arguments: object) -> None:
        assert len(list(tmp_path.iterdir())) == 2, "the models' folder and that of the figures"
        signal.raise_signal(number)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("moshi_speaker.bench.run.time_wake", stopped)
    assert main(["bench", "--parts", "wake,idle", "--out", str(tmp_path / "figures")]) == 130
    assert list(tmp_path.iterdir()) == []
    assert "interrupted; not measured: wake, idle\n" in capsys.readouterr().err
