"""Models to measure where the user names none: random weights, which take as long as real ones."""

from dataclasses import replace
from pathlib import Path

from moshi_speaker.moshi.config import MOSHI_7B
from moshi_speaker.moshi.lm.layout import Q8
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.synthetic import SMALL_LM, Recipe, write_checkpoint

FULL_CODEC = Recipe(
    lm=replace(SMALL_LM, card=MimiConfig().quantizer.bins), mimi=MimiConfig(), quantization=Q8, shaped=False
)
"""The codec as published, and the smallest language model that fits it."""
LONG_WINDOW = Recipe(lm=replace(SMALL_LM, context=MOSHI_7B.context), quantization=Q8, shaped=False)
"""A small model that looks back as far as Moshi does: 4 minutes."""
TALKATIVE = Recipe(quantization=Q8)
"""A small model whose talks have a course."""


class Models:
    """The user's model for everything, or small random ones, written when they are needed first."""

    def __init__(self, source: str | None, folder: Path) -> None:
        """``source`` is a repo id or a folder; without it, models are written below ``folder``."""
        self._source = source
        self._folder = folder

    def full_codec(self) -> str:
        """A model whose frames are to be timed."""
        return self._source or self._written("full-codec", FULL_CODEC)

    def long_window(self) -> str:
        """A model for a long session."""
        return self._source or self._written("long-window", LONG_WINDOW)

    def talkative(self) -> str:
        """A model for a talk with the whole speaker."""
        return self._source or self._written("talkative", TALKATIVE)

    def _written(self, name: str, recipe: Recipe) -> str:
        folder = self._folder / name
        if not folder.exists():
            write_checkpoint(folder, recipe)
        return str(folder)
