"""The published models as a ladder."""

import pytest

from moshi_speaker.moshi.hub import PUBLISHED
from moshi_speaker.moshi.siblings import frame_bytes, least_bandwidth, smaller_siblings


@pytest.mark.parametrize("voice", ["moshiko", "moshika"])
def test_the_ladder_goes_down_in_one_voice(voice: str) -> None:
    names = [f"kyutai/{voice}-mlx-{precision}" for precision in ("bf16", "q8", "q4")]
    for index, name in enumerate(names):
        siblings = smaller_siblings(name)
        assert [sibling for sibling, _ in siblings] == names[index + 1 :]
        assert all(0.3 < share < 1 for _, share in siblings)


@pytest.mark.parametrize(
    "name", ["", "./moshiko-mlx-q8", "somebody/moshiko-mlx-bf16", "kyutai/stt-1b-en_fr-mlx"]
)
def test_other_models_have_no_siblings(name: str) -> None:
    assert smaller_siblings(name) == []


@pytest.mark.parametrize(("precision", "weights_gb"), [("bf16", 14.75), ("q8", 7.84), ("q4", 4.61)])
def test_a_frame_reads_the_weights_of_a_step_the_window_and_the_codec(
    precision: str, weights_gb: float
) -> None:
    window_gb, codec_gb = 2 * 32 * 3_000 * 4_096 * 2 / 1e9, 0.3
    total = frame_bytes(f"kyutai/moshiko-mlx-{precision}") / 1e9
    assert total == pytest.approx(weights_gb + window_gb + codec_gb, rel=0.02)


def test_every_published_model_has_its_bytes() -> None:
    assert all(frame_bytes(name) > 4e9 for name in PUBLISHED)


def test_half_the_share_of_real_time_takes_twice_the_bandwidth() -> None:
    assert least_bandwidth(1.0) == pytest.approx(frame_bytes("kyutai/moshiko-mlx-q4") * 12.5)
    assert least_bandwidth(0.5) == pytest.approx(2 * least_bandwidth(1.0))
