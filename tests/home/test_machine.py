"""How the machine is called."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from moshi_speaker.home.machine import machine


@pytest.fixture(autouse=True)
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")


def test_a_board_is_called_as_its_maker_calls_it(tmp_path: Path) -> None:
    file = tmp_path / "sys/firmware/devicetree/base/model"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert machine(tmp_path) == "Raspberry Pi 5 Model B Rev 1.0"


def test_a_computer_is_called_by_its_product(tmp_path: Path) -> None:
    file = tmp_path / "sys/class/dmi/id/product_name"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"NUC13\n")
    assert machine(tmp_path) == "NUC13"
    file.write_bytes(b"\n")
    assert machine(tmp_path) == platform.machine()


def test_a_machine_without_a_name_is_called_by_its_architecture(tmp_path: Path) -> None:
    assert machine(tmp_path) == platform.machine() != ""


@pytest.mark.parametrize(
    ("answer", "name"), [("Mac16,10\n", "Mac16,10"), (OSError("no such program"), platform.machine())]
)
def test_a_mac_is_asked_for_its_model(monkeypatch: pytest.MonkeyPatch, answer: object, name: str) -> None:
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if isinstance(answer, OSError):
            raise answer
        return subprocess.CompletedProcess(command, 0, stdout=str(answer))

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(subprocess, "run", run)
    assert machine() == name
