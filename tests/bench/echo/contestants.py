"""Who cancels echo: ours, others in environments of their own, and nobody."""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.audio.reference import Reference
from moshi_speaker.errors import UsageError
from tests.bench.peers.environments import python_of
from tests.room.cancelling import BEGIN_AT, Cleaning, clean, clean_with, nothing, ours
from tests.room.scenes import Scene, Sound, render

NOTHING, WEBRTC, SPEEX, OURS = "nothing", "WebRTC AEC3", "Speex", "ours"
PEERS = {WEBRTC: "webrtc", SPEEX: "speex"}
"""Name: that of its environment, and of its function in the program."""
PROGRAM = Path(__file__).parents[1] / "peers" / "echo.py"


def outputs(who: str, sounds: Sequence[Sound]) -> list[Samples]:
    """What somebody makes of scenes, shape (n,) each. Raises UsageError when it cannot be installed."""
    if who not in PEERS:
        return [clean(ours if who == OURS else nothing, sound).pcm for sound in sounds]
    name = PEERS[who]
    python = python_of(name)
    with TemporaryDirectory(prefix="echo-") as folder:
        for number, sound in enumerate(sounds):
            path = Path(folder) / f"{number:03}.npz"
            np.savez(path, mic=sound.mic, far=sound.far, delay_s=sound.scene.delay)
        done = subprocess.run([python, PROGRAM, name, folder], capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise UsageError(f"{who} failed: {lines[-1]}", where=str(PROGRAM))
        return [np.load(Path(folder) / f"{number:03}.{name}.npy") for number in range(len(sounds))]


def stream(who: str, scenes: Iterable[Scene]) -> Cleaning:
    """What ours or nobody makes of scenes that follow one another."""
    reference = Reference()
    canceller = (ours if who == OURS else nothing)(reference)
    parts, at = [], BEGIN_AT
    for scene in scenes:
        sound = render(scene)
        parts.append(clean_with(canceller, reference, sound, at))
        at += len(sound.mic) / SAMPLE_RATE
    return Cleaning(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("pcm", "echo_dbfs"))
    )
