import os
from pathlib import Path

import pytest

from moshi_speaker import configfile
from moshi_speaker.errors import ConfigError
from moshi_speaker.settings import Settings, WakeWord


def load(folder: Path, text: str, **environ: str) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return configfile.load(path, environ)


def complaint(folder: Path, text: str, **environ: str) -> str:
    """The one line that the file earns, without the folder."""
    with pytest.raises(ConfigError) as raised:
        load(folder, text, **environ)
    line = str(raised.value)
    assert "\n" not in line
    assert raised.value.exit_code == 78
    return line.replace(f"{folder}{os.sep}", "")


def secrets(folder: Path, text: str, mode: int = 0o600) -> None:
    path = folder / "secrets.yaml"
    path.write_text(text)
    path.chmod(mode)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "mqtt:\n", "mqtt:\n  tls:\n"])
def test_what_is_not_written_keeps_its_default(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == Settings()


def test_values_of_every_kind_are_taken(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "speaker: {id: kitchen_1, log_level: debug}\n"
        "model: {seed: 7, text_temperature: 1, offline: yes}\n"
        "engine: {start_timeout_s: 1e3}\n"
        "audio: {input_device: 2, output_device: hw:1, earcons: off}\n"
        "conversation: {end_silence_s: 4.5}\n",
    )
    assert settings.speaker.id == "kitchen_1"
    assert settings.speaker.log_level == "debug"
    assert (settings.model.seed, settings.model.text_temperature, settings.model.offline) == (7, 1.0, True)
    assert settings.engine.start_timeout_s == 1000.0
    assert (settings.audio.input_device, settings.audio.output_device) == (2, "hw:1")
    assert settings.audio.earcons is False
    assert settings.conversation.end_silence_s == 4.5


@pytest.mark.parametrize("written", ["on", "no", "007", "1:30", "3.10", "2024-01-01", "1e3", "true"])
def test_text_is_taken_as_it_is_written(tmp_path: Path, written: str) -> None:
    assert load(tmp_path, f"speaker:\n  name: {written}\n").speaker.name == written


@pytest.mark.parametrize("written", ["5", "'5'"])
def test_a_version_that_looks_like_a_number_is_text(tmp_path: Path, written: str) -> None:
    assert load(tmp_path, f"mqtt:\n  protocol: {written}\n").mqtt.protocol == "5"


@pytest.mark.parametrize(("written", "device"), [("1:0", "1:0"), ("'2'", "2"), ("010", 10), ("on", "on")])
def test_a_device_is_an_index_only_as_a_plain_whole_number(
    tmp_path: Path, written: str, device: str | int
) -> None:
    assert load(tmp_path, f"audio:\n  input_device: {written}\n").audio.input_device == device


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfspeaker: {name: Kitchen}\n")
    assert configfile.load(path).speaker.name == "Kitchen"


# --- Names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "unknown", "nearest"),
    [
        ("\nmqtt:\n  usernam: x\n", 3, "mqtt.usernam", "mqtt.username"),
        ("mqtt:\n  host: a\n  hostname: b\n", 3, "mqtt.hostname", "mqtt.host"),
        ("mqt:\n  host: b\n", 1, "mqt", "mqtt"),
        ("volume: 50\n", 1, "volume", "audio.volume"),
        ("mqtt:\n  ca_cert: x\n", 2, "mqtt.ca_cert", "mqtt.tls.ca_cert"),
        ("mqtt:\n  tls:\n    insecur: true\n", 3, "mqtt.tls.insecur", "mqtt.tls.insecure"),
        ("audio:\n  Volume: 3\n", 2, "audio.Volume", "audio.volume"),
    ],
)
def test_an_unknown_setting_names_the_nearest(
    tmp_path: Path, text: str, line: int, unknown: str, nearest: str
) -> None:
    expected = f"config.yaml:{line}: unknown setting {unknown}; did you mean {nearest}?"
    assert complaint(tmp_path, text) == expected


@pytest.mark.parametrize("key", ["xyzzy", "<<", "? [a, b]\n", "''", "5", '"a\\nb"'])
def test_even_a_wild_name_gets_one_line(tmp_path: Path, key: str) -> None:
    assert "unknown setting" in complaint(tmp_path, f"{key}: {{a: b}}\n")


