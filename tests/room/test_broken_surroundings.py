"""What the speaker does without a broker, or without the devices it was told to use."""

import re
import signal
from pathlib import Path

import pytest

from tests.room.house import CLOSED_PORT, HEARD_S, Room


def test_without_its_broker_it_talks_all_the_same_and_says_so_once(room: Room) -> None:
    with room.speaker(mqtt={"port": CLOSED_PORT}) as speaker:
        log = speaker.program.stderr
        log.expect("WARNING.*MQTT broker")
        log.expect("state idle")
        room.wake(lambda: log.expect(r"heard hey_jarvis \([01]\.\d\d\)", within_s=HEARD_S))
        log.expect(r"conversation \S+ started \(wake_word\)")
        log.expect(r"conversation \S+ ended: silence")
        code, _ = speaker.program.stop(signal.SIGTERM)
    assert code == 0
    assert len(re.findall(r"WARNING.*the broker|WARNING.*MQTT broker", log.text)) == 1
    assert f"127.0.0.1:{CLOSED_PORT}" in log.text
    assert "Traceback" not in log.text


@pytest.mark.parametrize("direction", ["input_device", "output_device"])
def test_an_unknown_device_is_an_error_that_lists_the_devices(room: Room, direction: str) -> None:
    with room.speaker(audio={direction: "Jabra"}, speaker={"log_level": "warning"}) as speaker:
        assert speaker.program.wait() == 69
    line = rf"moshi-speaker: audio\.{direction}: no such device: 'Jabra'; choose one of: \d .*'default'\n"
    assert re.fullmatch(line, speaker.program.stderr.text)


def test_a_model_that_cannot_be_loaded_ends_the_speaker_in_one_line(room: Room, tmp_path: Path) -> None:
    with room.speaker(model={"source": str(tmp_path)}, speaker={"log_level": "warning"}) as speaker:
        assert speaker.program.wait() == 69
    line = rf"moshi-speaker: {re.escape(str(tmp_path))}: there is no language model here .*\n"
    assert re.fullmatch(line, speaker.program.stderr.text)


def test_a_machine_that_is_too_slow_ends_the_speaker_in_one_line_and_leaves_the_reason(room: Room) -> None:
    impossible = {"max_realtime_factor": 1e-5, "too_slow": "refuse", "benchmark_frames": 3}
    with room.speaker(engine=impossible, speaker={"log_level": "warning"}) as speaker:
        assert speaker.program.wait() == 78
        problem = speaker.witness.expect("problem/attributes", code="too_slow").fields
        speaker.witness.expect("availability", "offline")
    # ALSA may complain before: computing as fast as it can, the engine takes the sound's time.
    ours = [line for line in speaker.program.stderr.text.splitlines() if not line.startswith("ALSA lib")]
    assert ours == [f"moshi-speaker: {problem['message']}"]
    assert "too slow on this machine: a frame takes" in problem["message"]
