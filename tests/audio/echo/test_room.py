import io
import logging
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.audio.echo.kalman import PARTITIONS
from moshi_speaker.audio.echo.kalman import Path as EchoPath
from moshi_speaker.audio.echo.room import FILE, Room, load, save
from moshi_speaker.audio.echo.spectra import BINS

DEVICES = "Jabra · Jabra"
SHAPE = (PARTITIONS, BINS)


def a_room() -> Room:
    random = np.random.default_rng(1)
    response = (random.standard_normal(SHAPE) + 1j * random.standard_normal(SHAPE)).astype(np.complex64)
    variance = random.uniform(1e-6, 1.0, SHAPE).astype(np.float32)
    return Room(EchoPath(response, variance), delay=0.1234, drift=-3e-5, leak=0.002)


def contents(**changes: object) -> dict[str, object]:
    """What a file holds."""
    room = a_room()
    whole = {
        "form": 1,
        "devices": DEVICES,
        "response": room.path.response,
        "variance": room.path.variance,
        "numbers": np.array([0.1, 0.0, 0.01]),
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def write(folder: Path, **changes: object) -> None:
    np.savez(folder / FILE, **contents(**changes))  # type: ignore[arg-type]


def with_one(value: float, dtype: type) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.full(SHAPE, 0.1, dtype)
    values[3, 100] = value
    return values


def test_a_room_is_the_same_after_a_restart(tmp_path: Path) -> None:
    room = a_room()
    save(room, tmp_path / "state", DEVICES)
    again = load(tmp_path / "state", DEVICES)
    assert again is not None
    assert np.array_equal(again.path.response, room.path.response)
    assert np.array_equal(again.path.variance, room.path.variance)
    assert again.path.response.dtype == np.complex64
    assert again.path.variance.dtype == np.float32
    assert (again.delay, again.drift, again.leak) == (room.delay, room.drift, room.leak)
    assert [path.name for path in (tmp_path / "state").iterdir()] == [FILE]


def test_the_latest_room_is_kept(tmp_path: Path) -> None:
    save(a_room(), tmp_path, "others")
    save(a_room(), tmp_path, DEVICES)
    assert load(tmp_path, DEVICES) is not None
    assert load(tmp_path, "others") is None
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_file_there_is_no_room_and_no_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load(tmp_path, DEVICES) is None
    assert load(tmp_path / "nowhere", DEVICES) is None
    assert not caplog.records


def test_the_room_of_other_devices_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(a_room(), tmp_path, "MacBook · MacBook")
    assert load(tmp_path, DEVICES) is None
    assert not caplog.records


def test_a_file_of_another_version_is_not_used(tmp_path: Path) -> None:
    write(tmp_path, form=2)
    assert load(tmp_path, DEVICES) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"response": np.zeros((3, BINS), np.complex64)},
        {"variance": np.zeros((PARTITIONS, 3), np.float32)},
        {"response": with_one(np.nan, np.complex64)},
        {"response": with_one(1e30, np.complex64)},
        {"variance": with_one(np.inf, np.float32)},
        {"variance": with_one(-1.0, np.float32)},
        {"variance": with_one(0.0, np.float32)},
        {"response": np.full(SHAPE, "loud")},
        {"numbers": np.array([0.1, 0.0])},
        {"numbers": np.array([np.nan, 0.0, 0.01])},
        {"numbers": np.array([1e9, 0.0, 0.01])},
        {"numbers": np.array([0.1, 1.0, 0.01])},
        {"numbers": np.array([0.1, 0.0, 0.0])},
        {"numbers": np.array(["a", "b", "c"])},
        {"numbers": None},
        {"form": np.array([1, 1])},
        {"response": np.full(SHAPE, None)},
        {"numbers": np.array([None, {}, []], dtype=object)},
    ],
)
def test_a_room_that_cannot_be_is_told_of_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, changes: dict[str, object]
) -> None:
    write(tmp_path, **changes)
    assert load(tmp_path, DEVICES) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    message = caplog.records[0].getMessage()
    assert str(tmp_path / FILE) in message
    assert "learnt anew" in message
    assert "\n" not in message


def broken_files() -> list[bytes]:
    whole = io.BytesIO()
    np.savez(whole, **contents())  # type: ignore[arg-type]
    compressed = io.BytesIO()
    np.savez_compressed(compressed, **contents())  # type: ignore[arg-type]
    alone = io.BytesIO()
    np.save(alone, np.zeros(3))
    empty_zip = io.BytesIO()
    with zipfile.ZipFile(empty_zip, "w"):
        pass
    random = np.random.default_rng(1)
    files = [
        b"",
        random.bytes(5_000),
        b"PK\x03\x04" + random.bytes(500),
        alone.getvalue(),
        empty_zip.getvalue(),
    ]
    files += [b"\x93NUMPY" + random.bytes(200), whole.getvalue()[:1_000], whole.getvalue()[:-50]]
    for sound in (whole.getvalue(), compressed.getvalue()):
        for _ in range(40):
            spoilt = bytearray(sound)
            for place in random.integers(0, len(sound), 5_000):
                spoilt[place] = int(random.integers(0, 256))
            files.append(bytes(spoilt))
    return files


def test_no_file_is_so_broken_that_it_does_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for content in broken_files():
        caplog.clear()
        (tmp_path / FILE).write_bytes(content)
        assert load(tmp_path, DEVICES) is None
        assert len(caplog.records) == 1
        assert "\n" not in caplog.records[0].getMessage()


def test_a_fifo_in_its_place_is_no_room_and_nobody_waits_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(tmp_path / FILE)
    assert load(tmp_path, DEVICES) is None
    writer = os.open(tmp_path / FILE, os.O_RDWR)  # somebody has it open, and writes nothing
    try:
        assert load(tmp_path, DEVICES) is None
    finally:
        os.close(writer)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


def test_a_folder_that_cannot_be_written_is_the_callers_to_tell_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError):
        save(a_room(), tmp_path / "file", DEVICES)


def test_a_room_that_cannot_be_kept_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(OSError):
        save(a_room(), tmp_path, DEVICES)
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