def test_a_setting_given_twice_is_refused(tmp_path: Path) -> None:
    text = "audio:\n  volume: 3\n  earcons: true\n  volume: 4\n"
    expected = "config.yaml:4: audio.volume is there twice, first in line 2; remove one"
    assert complaint(tmp_path, text) == expected


# --- Values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "written", "expected"),
    [
        ("audio", "volume: loud", "audio.volume is loud; give a whole number from 0 to 100"),
        ("audio", "volume: '50'", 'audio.volume is "50"; give a whole number from 0 to 100'),
        ("audio", "volume: 50.5", "audio.volume is 50.5; give a whole number from 0 to 100"),
        ("audio", "volume: 101", "audio.volume is 101; give a whole number from 0 to 100"),
        ("audio", "volume: [1]", "audio.volume is a list; give a whole number from 0 to 100"),
        ("audio", "volume: {a: 1}", "audio.volume is a group; give a whole number from 0 to 100"),
        ("audio", "earcons: maybe", "audio.earcons is maybe; give true or false"),
        ("audio", "earcons: 1", "audio.earcons is 1; give true or false"),
        ("audio", "speech_threshold: 2", "audio.speech_threshold is 2; give a number from 0 to 1"),
        ("audio", "reopen_delay_s: 0", "audio.reopen_delay_s is 0; give a number from 0.01 to 600"),
        ("audio", "reopen_delay_s: 1e999", "audio.reopen_delay_s is 1e999; give a number from 0.01 to 600"),
        ("wake", "threshold: 0", "wake.threshold is 0; give a number above 0, up to 1"),
        ("wake", "engine: porcupine", "give one of auto, openwakeword, pyopen_wakeword"),
        ("model", "text_top_k: 0", "model.text_top_k is 0; give a whole number from 1 on"),
        ("model", f"seed: {'9' * 5000}", f"model.seed is {'9' * 40}…; give a whole number from 0 to"),
        ("speaker", "name: ''", "speaker.name is empty; give text of 1 to 64 characters"),
        ("speaker", "id: a b", "speaker.id is a b; give text of letters from A to Z, digits, _ and -"),
        ("speaker", "state_dir: ''", "speaker.state_dir is empty; give a path"),
        ("speaker", "state_dir: ~nobody-of-that-name/x", "give a path in a home folder that exists"),
        ("mqtt", "port: 65536", "mqtt.port is 65536; give a whole number from 0 to 65535 or nothing"),
        ("mqtt", "base_topic: a/#", "mqtt.base_topic is a/#; give a topic without wildcards"),
        ("mqtt", "host: mqtt://a", "mqtt.host is mqtt://a; give a name or an address alone, such as"),
        ("mqtt", "host: mqtt://me:hunter2@b", "mqtt.host is …@b; give a name or an address alone"),
        ("mqtt", "host: ''", "mqtt.host is empty; give a name or an address alone, such as"),
        ("history", "keep_days: 0", "history.keep_days is 0; give a whole number from 1 to 36500 or off"),
        ("history", "keep_days: 0ff", "history.keep_days is 0ff; give a whole number from 1 to 36500 or off"),
        ("mqtt", "tls: true", "mqtt.tls is a group of settings, not one value"),
        ("audio", "volume: !int 5", "unknown tag; use !secret NAME, !env NAME or !credential NAME"),
        ("audio", "volume: !!python/name:os.system x", "audio.volume is x; give a whole number"),
    ],
)
def test_a_wrong_value_gets_one_line_with_what_is_accepted(
    tmp_path: Path, section: str, written: str, expected: str
) -> None:
    line = complaint(tmp_path, f"# ours\n{section}:\n  {written}\n")
    assert line.startswith("config.yaml:3: ")
    assert expected in line


