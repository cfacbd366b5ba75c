import pytest

from moshi_speaker.audio.selection import AudioDevice, choose
from moshi_speaker.errors import DeviceError


def device(index: int, name: str, inputs: int, outputs: int, default: bool = False) -> AudioDevice:
    return AudioDevice(index, name, inputs, outputs, default and inputs > 0, default and outputs > 0, 48_000)


DEVICES = [
    device(0, "Built-in Microphone", 1, 0, default=True),
    device(1, "Jabra Speak", 1, 2),
    device(2, "Jabra Speak 2", 1, 2),
    device(3, "Built-in Output", 0, 2, default=True),
]


@pytest.mark.parametrize(
    ("wanted", "index"), [(None, 0), (1, 1), ("jabra speak 2", 2), ("Jabra Speak", 1), ("MICRO", 0)]
)
def test_an_input_by_default_index_name_or_part_of_it(wanted: str | int | None, index: int) -> None:
    assert choose(DEVICES, wanted, "input").index == index


def test_the_default_output_is_not_the_default_input() -> None:
    assert choose(DEVICES, None, "output").index == 3


def test_without_a_default_the_first_that_can_is_taken() -> None:
    assert choose(DEVICES[1:3], None, "input").index == 1


@pytest.mark.parametrize("wanted", ["Bose", 9, 3, "Built-in Output"])
def test_an_unknown_input_lists_those_there_are(wanted: str | int) -> None:
    with pytest.raises(DeviceError) as caught:
        choose(DEVICES, wanted, "input")
    message = str(caught.value)
    assert message.startswith(f"audio.input_device: no such device: {wanted!r}")
    assert "0 'Built-in Microphone'" in message
    assert "3 'Built-in Output'" not in message
    assert "\n" not in message
    assert caught.value.exit_code == 69


def test_an_ambiguous_name_lists_the_candidates_only() -> None:
    with pytest.raises(DeviceError, match="more than one device has this name: 'jabra'") as caught:
        choose(DEVICES, "jabra", "output")
    assert "1 'Jabra Speak', 2 'Jabra Speak 2'" in str(caught.value)
    assert "Built-in" not in str(caught.value)


def test_no_microphone_at_all() -> None:
    with pytest.raises(DeviceError, match="there is no microphone; connect one"):
        choose(DEVICES[3:], None, "input")
    with pytest.raises(DeviceError, match="there is no loudspeaker"):
        choose([], "Jabra", "output")
