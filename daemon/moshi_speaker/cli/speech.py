"""The commands that hear and speak: run, demo, talk, devices."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from moshi_speaker.cli import logs
from moshi_speaker.cli.console import say
from moshi_speaker.cli.options import ConfigOption, LevelOption, ModelOption, settings_of


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block in peace, also before its own handlers are in place."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _broker(text: str) -> tuple[str, int | None]:
    """``HOST``, ``HOST:PORT``, ``[IPv6]`` or ``[IPv6]:PORT``."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.endswith("]")):
        host, port = text, ""
    host = host.removeprefix("[").removesuffix("]")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise typer.BadParameter(f"{text!r} is not HOST or HOST:PORT")
    return host, int(port) if port else None


def run(config: ConfigOption = None, log_level: LevelOption = None) -> None:
    """Listen for the wake word and talk, until stopped."""
    with _until_stopped():
        settings = settings_of(config, log_level)
        from moshi_speaker import speaker

        speaker.run(settings)


def demo(
    mic: Annotated[bool, typer.Option("--mic", help="Use the real microphone and loudspeaker.")] = False,
    model: ModelOption = None,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="HOST[:PORT]", help="Use this MQTT broker.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="Save what was played as this WAV file.", dir_okay=False),
    ] = Path("demo-out/moshi.wav"),
    log_level: LevelOption = None,
) -> None:
    """Show one whole talk from wake word to silence; needs no microphone, broker or weights."""
    address = _broker(broker) if broker else None
    with _until_stopped():
        logs.set_up(log_level or "warning")
        from moshi_speaker import demo

        demo.run_demo(mic=mic, model=model, broker=address, out=out, say=say)


def talk(
    sound_in: Annotated[Path, typer.Argument(metavar="IN.wav", help="What Moshi hears (WAV or FLAC).")],
    sound_out: Annotated[Path, typer.Argument(metavar="OUT.wav", help="Where Moshi's voice goes.")],
    model: ModelOption = None,
    config: ConfigOption = None,
) -> None:
    """Let Moshi answer a sound file; its voice goes to a file, its timed words to the screen."""
    settings = settings_of(config)
    from moshi_speaker import offline

    offline.talk(sound_in, sound_out, model=model, settings=settings, say=say)


def devices() -> None:
    """List microphones and loudspeakers; part of a name is enough for the settings."""
    from moshi_speaker.audio.device import list_devices

    found = list_devices()
    for device in found:
        say(f"{device.index:3}  {device.name}  ({device.inputs} in, {device.outputs} out, {device.rate} Hz)")
    for name, default in (
        ("microphone", [d.name for d in found if d.default_input]),
        ("loudspeaker", [d.name for d in found if d.default_output]),
    ):
        say(f"default {name}: {default[0] if default else 'none'}")