def test_a_setting_that_needs_a_value_cannot_be_empty(tmp_path: Path) -> None:
    line = complaint(tmp_path, "audio:\n  volume:\n")
    assert line.startswith(
        "config.yaml:2: audio.volume is empty; give a whole number from 0 to 100, or leave"
    )


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "5\n"])
def test_a_file_that_is_no_list_of_settings_is_refused(tmp_path: Path, text: str) -> None:
    assert complaint(tmp_path, text).startswith("config.yaml:1: the file is a group of settings, not")


@pytest.mark.parametrize("given", ["username: u", "password: p"])
def test_half_of_the_credentials_is_refused(tmp_path: Path, given: str) -> None:
    line = complaint(tmp_path, f"mqtt:\n  host: broker\n  {given}\n")
    assert line.startswith("config.yaml:1: mqtt: ")
    assert line.endswith("set both")


def test_further_errors_follow_the_first_in_the_order_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, "wake:\n  patience: 0\naudio:\n  volume: 200\n  earcons: 5\n")
    lines = [str(raised.value), *raised.value.__notes__]
    assert [line.removeprefix(f"{tmp_path}/config.yaml:")[:1] for line in lines] == ["2", "4", "5"]


# --- The text of the file -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("audio:\n\tvolume: 5\n", "config.yaml:2: not valid YAML: a tab; indent with spaces"),
        ("audio:\n  volume: [5\n", "config.yaml:3: not valid YAML"),
        ("audio: {}\n--- \naudio: {}\n", "config.yaml:2: not valid YAML"),
        ("audio:\n  volume: 5\n earcons: on\n", "config.yaml:3: not valid YAML"),
        ("audio:\n  volume: \x07\n", "config.yaml:2: a control character"),
        ("[" * 5000, "config.yaml:1: nested too deeply"),
    ],
)
def test_broken_yaml_gets_one_line(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(tmp_path, text).startswith(expected)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"speaker:\n  name: K\xfcche\n")
    with pytest.raises(ConfigError, match=r"config\.yaml:2: not UTF-8; save the file as UTF-8"):
        configfile.load(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder; name the file in it"):
        configfile.load(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.touch(mode=0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        configfile.load(path)


def test_a_path_whose_parent_is_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        configfile.load(tmp_path / "file" / "config.yaml")


# --- Where the file is --------------------------------------------------------------------------


def test_a_given_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        configfile.load(tmp_path / "nowhere.yaml")


def test_without_any_file_everything_is_default(tmp_path: Path) -> None:
    assert configfile.load(None, {"XDG_CONFIG_HOME": str(tmp_path)}) == Settings()


def test_the_default_file_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "moshi-speaker"
    folder.mkdir()
    (folder / "config.yaml").write_text("audio: {volume: 3}\n")
    assert configfile.load(None, {"XDG_CONFIG_HOME": str(tmp_path)}).audio.volume == 3


def test_the_default_file_is_under_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    expected = Path("/somebody/.config/moshi-speaker/config.yaml")
    assert configfile.default_path({}) == expected
    assert configfile.default_path({"XDG_CONFIG_HOME": "relative"}) == expected


# --- Paths --------------------------------------------------------------------------------------


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "speaker: {state_dir: state}\n"
        "model: {source: ./weights}\n"
        "wake: {words: [hey_moshi.onnx]}\n"
        "mqtt: {tls: {ca_cert: /etc/ca.pem}}\n",
    )
    assert settings.speaker.state_dir == tmp_path / "state"
    assert settings.model.source == str(tmp_path / "weights")
    assert settings.wake.words == (WakeWord(model=str(tmp_path / "hey_moshi.onnx")),)
    assert settings.mqtt.tls.ca_cert == Path("/etc/ca.pem")


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somebody")
    settings = load(tmp_path, "speaker: {state_dir: ~/state}\nmodel: {source: ~/weights}\n")
    assert settings.speaker.state_dir == Path("/somebody/state")
    assert settings.model.source == "/somebody/weights"


def test_a_repo_id_and_a_bundled_model_are_names(tmp_path: Path) -> None:
    settings = load(tmp_path, "model: {source: kyutai/moshika-mlx-q4}\nwake: {words: [alexa]}\n")
    assert settings.model.source == "kyutai/moshika-mlx-q4"
    assert settings.wake.words == (WakeWord(model="alexa"),)


# --- Lists --------------------------------------------------------------------------------------


def test_wake_words_are_names_paths_or_groups(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        "wake:\n"
        "  words:\n"
        "    - hey_jarvis\n"
        "    - {model: alexa, threshold: 0.7}\n"
        "    - model: ./mine.tflite\n"
        "      threshold:\n"
        "    - !env WORD okay_nabu\n",
    )
    assert settings.wake.words == (
        WakeWord(model="hey_jarvis"),
        WakeWord(model="alexa", threshold=0.7),
        WakeWord(model=str(tmp_path / "mine.tflite")),
        WakeWord(model="okay_nabu"),
    )
    assert [word.name for word in settings.wake.words] == ["hey_jarvis", "alexa", "mine", "okay_nabu"]


def test_the_setting_of_before_is_led_to_the_present_one(tmp_path: Path) -> None:
    line = complaint(tmp_path, "wake:\n  model: alexa\n")
    assert line == "config.yaml:2: unknown setting wake.model; did you mean wake.words?"


LIST = "give a list of 1 to 8 such as [hey_jarvis, {model: alexa, threshold: 0.7}]"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("words: alexa", f"2: wake.words is alexa; {LIST}"),
        ("words:", f"2: wake.words is empty; {LIST}"),
        ("words: []", f"2: wake.words is a list; {LIST}"),
        ("words: {alexa: 0.7}", f"2: wake.words is a group; {LIST}"),
        (
            "words:\n    - alexa\n    - {model: okay_nabu, threshold: 2}",
            "4: wake.words.2.threshold is 2; give a number above 0, up to 1 or nothing",
        ),
        (
            "words:\n    - alexa\n    - model: x\n      treshold: 0.2",
            "5: unknown setting wake.words.2.treshold; did you mean wake.words.2.threshold?",
        ),
        (
            "words: [{model: x, threshold: 0}]",
            "2: wake.words.1.threshold is 0; give a number above 0, up to 1 or nothing",
        ),
        ("words:\n    - threshold: 0.2", "3: wake.words.1 says no model; add a line model: VALUE"),
        (
            "words:\n    - [alexa]",
            "3: wake.words.1.model is a list; give text",
        ),
        (
            "words:\n    - alexa\n    - hey_jarvis\n    - {model: alexa, threshold: 0.3}",
            "2: wake.words is a list; give every wake word once: alexa is there 2 times",
        ),
        (
            "words: [a/word.onnx, b/word.tflite]",
            "2: wake.words is a list; give every wake word once: word is there 2 times",
        ),
    ],
)
def test_a_wrong_wake_word_is_named_with_its_line(tmp_path: Path, written: str, expected: str) -> None:
    assert complaint(tmp_path, f"wake:\n  {written}\n") == f"config.yaml:{expected}"


