"""What the engine process knows of a model: something that hears a frame and answers it."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.settings import ModelSettings


class Reply(Protocol):
    """What one step of a dialogue gives."""

    @property
    def audio(self) -> NDArray[np.float32] | None:
        """Moshi's voice, shape (1920,), or None while the delays fill."""

    @property
    def text(self) -> str:
        """The text of this step, often empty."""

    @property
    def silent(self) -> bool:
        """The text token was padding."""


class Dialogue(Protocol):
    """A loaded model that talks, one frame at a time."""

    @property
    def model(self) -> str:
        """Repo id or folder of the model."""

    def reset(self) -> None:
        """Forget the talk and get ready for the first frame of the next one."""

    def step(self, pcm: NDArray[np.float32]) -> Reply:
        """Hear one frame, shape (1920,), and answer it."""


Load = Callable[[ModelSettings, Callable[[str], None]], Dialogue]
"""Loads a model; tells in one line, as often as it likes, what it is busy with. Raises SpeakerError."""
