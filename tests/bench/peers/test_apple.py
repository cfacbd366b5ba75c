"""The calculation for Apple chips."""

import pytest

from tests.bench.peers.apple import CHIPS, Chip, estimate, largest_that_keeps_up, smallest_mac


def test_a_frame_takes_its_bytes_over_seven_tenths_of_the_bandwidth() -> None:
    found = estimate(Chip("any", 100), 8)
    assert found.first_ms == pytest.approx((7.836 + 0.334) / 70 * 1000, rel=1e-3)
    assert found.later_ms - found.first_ms == pytest.approx((1.573 + 0.016) / 70 * 1000, rel=1e-2)


def test_faster_chips_keep_up_with_larger_models() -> None:
    kept = ["–", "q4", "q8", "bf16"]
    ranks = [kept.index(largest_that_keeps_up(chip)) for chip in CHIPS]
    assert ranks == sorted(ranks)
    assert (ranks[0], ranks[-1]) == (0, 3)


def test_larger_models_need_larger_macs() -> None:
    assert [smallest_mac(bits) for bits in (4, 8, 16)] == [16, 16, 32]