# --- !secret and !env ---------------------------------------------------------------------------

CREDENTIALS = "mqtt:\n  username: u\n  password: !secret broker\n"


@pytest.mark.parametrize("written", ["hunter2", "'hunter2'", "0123", "on"])
def test_a_secret_comes_from_the_file_beside(tmp_path: Path, written: str) -> None:
    secrets(tmp_path, f"other: x\nbroker: {written}\n")
    password = load(tmp_path, CREDENTIALS).mqtt.password
    assert password is not None
    assert password.get_secret_value() == written.strip("'")


def test_a_missing_file_of_secrets_is_named(tmp_path: Path) -> None:
    expected = "config.yaml:3: !secret needs secrets.yaml, which does not exist; create it, mode 600"
    assert complaint(tmp_path, CREDENTIALS) == expected


def test_a_missing_secret_names_the_nearest(tmp_path: Path) -> None:
    secrets(tmp_path, "brokr: hunter2\n")
    line = complaint(tmp_path, CREDENTIALS)
    assert line.startswith("config.yaml:3: !secret broker: not in secrets.yaml (did you mean brokr?)")
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("broker: *hunter2\n", "secrets.yaml:1: not valid YAML"),
        ("broker: %hunter2\n", "secrets.yaml:1: not valid YAML"),
        ("broker: !hunter2\n", "secrets.yaml:1: a secret cannot have a tag"),
        ("broker: [hunter2]\n", "secrets.yaml:1: a secret must be one value"),
        ("broker: a\nbroker: hunter2\n", "secrets.yaml:2: broker is there twice"),
        ("- hunter2\n", "secrets.yaml:1: not a list of secrets"),
        ("", "config.yaml:3: !secret broker: not in secrets.yaml"),
        ("broker: {\n", "secrets.yaml:2: not valid YAML"),
    ],
)
def test_a_broken_file_of_secrets_is_named_and_nothing_of_it_shown(
    tmp_path: Path, text: str, expected: str
) -> None:
    secrets(tmp_path, text)
    line = complaint(tmp_path, CREDENTIALS)
    assert line.startswith(expected)
    assert "hunter2" not in line


