"""``demo``: one whole talk, from the wake word to silence, with every part at work.

Without options the microphone is a room made of files, the model is a small one of random weights,
and the broker our own; the rest is what ``run`` uses. A second MQTT client prints what arrives.
"""

import asyncio
import secrets
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.audio.room import RoomDevice
from moshi_speaker.audio.tape import Tape
from moshi_speaker.audio.wavfile import write_wav
from moshi_speaker.demo.audience import Audience, Say
from moshi_speaker.errors import AudioFileError, UsageError
from moshi_speaker.home.broker import EmbeddedBroker
from moshi_speaker.settings import MqttSettings, Settings, TranscriptSettings
from moshi_speaker.speaker import stop_on_signals
from moshi_speaker.speaker.daemon import Speaker
from moshi_speaker.speaker.parts import detector, engine, sound_device

_REMEDY = "name another file with --out"
_SHOWN = TranscriptSettings(assistant="events")
"""There is nothing private in a demo."""


def run_demo(*, mic: bool, model: str | None, mqtt: MqttSettings, out: Path, say: Say) -> None:
    """Run the demo until the talk is over; without ``mqtt.host`` with a broker of our own.

    Raises SpeakerError.
    """
    _require_writable(out)
    with TemporaryDirectory(prefix="moshi-speaker-demo-") as folder:
        asyncio.run(_demo(Path(folder), mic, model, mqtt, out, say))


async def _demo(folder: Path, mic: bool, model: str | None, mqtt: MqttSettings, out: Path, say: Say) -> None:
    if model is None:
        model = str(folder / "model")
        say("model      a small one with random weights: its words are noise, its voice is babble")
        await asyncio.to_thread(_write_model, Path(model))
    else:
        say(f"model      {model}")
    settings = _settings(folder, model)
    if mqtt.host:
        # Two clients with one id, this and the speaker of these settings, would throw each other out.
        mqtt = mqtt.model_copy(update={"enabled": True, "client_id": None, "transcripts": _SHOWN})
        await _talk(settings.model_copy(update={"mqtt": mqtt}), mic, out, say, tidy=True)
        return
    own_broker = EmbeddedBroker(0)
    await own_broker.start()
    try:
        mqtt = own_broker.link_settings(settings.mqtt).model_copy(update={"transcripts": _SHOWN})
        await _talk(settings.model_copy(update={"mqtt": mqtt}), mic, out, say, tidy=False)
    finally:
        await own_broker.stop()


def _write_model(folder: Path) -> None:
    from moshi_speaker.moshi.lm.layout import Q8
    from moshi_speaker.moshi.synthetic import Recipe, write_checkpoint

    write_checkpoint(folder, Recipe(quantization=Q8))


def _settings(folder: Path, model: str) -> Settings:
    return Settings.model_validate(
        {
            "speaker": {"id": f"demo-{secrets.token_hex(2)}", "state_dir": folder / "state"},
            "model": {"source": model},
            # Whoever wants to see it, sees it, on any machine.
            "engine": {"too_slow": "warn"},
            "conversation": {"end_silence_s": 3.0},
        }
    )


async def _talk(settings: Settings, mic: bool, out: Path, say: Say, *, tidy: bool) -> None:
    """One talk; ``tidy``: leave nothing behind at the broker."""
    clock = time.monotonic
    room = None if mic else RoomDevice([], clock=clock)
    tape = Tape(room or sound_device(settings, clock))
    speaker = Speaker(settings, tape, detector(settings), lambda status: engine(settings, status), clock)
    stop_on_signals(speaker.stop)
    audience = Audience(settings, room, speaker, say)
    say(f"broker     {audience.broker}")
    say(f"sound      {'the real microphone and loudspeaker' if mic else tape.description}")
    await audience.enter()
    try:
        await speaker.run()
    finally:
        await audience.leave(tidy=tidy)
        await asyncio.to_thread(write_wav, out, tape.played)
    say(f"saved      {out}: {len(tape.played) / SAMPLE_RATE:.1f} s of what was played")


def _require_writable(out: Path) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_wav(out, np.zeros(0, np.float32))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(out), remedy=_REMEDY) from error
    except AudioFileError as error:
        raise UsageError(f"cannot be written: {error.what}", where=error.where, remedy=_REMEDY) from error
