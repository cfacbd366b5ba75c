"""What must hold of the wake word, in short; ``python -m tests.bench.wake_words`` does the whole hour."""

import shutil
from collections.abc import Iterator

import pytest

from moshi_speaker.settings import WakeSettings
from moshi_speaker.wake.detector import Detector
from moshi_speaker.wake.policy import WakePolicy

pytest.importorskip("pyopen_wakeword", reason="pyopen-wakeword has wheels for Linux only")

from moshi_speaker.wake.pyopen import PyOpenEngine
from tests.wake.material import PIECE_S, calls, others, pieces, silence, wakes

SECONDS_OF_EACH = 40.0


@pytest.fixture
def detector() -> Iterator[Detector]:
    """The default words with the default policy."""
    detector = Detector(PyOpenEngine(["hey_jarvis"]), WakePolicy.from_settings(WakeSettings()))
    yield detector
    detector.close()


@pytest.fixture
def espeak() -> None:
    """Skip where nobody can speak."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("not installed: espeak-ng")


@pytest.mark.usefixtures("espeak")
def test_nineteen_of_twenty_calls_wake_it_in_noise_at_10_to_30_db(detector: Detector) -> None:
    said = calls("hey jarvis")
    missed = []
    for number, call in enumerate(said):
        detector.reset()
        heard = wakes(detector, call.sound, 10.0 * number)
        assert len(heard) <= 1, "one call, one detection"
        if not heard:
            missed.append(f"{call.voice} at {call.speed} words a minute, {call.snr_db:g} dB")
    assert len(said) == 20
    assert len(missed) <= 1, missed


@pytest.mark.usefixtures("espeak")
@pytest.mark.parametrize("text", ["hey Jane", "hey Travis"])
def test_another_name_does_not_wake_it(text: str, detector: Detector) -> None:
    for number, call in enumerate(calls(text)):
        assert wakes(detector, call.sound, 10.0 * number) == []


@pytest.mark.parametrize("name", ["sentences", "recordings", "babble", "music", "noise"])
def test_other_sound_does_not_wake_it(name: str, detector: Detector) -> None:
    kind = others().get(name)
    if kind is None:
        pytest.skip(f"{name} need espeak-ng, or recordings beside the repository")
    for number, piece in enumerate(pieces(kind, SECONDS_OF_EACH)):
        assert wakes(detector, piece, number * PIECE_S) == []
    wakes(detector, silence(1.0), SECONDS_OF_EACH)
    assert detector.statistics.last_scored_at == pytest.approx(SECONDS_OF_EACH + 0.96, abs=0.1)
