"""The chain of the microphone: an echo canceller, trusted as measured, and a room that is remembered."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moshi_speaker.audio.echo.room import FILE
from moshi_speaker.audio.frames import BLOCK_SAMPLES, FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.mixer import Mixer
from moshi_speaker.audio.reference import Reference
from moshi_speaker.settings import Settings
from moshi_speaker.speaker.microphone import Microphone

DELAY = 1_440
"""Samples from the loudspeaker to the microphone: 60 ms."""


class Den:
    """A small room with a microphone and a loudspeaker, and time that passes when something sounds."""

    def __init__(
        self, folder: Path | None, devices: str = "mic / speaker", **sections: dict[str, Any]
    ) -> None:
        self.reference = Reference()
        self.mixer = Mixer(80, 100)
        self.changes = 0
        self.devices = devices
        self.microphone = Microphone(
            Settings.model_validate(sections),
            self.reference,
            self.mixer,
            folder=folder,
            changed=self._changed,
        )
        self.now = 10.0
        self._rng = np.random.default_rng(3)
        decay = np.exp(-np.arange(2_400) / 400.0)
        self._path = np.concatenate((np.zeros(DELAY), self._rng.standard_normal(2_400) * decay * 0.05))

    def voice(self, seconds: float) -> Samples:
        """Noise in syllables."""
        n = round(seconds * SAMPLE_RATE / FRAME_SAMPLES) * FRAME_SAMPLES
        syllables = np.abs(np.sin(2 * np.pi * 2.0 * np.arange(n) / SAMPLE_RATE))
        sound: Samples = (0.2 * syllables * self._rng.standard_normal(n)).astype(np.float32)
        return sound

    async def play(self, sound: Samples, *, through_air: bool = True) -> Samples:
        """Play it, and give what comes out of the chain."""
        air = np.convolve(sound, self._path)[: len(sound)] * through_air
        heard = (air + self._rng.standard_normal(len(sound)) * 3e-4).astype(np.float32)
        cleaned = []
        for begin in range(0, len(sound), FRAME_SAMPLES):
            for block in range(begin, begin + FRAME_SAMPLES, BLOCK_SAMPLES):
                self.reference.put(sound[block : block + BLOCK_SAMPLES], self.now + block / SAMPLE_RATE)
            at = self.now + begin / SAMPLE_RATE
            cleaned.append(self.microphone.chain.clean(heard[begin : begin + FRAME_SAMPLES], at).pcm)
            await asyncio.sleep(0)  # lets what the chain says reach the loop
        self.now += len(sound) / SAMPLE_RATE
        return np.concatenate(cleaned)

    def _changed(self) -> None:
        self.changes += 1


async def test_a_room_is_learnt_trusted_and_told() -> None:
    den = Den(None)
    assert den.microphone.rung == "guarded"
    await den.play(den.voice(6.0))
    assert den.microphone.rung == "open"
    assert den.changes == 1
    state = den.microphone.state
    assert state is not None and state.reduction_db is not None and state.delay_ms is not None
    assert state.reduction_db > 20.0
    assert state.delay_ms == pytest.approx(65.0, abs=10.0)
    assert den.mixer.duck_db == 0.0


async def test_without_an_echo_it_is_trusted_and_the_sound_is_left_alone() -> None:
    den = Den(None)
    voice = den.voice(6.0)
    await den.play(voice, through_air=False)
    assert den.microphone.rung == "open"
    assert den.microphone.state is not None and den.microphone.state.delay_ms is None


async def test_it_can_be_switched_off() -> None:
    den = Den(None, echo={"enabled": False})
    voice = den.voice(1.6)
    out = await den.play(voice)
    assert (den.microphone.rung, den.microphone.state) == (None, None)
    assert np.std(out[SAMPLE_RATE:]) > 0.001


async def test_a_room_is_remembered_for_the_same_devices(tmp_path: Path) -> None:
    first = Den(tmp_path)
    await first.microphone.opened(first.devices)
    await first.play(first.voice(6.0))
    await first.microphone.keep()
    assert (tmp_path / FILE).exists()
    levels = {}
    for devices in ("mic / speaker", "other mic / speaker"):
        den = Den(tmp_path, devices)
        await den.microphone.opened(devices)
        levels[devices] = np.std((await den.play(den.voice(0.4)))[DELAY:])
    assert levels["mic / speaker"] < 0.1 * levels["other mic / speaker"]


async def test_other_devices_are_in_a_room_of_their_own(tmp_path: Path) -> None:
    den = Den(tmp_path)
    await den.microphone.opened(den.devices)
    await den.play(den.voice(6.0))
    await den.microphone.keep()
    await den.microphone.opened("other mic / speaker")
    await den.play(den.voice(0.08), through_air=False)
    state = den.microphone.state
    assert state is not None and not state.located
    await den.microphone.keep()
    await den.microphone.opened(den.devices)
    await den.play(den.voice(0.08))
    assert den.microphone.state is not None and den.microphone.state.located


async def test_a_room_is_not_kept_for_other_devices_that_were_never_heard(tmp_path: Path) -> None:
    den = Den(tmp_path)
    await den.microphone.opened(den.devices)
    await den.play(den.voice(6.0))
    await den.microphone.opened("other mic / speaker")  # while it is muted
    await den.microphone.keep()
    assert not (tmp_path / FILE).exists()


async def test_the_same_devices_opened_again_are_where_they_were() -> None:
    den = Den(None)
    await den.microphone.opened(den.devices)
    await den.play(den.voice(6.0))
    await den.microphone.opened(den.devices)
    await den.play(den.voice(0.08))
    assert den.microphone.state is not None and den.microphone.state.located


async def test_nothing_is_kept_if_nothing_shall_be(tmp_path: Path) -> None:
    den = Den(tmp_path, echo={"remember_room": False})
    await den.microphone.opened(den.devices)
    await den.play(den.voice(6.0))
    await den.microphone.keep()
    assert not (tmp_path / FILE).exists()


async def test_a_folder_that_cannot_be_written_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "file"
    folder.write_text("")
    den = Den(folder)
    await den.play(den.voice(6.0))
    with caplog.at_level(logging.WARNING):
        await den.microphone.keep()
        await den.play(den.voice(3.0))
        await den.microphone.keep()
    assert len([record for record in caplog.records if "cannot be remembered" in record.message]) == 1


async def test_settings_of_the_chain_change_while_it_runs() -> None:
    den = Den(None)
    quiet = np.zeros(round(4 * SAMPLE_RATE / FRAME_SAMPLES) * FRAME_SAMPLES, np.float32)
    before = np.std(await den.play(quiet))
    den.microphone.change(Settings.model_validate({"audio": {"noise_suppression_db": 20.0}}))
    after = np.std((await den.play(quiet))[2 * SAMPLE_RATE :])
    assert after < 0.5 * before
