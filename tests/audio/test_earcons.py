import numpy as np
import pytest

from moshi_speaker.audio.earcons import PEAK, earcon, preceded
from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.events import Earcon


@pytest.mark.parametrize("kind", Earcon)
def test_an_earcon_is_short_soft_and_does_not_click(kind: Earcon) -> None:
    sound = earcon(kind)
    assert sound.dtype == np.float32
    assert 0.1 < len(sound) / SAMPLE_RATE <= 0.4
    assert np.abs(sound).max() == pytest.approx(PEAK, rel=1e-5)
    assert PEAK <= 0.5
    assert abs(sound[0]) < 1e-3
    assert abs(sound[-1]) < 1e-3
    assert abs(float(sound.mean())) < 1e-3


def test_earcons_differ_from_each_other() -> None:
    begins = {kind: pitch(kind, 0.01, 0.09) for kind in Earcon}
    ends = {kind: pitch(kind, 0.14, 0.30) for kind in Earcon}
    assert begins[Earcon.WAKE] < ends[Earcon.WAKE]
    assert begins[Earcon.END] > ends[Earcon.END]
    assert begins[Earcon.ERROR] < begins[Earcon.WAKE]


def pitch(kind: Earcon, start_s: float, end_s: float) -> float:
    piece = earcon(kind)[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), SAMPLE_RATE))
    return float(np.argmax(spectrum))


def test_the_sound_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        earcon(Earcon.WAKE)[0] = 1.0


def test_a_pause_before_an_earcon_is_silence() -> None:
    chime = earcon(Earcon.END)
    later = preceded(chime, 0.25)
    assert not later[: SAMPLE_RATE // 4].any()
    np.testing.assert_array_equal(later[SAMPLE_RATE // 4 :], chime)
    assert preceded(chime, 0.0) is chime
