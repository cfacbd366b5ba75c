import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import moshi_speaker
from moshi_speaker import __version__, configfile
from moshi_speaker.cli import UNDER_LAUNCHD, logs, main
from moshi_speaker.cli.console import say
from moshi_speaker.errors import ConfigError, DeviceError, TooSlowError
from moshi_speaker.settings import MqttSettings, Settings
from moshi_speaker.speaker import restart, stop_on_signals

HEAVY = ("mlx", "pyaudio", "paho", "numpy", "amqtt", "huggingface_hub", "onnxruntime")
COMMANDS = (
    *("run", "demo", "talk", "devices", "bench", "audio", "models", "config", "history", "mqtt", "service"),
)

Fake = Callable[..., object]
Reread = Callable[[], Settings]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def put(monkeypatch: pytest.MonkeyPatch, module: str, **functions: Fake) -> None:
    """Let the command find these functions instead of the part of the speaker."""
    monkeypatch.setattr(moshi_speaker, module, SimpleNamespace(**functions), raising=False)


def python(*args: str) -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "PYTHONPATH": str(Path(moshi_speaker.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, *args], capture_output=True, text=True, env=environ, timeout=60, check=False
    )


# --- From outside -------------------------------------------------------------------------------


def test_the_help_needs_none_of_the_heavy_parts() -> None:
    code = (
        "import sys\nfrom moshi_speaker.__main__ import main\n"
        "status = main()\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "assert not heavy, heavy\nsys.exit(status)"
    )
    done = python("-c", code, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f" {command} " in done.stdout for command in COMMANDS)


def test_the_package_runs_as_a_module() -> None:
    done = python("-m", "moshi_speaker", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"moshi-speaker {__version__}\n", "")


def test_a_wrong_configuration_exits_78_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("audio:\n  volum: 3\n")
    done = python("-m", "moshi_speaker", "config", "check", "--config", str(path))
    assert (done.returncode, done.stdout) == (78, "")
    expected = f"moshi-speaker: {path}:2: unknown setting audio.volum; did you mean audio.volume?\n"
    assert done.stderr == expected


def test_the_engine_process_does_not_load_the_command_line() -> None:
    code = "import sys, moshi_speaker.__main__\nassert 'moshi_speaker.cli' not in sys.modules"
    assert python("-c", code).returncode == 0


