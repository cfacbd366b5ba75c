"""Random weights in the published files, the same for everybody; written once."""

import os
from dataclasses import replace
from pathlib import Path

from moshi_speaker.moshi.config import MOSHI_1B
from moshi_speaker.moshi.lm.layout import Q8
from moshi_speaker.moshi.mimi.config import MimiConfig
from moshi_speaker.moshi.synthetic import MIMI_NAME, SMALL_LM, Recipe, lm_name, write_checkpoint

_CODEC = Recipe(lm=replace(SMALL_LM, card=2048), mimi=MimiConfig(), shaped=False)
_LM_1B = Recipe(lm=MOSHI_1B, mimi=MimiConfig(), quantization=Q8, shaped=False)


def mimi_weights(folder: Path) -> Path:
    """A Mimi of the published size, 385 MB, whose signals keep their level through all layers."""
    return _once(folder / "codec", _CODEC) / MIMI_NAME


def lm_weights(folder: Path) -> Path:
    """A language model of the 1B preset in 8 bits, 2 GB."""
    return _once(folder / "1b-q8", _LM_1B) / lm_name(_LM_1B)


def _once(folder: Path, recipe: Recipe) -> Path:
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
        write_checkpoint(unfinished, recipe)
        unfinished.rename(folder)
    return folder
