import struct
import sys
from pathlib import Path

import pytest

from moshi_speaker.bench.plots import draw
from moshi_speaker.bench.report import Report
from moshi_speaker.errors import MissingPartError
from tests.bench.reports import MACHINE, report


def test_every_picture_is_drawn_at_a_size_to_be_read(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    drawn = draw(report(), tmp_path)
    assert [path.name for path in drawn] == ["latency.png", "frame.png", "session.png", "peers.png"]
    for path in drawn:
        data = path.read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        assert data.startswith(b"\x89PNG")
        assert width == 1_200
        assert 200 < height < 1_200


def test_what_was_not_measured_has_no_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert draw(Report("", "", MACHINE, {}), tmp_path) == []


def test_without_matplotlib_one_line_says_how_to_get_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPartError, match=r"pip install matplotlib$"):
        draw(report(), tmp_path)
