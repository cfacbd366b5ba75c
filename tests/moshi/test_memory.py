from pathlib import Path

import mlx.core as mx
import pytest

from moshi_speaker.moshi.config import MOSHI_1B, MOSHI_7B
from moshi_speaker.moshi.memory import GIGABYTE, available_bytes, unpacks, wire, wired_limit


@pytest.mark.parametrize(
    ("held", "recommended", "limit"),
    [
        pytest.param(5 * GIGABYTE, 20 * GIGABYTE, 6 * GIGABYTE, id="1 GB more"),
        pytest.param(30 * GIGABYTE, 100 * GIGABYTE, 33 * GIGABYTE, id="a tenth more"),
        pytest.param(10 * GIGABYTE, 11 * GIGABYTE, 9_900_000_000, id="nine tenths of what is recommended"),
    ],
)
def test_the_wired_limit_is_what_the_model_holds_and_a_little_more(
    held: int, recommended: int, limit: int
) -> None:
    assert wired_limit(held, recommended) == limit


def test_memory_is_pinned_on_macos_alone() -> None:
    pinned: list[int] = []
    device = {"max_recommended_working_set_size": 20 * GIGABYTE}
    assert wire(device, 5 * GIGABYTE, pinned.append, "darwin") == 6 * GIGABYTE
    assert wire(device, 5 * GIGABYTE, pinned.append, "linux") is None
    assert wire({"device_name": "of a CPU"}, 5 * GIGABYTE, pinned.append, "darwin") is None
    assert pinned == [6 * GIGABYTE]


@pytest.mark.parametrize("error", [RuntimeError, ValueError])
def test_a_system_that_cannot_pin_memory_goes_without(error: type[Exception]) -> None:
    def refuse(limit: int) -> None:
        raise error("setting the wired limit is only supported on macOS 15.0 or newer")

    assert wire({"max_recommended_working_set_size": GIGABYTE}, 1, refuse, "darwin") is None


def test_the_call_that_pins_exists_in_mlx() -> None:
    assert callable(mx.set_wired_limit)
    assert isinstance(mx.device_info(), dict)


def test_weights_are_unpacked_when_they_fit_or_are_told_to() -> None:
    # The 1B preset has 1.8 billion weights, the 7B 7.7.
    assert unpacks("auto", MOSHI_1B, 12 * GIGABYTE)
    assert not unpacks("auto", MOSHI_1B, 6 * GIGABYTE)
    assert not unpacks("auto", MOSHI_7B, 24 * GIGABYTE)
    assert unpacks("auto", MOSHI_7B, 64 * GIGABYTE)
    assert not unpacks("auto", MOSHI_1B, None)
    assert unpacks("always", MOSHI_7B, 1)
    assert not unpacks("never", MOSHI_1B, 64 * GIGABYTE)


def system(root: Path, available_kb: int, group: str = "0::/\n") -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 32000000 kB\nMemAvailable: {available_kb} kB\n")
    (root / "proc/self/cgroup").write_text(group)
    (root / "sys/fs/cgroup").mkdir(parents=True)
    return root


def limit(folder: Path, most: str, used: int, droppable: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{most}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\ninactive_file {droppable}\nactive_file 3\n")


def test_available_memory_is_that_of_the_system_without_a_limit(tmp_path: Path) -> None:
    root = system(tmp_path, 1_000)
    assert available_bytes(root) == 1_024_000
    limit(root / "sys/fs/cgroup", "max", 500, 0)
    assert available_bytes(root) == 1_024_000


@pytest.mark.parametrize("limited", ["sys/fs/cgroup", "sys/fs/cgroup/a", "sys/fs/cgroup/a/b"])
def test_the_limit_of_a_control_group_or_of_one_around_it_counts(limited: str, tmp_path: Path) -> None:
    root = system(tmp_path, 1_000, "12:cpu:/old\n0::/a/b\n")
    limit(root / limited, "10000", 4_000, 1_000)
    assert available_bytes(root) == 7_000


def test_what_no_system_tells_is_unknown(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1 kB\n")
    assert available_bytes(tmp_path) is None
