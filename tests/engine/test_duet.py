"""A dialogue of ears and a mouth that know nothing of each other."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.engine.duet import Duet

SILENCE = np.zeros(1_920, np.float32)


@dataclass
class FakeHeard:
    codes: NDArray[np.int32] | None
    text: str = "so"
    silent: bool = False


@dataclass
class FakeEars:
    """Brings the number of the frame as its only code; nothing for the first."""

    model: str = "fake"
    frames: int = 0

    def reset(self) -> None:
        self.frames = 0

    def hear(self, pcm: NDArray[np.float32]) -> FakeHeard:
        self.frames += 1
        return FakeHeard(None if self.frames == 1 else np.array([self.frames], np.int32))

    def give_voice_away(self) -> None:
        raise AssertionError("whoever puts a duet together does that")


@dataclass
class FakeMouth:
    """Sounds are the codes, as numbers."""

    waiting: list[int] = field(default_factory=list)
    resets: int = 0
    held_bytes: int = 170

    def speak(self, codes: NDArray[np.int32]) -> None:
        self.waiting.append(int(codes[0]))

    def sound(self) -> NDArray[np.float32]:
        return np.full(1_920, self.waiting.pop(0), np.float32)

    def reset(self) -> None:
        self.resets += 1


@pytest.fixture
def mouth() -> FakeMouth:
    return FakeMouth()


@pytest.fixture
def duet(mouth: FakeMouth) -> Duet:
    return Duet(FakeEars(), mouth)


def test_a_frame_is_heard_before_the_sound_of_the_one_before_is_there(duet: Duet, mouth: FakeMouth) -> None:
    replies = [duet.step(SILENCE) for _ in range(3)]
    assert mouth.waiting == [2, 3]
    sounds = [reply.audio for reply in replies]
    assert sounds[0] is None
    assert [float(sound[0]) for sound in sounds[1:] if sound is not None] == [2.0, 3.0]
    assert [(reply.text, reply.silent) for reply in replies] == [("so", False)] * 3


def test_both_forget_a_talk(duet: Duet, mouth: FakeMouth) -> None:
    duet.step(SILENCE)
    duet.reset()
    assert mouth.resets == 1
    assert duet.step(SILENCE).audio is None
    assert (duet.model, duet.held_bytes) == ("fake", 170)
