"""The commands that hear and speak: run, demo, talk, devices."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moshi_speaker.cli import logs
from moshi_speaker.cli.console import complain, say
from moshi_speaker.cli.options import ConfigOption, Level, LevelOption, ModelOption, settings_of
from moshi_speaker.cli.stopping import interruptible
from moshi_speaker.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from moshi_speaker.audio.selection import Direction


TraceOption = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        dir_okay=False,
        help="Write what worked when to this file, for ui.perfetto.dev or chrome://tracing.",
    ),
]


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal end the block in peace, also before it has handlers itself."""
    with suppress(KeyboardInterrupt), interruptible():
        yield


def _broker(text: str) -> tuple[str, int | None]:
    """``HOST``, ``HOST:PORT``, ``[IPv6]`` or ``[IPv6]:PORT``."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (":" in host and not host.endswith("]")):
        host, port = text, ""
    host = host.removeprefix("[").removesuffix("]")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise typer.BadParameter(f"{text!r} is not HOST or HOST:PORT")
    return host, int(port) if port else None


def run(config: ConfigOption = None, log_level: LevelOption = None, trace: TraceOption = None) -> None:
    """Listen for the wake word and talk, until stopped."""
    with _until_stopped():
        settings = settings_of(config, log_level)
        from moshi_speaker import configfile, speaker

        file = configfile.found(config)
        if speaker.run(settings, trace, reread=lambda: configfile.load(file)):
            from moshi_speaker.speaker.restart import replace_process

            replace_process(time.monotonic())  # all is closed; only an exit from outside comes before it


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
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="Use the broker of the mqtt section of this file."
        ),
    ] = None,
    log_level: Annotated[
        Level | None, typer.Option("--log-level", help="How much to log; without it warnings.")
    ] = None,
) -> None:
    """Show one whole talk from wake word to silence; needs no microphone, broker or weights."""
    address = None if broker is None else _broker(broker)
    with _until_stopped():
        # That the broker went away ends the demo, and is said then.
        logs.set_up(log_level or "warning", quiet=() if log_level else ("moshi_speaker.home.link",))
        from moshi_speaker import configfile, demo
        from moshi_speaker.settings import MqttSettings

        mqtt = configfile.load(config).mqtt if config else MqttSettings()
        if address is not None:
            mqtt = mqtt.model_copy(update={"host": address[0], "port": address[1]})
        demo.run_demo(mic=mic, model=model, mqtt=mqtt, out=out, say=say)


def talk(
    sound_in: Annotated[Path, typer.Argument(metavar="IN.wav", help="What Moshi hears (WAV or FLAC).")],
    sound_out: Annotated[Path, typer.Argument(metavar="OUT.wav", help="Where Moshi's voice goes.")],
    model: ModelOption = None,
    config: ConfigOption = None,
    trace: TraceOption = None,
) -> None:
    """Let Moshi answer a sound file; its voice goes to a file, its timed words to the screen."""
    if trace is not None and trace.resolve() in (sound_in.resolve(), sound_out.resolve()):
        raise UsageError("a file of sound is no place for the trace", where=str(trace), remedy="name another")
    settings = settings_of(config)
    from moshi_speaker import offline
    from moshi_speaker.tracing import written

    with written(trace, time.perf_counter) if trace else nullcontext() as tracer:
        offline.talk(sound_in, sound_out, model=model, settings=settings, say=say, tracer=tracer)


def devices() -> None:
    """List microphones and loudspeakers; part of a name is enough for the settings."""
    from moshi_speaker.audio.device import list_devices
    from moshi_speaker.audio.selection import choose

    found = list_devices()
    for device in found:
        say(f"{device.index:3}  {device.name}  ({device.inputs} in, {device.outputs} out, {device.rate} Hz)")
    for name, default in (
        ("microphone", [d.name for d in found if d.default_input]),
        ("loudspeaker", [d.name for d in found if d.default_output]),
    ):
        say(f"default {name}: {default[0] if default else 'none'}")
    directions: tuple[Direction, ...] = ("input", "output")
    for direction in directions:
        try:
            choose(found, None, direction)
        except DeviceError as error:
            complain(str(error))