# --- Exit codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ["--confg"],
        ["dmo"],
        ["run", "--config"],
        ["run", "--log-level", "loud"],
        ["talk", "in.wav"],
        ["demo", "--broker", "host:port"],
        ["demo", "--broker", "host:99999"],
        ["demo", "--broker", ":1883"],
        ["demo", "--broker", ""],
        ["demo", "--model", ""],
        ["talk", "in.wav", "out.wav", "--model", " "],
        ["models", "synth", "x", "--seed", "-1"],
        ["bench", "--frames", "0"],
        ["bench", "--parts", "codec,lmm"],
        ["run", "--trace"],
        ["run", "--trace", "nowhere/trace.json"],
        ["talk", "in.wav", "out.wav", "--trace", "./in.wav"],
        ["talk", "in.wav", "out.wav", "--trace", "out.wav"],
        ["config", "chekc"],
        ["mqtt", "remove", "--id", "a/#"],
    ],
)
def test_a_wrong_command_line_exits_2_with_one_line(
    args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(args) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("moshi-speaker: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("args", [[], ["audio"], ["config"], ["models"], ["service"]])
def test_no_command_at_all_shows_the_help(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    said = capsys.readouterr()
    assert "Usage" in said.out + said.err
    assert "moshi-speaker: " not in said.err


def test_an_error_of_a_part_is_one_line_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(settings: Settings, trace: Path | None, reread: Reread) -> bool:
        raise DeviceError("no such\nmicrophone [bold]", where="audio.input_device", remedy="plug it in")

    put(monkeypatch, "speaker", run=run)
    assert main(["run"]) == 69
    expected = "moshi-speaker: audio.input_device: no such microphone [bold]; plug it in\n"
    assert capsys.readouterr().err == expected


def test_a_machine_that_is_too_slow_exits_78_and_stays_down_under_launchd(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(settings: Settings, trace: Path | None, reread: Reread) -> bool:
        raise TooSlowError("too slow on this machine", where="moshi", remedy="take another")

    put(monkeypatch, "speaker", run=run)
    assert main(["run"]) == 78
    monkeypatch.setenv(UNDER_LAUNCHD, "1")
    assert main(["run"]) == 0
    assert capsys.readouterr().err == 2 * "moshi-speaker: moshi: too slow on this machine; take another\n"


def test_a_failure_that_may_pass_is_one_under_launchd_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(settings: Settings, trace: Path | None, reread: Reread) -> bool:
        raise DeviceError("no such microphone")

    put(monkeypatch, "speaker", run=run)
    monkeypatch.setenv(UNDER_LAUNCHD, "1")
    assert main(["run"]) == 69


def test_every_error_in_a_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("audio:\n  volume: 101\n  earcons: 3\n")
    assert main(["config", "check", "-c", str(path)]) == 78
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[2] for line in lines] == ["2", "3"]
    assert all(line.startswith("moshi-speaker: ") for line in lines)


def test_a_mistake_of_our_own_exits_1_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def status(**_: object) -> None:
        raise ZeroDivisionError

    put(monkeypatch, "service", status=status)
    assert main(["service", "status"]) == 1
    assert "please report" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_run_stopped_before_it_handles_signals_exits_0(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)
    put(monkeypatch, "speaker", run=lambda settings, trace, reread: signal.raise_signal(number))
    assert main(["run"]) == 0
    assert signal.getsignal(number) is before


def test_run_under_nohup_outlives_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[object] = []

    def run(settings: Settings, trace: Path | None, reread: Reread) -> bool:
        signal.raise_signal(signal.SIGHUP)
        handled.append(signal.getsignal(signal.SIGHUP))
        return False

    put(monkeypatch, "speaker", run=run)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["run"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert handled == [signal.SIG_IGN]


def test_run_starts_again_when_somebody_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced: list[float] = []
    monkeypatch.setattr(restart, "replace_process", replaced.append)
    put(monkeypatch, "speaker", run=lambda settings, trace, reread: True)
    assert main(["run"]) == 0
    assert len(replaced) == 1


def test_run_that_is_stopped_at_the_last_moment_does_not_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    replaced: list[float] = []
    monkeypatch.setattr(restart, "replace_process", replaced.append)

    def run(settings: Settings, trace: Path | None, reread: Reread) -> bool:
        signal.raise_signal(signal.SIGTERM)
        return True

    put(monkeypatch, "speaker", run=run)
    assert main(["run"]) == 0
    assert not replaced


def test_run_reads_its_file_again_when_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, volumes = tmp_path / "config.yaml", list[int]()
    path.write_text("audio: {volume: 30}")

    def run(settings: Settings, trace: Path | None, reread: Reread) -> bool:
        volumes.append(settings.audio.volume)
        path.write_text("audio: {volume: 40}")
        volumes.append(reread().audio.volume)
        return False

    put(monkeypatch, "speaker", run=run)
    assert main(["run", "-c", str(path)]) == 0
    assert volumes == [30, 40]


def test_a_default_file_that_is_gone_when_it_is_read_again_is_missed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "moshi-speaker" / "config.yaml"
    path.parent.mkdir()
    path.write_text("audio: {volume: 30}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def run(settings: Settings, trace: Path | None, reread: Reread) -> bool:
        assert reread().audio.volume == 30
        path.unlink()
        with pytest.raises(ConfigError, match="no such file"):
            reread()
        return False

    put(monkeypatch, "speaker", run=run)
    assert main(["run"]) == 0


async def test_a_speaker_stops_in_order_when_its_terminal_closes() -> None:
    stopped = asyncio.Event()
    stop_on_signals(stopped.set)
    loop = asyncio.get_running_loop()
    try:
        signal.raise_signal(signal.SIGHUP)
        await asyncio.wait_for(stopped.wait(), 10.0)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)


def test_an_interruption_while_the_program_loads_is_quiet() -> None:
    code = (
        "import signal, sys\nfrom moshi_speaker.__main__ import main\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'moshi_speaker.cli':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\nsys.exit(main())"
    )
    done = python("-c", code, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


# --- What is printed ----------------------------------------------------------------------------


def shell(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Let bash run a line; ``$SPEAKER`` is the program, and the exit code that of the first in a pipe."""
    own = {"PYTHONPATH": str(Path(moshi_speaker.__file__).parents[1])}
    own["SPEAKER"] = f"{sys.executable} -m moshi_speaker"
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        env={**os.environ, **own, **environment},
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("command", ["config show", "--help", "--version"])
def test_a_full_disk_behind_stdout_is_one_line(command: str) -> None:
    done = shell(f"$SPEAKER {command} > /dev/full")
    assert done.returncode == 1
    expected = "moshi-speaker: standard output: No space left on device; print to another place\n"
    assert done.stderr == expected


def test_a_reader_that_has_gone_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, "-m", "moshi_speaker", "config", "schema"],
            stdout=nobody,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(moshi_speaker.__file__).parents[1])},
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("stream", [">&-", "2>&-"])
def test_a_closed_stream_is_no_mistake(stream: str) -> None:
    assert shell(f"$SPEAKER config show {stream}").returncode == 0


def test_what_the_encoding_lacks_is_printed_as_question_marks(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("speaker: {name: Küche}\n", "utf-8")
    done = shell(f"$SPEAKER config show -c {path}", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "name: K?che" in done.stdout


def test_what_is_logged_while_portaudio_starts_is_not_lost_with_what_it_prints(tmp_path: Path) -> None:
    (tmp_path / "pyaudio.py").write_text(
        "import logging, os\n"
        "class PyAudio:\n"
        "    def __init__(self) -> None:\n"
        "        os.write(2, b'ALSA lib: unknown PCM\\n')\n"
        "        logging.getLogger('moshi_speaker.home').warning('the broker is away')\n"
        "        raise OSError('none')\n"
    )
    root = Path(moshi_speaker.__file__).parents[1]
    done = shell("$SPEAKER devices", PYTHONPATH=f"{tmp_path}{os.pathsep}{root}")
    log, line = done.stderr.splitlines()
    assert log == "the broker is away"
    assert line.startswith("moshi-speaker: PortAudio does not start (none)")


# --- Models and devices -------------------------------------------------------------------------


def test_devices_without_any_says_what_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("moshi_speaker.audio.device.list_devices", list)
    assert main(["devices"]) == 0
    said = capsys.readouterr()
    assert said.out == "default microphone: none\ndefault loudspeaker: none\n"
    assert "moshi-speaker: there is no microphone; connect one, or look at" in said.err


def test_demo_says_how_much_it_logs_without_being_told(capsys: pytest.CaptureFixture[str]) -> None:
    main(["demo", "--help"])
    said = re.sub(r"[│\s]+", " ", capsys.readouterr().out)
    assert "without it warnings" in said
    assert "speaker.log_level" not in said


def test_other_commands_that_are_interrupted_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, "service", status=lambda **_: signal.raise_signal(signal.SIGINT))
    assert main(["service", "status"]) == 130


# --- What the commands hand on ------------------------------------------------------------------


def test_run_takes_the_settings_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("speaker: {log_level: error}\naudio: {volume: 7}\n")
    seen: list[Settings] = []
    put(monkeypatch, "speaker", run=lambda settings, trace, reread: seen.append(settings))
    assert main(["run", "-c", str(path)]) == 0
    assert seen[0].audio.volume == 7
    assert logging.getLogger("moshi_speaker").level == logging.ERROR


def test_the_log_level_of_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, "speaker", run=lambda settings, trace, reread: None)
    assert main(["run", "--log-level", "debug"]) == 0
    assert logging.getLogger("moshi_speaker").level == logging.DEBUG
    assert logging.getLogger("somebody.else").getEffectiveLevel() == logging.WARNING


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("broker", ("broker", None)),
        ("broker.lan:1884", ("broker.lan", 1884)),
        ("::1", ("::1", None)),
        ("[::1]", ("::1", None)),
        ("[::1]:1884", ("::1", 1884)),
    ],
)
def test_demo_takes_the_address_of_a_broker(
    written: str, address: tuple[str, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}
    put(monkeypatch, "demo", run_demo=lambda **options: seen.update(options))
    assert main(["demo", "--mic", "--model", "./m", "--broker", written, "--out", "a.wav"]) == 0
    mqtt = MqttSettings(host=address[0], port=address[1])
    assert seen == {"mic": True, "model": "./m", "mqtt": mqtt, "out": Path("a.wav"), "say": say}


def test_demo_takes_the_broker_of_a_configuration_and_the_command_line_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mqtt: {host: a, port: 1885, username: me, password: p, tls: {enabled: true}}\n")
    path.chmod(0o600)
    seen: list[MqttSettings] = []
    put(monkeypatch, "demo", run_demo=lambda mqtt, **_: seen.append(mqtt))
    assert main(["demo", "--config", str(path)]) == 0
    assert main(["demo", "--config", str(path), "--broker", "b"]) == 0
    assert [(mqtt.host, mqtt.port, mqtt.username, mqtt.tls.enabled) for mqtt in seen] == [
        ("a", 1885, "me", True),
        ("b", None, "me", True),
    ]


# --- config -------------------------------------------------------------------------------------


def test_config_check_says_that_there_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check"]) == 0
    path = tmp_path / ".config" / "moshi-speaker" / "config.yaml"
    assert capsys.readouterr().out == f"ok: there is no {path}, every setting has its default\n"


def test_config_check_names_the_file_that_is_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("audio: {volume: 7}\n")
    assert main(["config", "check", "--config", str(path)]) == 0
    assert capsys.readouterr().out == f"ok: {path}\n"


def test_config_show_prints_a_file_that_loads_to_the_same_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written, shown = tmp_path / "mine.yaml", tmp_path / "shown.yaml"
    name = "Küche [red] :smile: " + "x" * 40
    written.write_text(f"speaker: {{name: '{name}'}}\nmqtt: {{protocol: 5}}\n")
    assert main(["config", "show", "-c", str(written)]) == 0
    shown.write_text(capsys.readouterr().out)
    assert configfile.load(shown) == configfile.load(written)


def test_config_show_masks_the_password(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mqtt: {username: me, password: hunter2}\n")
    path.chmod(0o600)
    assert main(["config", "show", "-c", str(path)]) == 0
    out = capsys.readouterr().out
    assert "hunter2" not in out
    assert set(yaml.safe_load(out)["mqtt"]["password"]) == {"*"}


def test_config_schema_describes_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    volume = schema["$defs"]["AudioSettings"]["properties"]["volume"]
    assert (volume["default"], volume["maximum"]) == (70, 100)
    assert "percent" in volume["description"]


# --- The log ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "pattern"),
    [
        ({}, r"\d{4}-\d\d-\d\d \S+ WARNING moshi_speaker\.part: x\n"),
        ({"JOURNAL_STREAM": "8:1"}, r"WARNING moshi_speaker\.part: x\n"),
        ({"INVOCATION_ID": "1"}, r"WARNING moshi_speaker\.part: x\n"),
    ],
)
def test_a_log_line_has_the_time_unless_the_journal_adds_it(
    environ: dict[str, str], pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("info", environ)
    logging.getLogger("moshi_speaker.part").warning("x")
    logging.getLogger("moshi_speaker.part").debug("y")
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(pattern, said.err)
