"""Environments of the peers: given ones are taken, and what cannot be installed is told in one line."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from moshi_speaker.errors import UsageError
from tests.bench.peers import environments
from tests.bench.peers.environments import ENVIRONMENTS, python_of


def test_an_interpreter_that_is_named_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSHI_PEER_TORCH", "/somewhere/python")
    assert python_of("torch") == Path("/somewhere/python")


def test_a_package_that_cannot_be_had_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nowhere = ("--no-index", "--no-cache-dir", "--find-links", str(tmp_path), "no-such-peer")
    broken = replace(ENVIRONMENTS["torch"], installs=(nowhere,))
    monkeypatch.setitem(environments.ENVIRONMENTS, "torch", broken)
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.delenv("MOSHI_PEER_TORCH", raising=False)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=r"torch cannot be installed: .*no-such-peer") as caught:
        python_of("torch")
    assert "\n" not in str(caught.value) and sys.prefix not in str(caught.value)
