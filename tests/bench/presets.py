"""Shapes of published language models beside Moshi's own (moshi-spec §2.1)."""

from dataclasses import replace

from moshi_speaker.moshi.config import MOSHI_1B, MOSHI_7B, DepthConfig

MOSHI_1B_16 = replace(
    MOSHI_1B,
    num_codebooks=32,
    delays=(0, *[2] * 15) * 2,
    depth=replace(MOSHI_7B.depth, schedule=tuple(range(16))),
)
"""``config1b_202412_16rvq``: twice as many codebooks."""

HIBIKI_2B = replace(MOSHI_1B_16, dim=2560, num_heads=20, num_layers=24, hidden=7040)
"""Hibiki, which translates."""

STT_1B = replace(
    MOSHI_1B,
    context=750,
    text_card=8_000,
    num_codebooks=32,
    delays=(0,) * 32,
    depth=DepthConfig(dim=0, num_heads=1, num_layers=0, hidden=0, schedule=()),
)
"""``stt-1b-en_fr``, which only listens."""

STT_2_6B = replace(STT_1B, num_heads=32, num_layers=48, context=375, text_card=4_000)
"""``stt-2.6b-en``, which only listens."""

PRESETS = {
    "Moshi 7B": MOSHI_7B,
    "1B (config1b_202412)": MOSHI_1B,
    "1B, 16 codebooks": MOSHI_1B_16,
    "Hibiki 2B": HIBIKI_2B,
    "STT 1B": STT_1B,
    "STT 2.6B": STT_2_6B,
}
"""By name, Moshi first."""