def test_a_wrong_value_of_a_secret_is_not_shown(tmp_path: Path) -> None:
    secrets(tmp_path, "broker: hunter2\n")
    line = complaint(tmp_path, "mqtt:\n  port: !secret broker\n")
    assert line.startswith("config.yaml:2: mqtt.port is not usable (its value is not shown); give a whole")
    assert "hunter2" not in line


def test_a_wrong_password_is_not_shown(tmp_path: Path) -> None:
    line = complaint(tmp_path, "mqtt:\n  username: u\n  password: [hunter2]\n")
    assert line.startswith("config.yaml:3: mqtt.password is not usable")
    assert "hunter2" not in line


def test_a_secret_has_one_name(tmp_path: Path) -> None:
    secrets(tmp_path, "broker: hunter2\n")
    line = complaint(tmp_path, "mqtt:\n  password: !secret broker of ours\n")
    assert line.startswith("config.yaml:2: !secret broker of ours: not in secrets.yaml")


def test_the_environment_gives_values_of_the_kind_that_is_needed(tmp_path: Path) -> None:
    text = "mqtt: {host: !env HOST, port: !env PORT 1884}\naudio: {earcons: !env EARCONS yes}\n"
    settings = load(tmp_path, text, HOST="10", PORT="1999")
    assert (settings.mqtt.host, settings.mqtt.port, settings.audio.earcons) == ("10", 1999, True)
    assert load(tmp_path, text, HOST="broker").mqtt.port == 1884


def test_an_empty_variable_is_an_empty_value(tmp_path: Path) -> None:
    assert load(tmp_path, "mqtt: {host: !env HOST}\n", HOST="").mqtt.host is None


def test_a_default_may_have_several_words(tmp_path: Path) -> None:
    assert load(tmp_path, "speaker: {name: !env NAME My  kitchen}\n").speaker.name == "My  kitchen"


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    line = complaint(tmp_path, "mqtt:\n  host: !env MQTT_HOST\n")
    assert line.startswith("config.yaml:2: !env MQTT_HOST: no such environment variable; set it, or")


def test_a_wrong_value_from_the_environment_is_not_shown(tmp_path: Path) -> None:
    line = complaint(tmp_path, "mqtt:\n  port: !env PORT\n", PORT="hunter2")
    assert "hunter2" not in line


@pytest.mark.parametrize("written", ["!secret", "!env", "!secret [a]", "!Secret a", "!env {a: b}"])
def test_a_tag_that_is_not_understood_is_refused(tmp_path: Path, written: str) -> None:
    assert complaint(tmp_path, f"mqtt:\n  host: {written}\n").startswith("config.yaml:2: ")


def test_a_whole_group_cannot_be_a_secret(tmp_path: Path) -> None:
    assert "mqtt is a group of settings" in complaint(tmp_path, "mqtt: !secret all\n")


@pytest.mark.parametrize("text", [None, "", "audio: {volume: 3}\n"])
def test_a_user_without_a_home_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    def no_home(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(Path, "expanduser", no_home)
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"home folder"):
        configfile.load(None if text is None else path, {})
    if text is None:
        with pytest.raises(ConfigError, match=r"speaker\.state_dir"):
            configfile.load(None, {"XDG_CONFIG_HOME": str(tmp_path)})
