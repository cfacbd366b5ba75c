"""All commands, put together."""

from typing import Annotated

import typer

from moshi_speaker import __version__
from moshi_speaker.cli import audio, config, history, models, mqtt, service, speech
from moshi_speaker.cli.bench import bench
from moshi_speaker.cli.console import say

PROGRAM = "moshi-speaker"

app = typer.Typer(
    help="A smart speaker: wake word, full-duplex talk with Moshi, and MQTT for Home Assistant.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        say(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What is common to all commands."""


app.command()(speech.run)
app.command()(speech.demo)
app.command()(speech.talk)
app.command()(speech.devices)
app.command()(bench)
app.add_typer(audio.app, name="audio", help="Sound: test microphone, loudspeaker and echo.")
app.add_typer(models.app, name="models", help="Models: fetch, list, check, or make one of random weights.")
app.add_typer(config.app, name="config", help="Settings: check the file, show what is in effect.")
app.add_typer(history.app, name="history", help="What was said: list, search, export, delete.")
app.add_typer(mqtt.app, name="mqtt", help="MQTT: show what Home Assistant is told, remove all of it.")
app.add_typer(service.app, name="service", help="The service: a launchd agent or a systemd user unit.")
