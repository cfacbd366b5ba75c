"""A dialogue whose voice is decoded by another process, while this one hears the next frame."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Heard(Protocol):
    """What one frame of the user brought."""

    @property
    def codes(self) -> NDArray[np.int32] | None:
        """Of Moshi's voice, shape (codebooks,), or None while the delays fill."""

    @property
    def text(self) -> str:
        """The text of this step, often empty."""

    @property
    def silent(self) -> bool:
        """The text token was padding."""


class Ears(Protocol):
    """A dialogue without a voice."""

    model: str

    def reset(self) -> None:
        """Forget the talk."""

    def hear(self, pcm: NDArray[np.float32]) -> Heard:
        """Hear one frame, shape (1920,)."""

    def give_voice_away(self) -> None:
        """Let go of what only a voice needs."""


class Mouth(Protocol):
    """Decodes frames in order, at its own pace."""

    held_bytes: int
    """Memory that it takes, wherever it is."""

    def speak(self, codes: NDArray[np.int32]) -> None:
        """Begin with a frame, after those before."""

    def sound(self) -> NDArray[np.float32]:
        """Wait for the oldest frame that was not yet taken."""

    def reset(self) -> None:
        """Begin a fresh stream; all sound has been taken."""


@dataclass(slots=True)
class LateReply:
    """A reply whose sound is still being made; replies are asked for theirs once, and in order."""

    text: str
    silent: bool
    _take: Callable[[], NDArray[np.float32]] | None

    @property
    def audio(self) -> NDArray[np.float32] | None:
        """Wait for Moshi's voice, shape (1920,); None while the delays fill."""
        return None if self._take is None else self._take()


class Duet:
    """``Dialogue`` of ears and a mouth."""

    def __init__(self, ears: Ears, mouth: Mouth) -> None:
        """Both ready, and fresh."""
        self._ears = ears
        self._mouth = mouth

    @property
    def model(self) -> str:
        """Repo id or folder of the model."""
        return self._ears.model

    @property
    def held_bytes(self) -> int:
        """Memory that the mouth takes besides ours."""
        return self._mouth.held_bytes

    def reset(self) -> None:
        """Forget the talk; all replies have been taken."""
        self._ears.reset()
        self._mouth.reset()

    def step(self, pcm: NDArray[np.float32]) -> LateReply:
        """Hear one frame, shape (1920,)."""
        heard = self._ears.hear(pcm)
        if heard.codes is None:
            return LateReply(heard.text, heard.silent, None)
        self._mouth.speak(heard.codes)
        return LateReply(heard.text, heard.silent, self._mouth.sound)
