from pathlib import Path

import pytest

from moshi_speaker.moshi import memory
from moshi_speaker.moshi.synthetic import write_checkpoint
from tests.bench.full_size import FullSizeFigures, measure


def test_a_model_is_loaded_and_stepped_and_its_memory_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path)
    monkeypatch.setattr(memory, "available_bytes", lambda: 0)
    found = measure(tmp_path, 3)
    assert len(found.steps_s) == 3 and min(found.steps_s) > 0
    assert found.load_s > 0 and not found.unpacked
    assert 2**24 < found.load_peak_bytes <= found.peak_bytes


def test_figures_are_told_in_words() -> None:
    found = FullSizeFigures("BLIS, 2 threads", False, 12.34, 5_900_000_000, (4.2, 4.1, 4.6), 9_060_000_000)
    assert str(found).splitlines() == [
        "BLIS, 2 threads, weights packed",
        "load: 12.3 s, 5.9 GB at most",
        "step: 4.20 s (4.10 – 4.60), median of 3; 9.1 GB at most",
    ]
