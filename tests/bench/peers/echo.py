"""Other echo cancellers over sound files; each runs in an environment of its own, which has numpy and itself.

``python tests/bench/peers/echo.py WHO FOLDER`` cleans every ``NAME.npz`` of the folder, with ``mic`` and
``far`` of shape (n,) at 24 kHz and ``delay_s``, into ``NAME.WHO.npy``. Everybody is told the scene's delay.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

RATE = 24_000
HOP = 240
"""Samples that both take at once: 10 ms."""
SPEEX_TAIL = 7_200
"""Samples of echo that Speex models: 300 ms, as ours."""
SPEEX_LEAD_S = 0.005
"""How much earlier than the echo Speex hears what was played."""


def webrtc(mic: Pcm, far: Pcm, delay_s: float) -> Pcm:
    """AEC3 as LiveKit ships it, echo cancellation and nothing else; int16 in and out, shape (n,)."""
    from livekit.rtc import AudioFrame, AudioProcessingModule

    module = AudioProcessingModule(echo_cancellation=True)
    out = np.zeros_like(mic)
    for begin in range(0, len(mic) - HOP + 1, HOP):
        played = AudioFrame(far[begin : begin + HOP].tobytes(), RATE, 1, HOP)
        module.process_reverse_stream(played)
        module.set_stream_delay_ms(round(delay_s * 1e3))
        heard = AudioFrame(bytearray(mic[begin : begin + HOP].tobytes()), RATE, 1, HOP)
        module.process_stream(heard)
        out[begin : begin + HOP] = np.frombuffer(heard.data, np.int16)
    return out


def speex(mic: Pcm, far: Pcm, delay_s: float) -> Pcm:
    """Speex' adaptive filter without its post-processing; int16 in and out, shape (n,).

    It looks for no delay itself: what was played is brought to it just before its echo.
    """
    from pyaec import Aec

    canceller = Aec(HOP, SPEEX_TAIL, RATE, False)
    late = round(max(0.0, delay_s - SPEEX_LEAD_S) * RATE)
    far = np.concatenate((np.zeros(late, np.int16), far))[: len(mic)]
    out = np.zeros_like(mic)
    for begin in range(0, len(mic) - HOP + 1, HOP):
        piece = slice(begin, begin + HOP)
        out[piece] = canceller.cancel_echo(mic[piece].tolist(), far[piece].tolist())
    return out


CANCELLERS: dict[str, Callable[[Pcm, Pcm, float], Pcm]] = {"webrtc": webrtc, "speex": speex}


def main(who: str, folder: Path) -> None:
    """Clean all scenes of a folder."""
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as scene:
            mic, far = (np.clip(np.rint(scene[each] * 32768), -32768, 32767) for each in ("mic", "far"))
            out = CANCELLERS[who](mic.astype(np.int16), far.astype(np.int16), float(scene["delay_s"]))
        np.save(path.with_suffix(f".{who}.npy"), (out / 32768.0).astype(np.float32))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
