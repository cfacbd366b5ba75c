"""``moshi-speaker mqtt``: remove, show."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from moshi_speaker.cli.console import say
from moshi_speaker.cli.options import ConfigOption, settings_of
from moshi_speaker.errors import MissingPartError, UsageError

if TYPE_CHECKING:
    from moshi_speaker.settings import Settings

app = typer.Typer(no_args_is_help=True)


def _plain(device_id: str | None) -> str | None:
    if device_id is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", device_id, re.ASCII):
        raise typer.BadParameter("letters, digits, _ and - are what an id is made of")
    return device_id


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Id = Annotated[
    str | None, typer.Option("--id", metavar="ID", help="An id that the speaker had before.", callback=_plain)
]
Force = Annotated[
    bool, typer.Option("--force", help="Although the speaker runs: it comes back with its next start.")
]


@app.command()
def remove(config: ConfigOption = None, id_: Id = None, yes: Yes = False, force: Force = False) -> None:
    """Remove all that the speaker has left at its broker; Home Assistant forgets the device then."""
    from moshi_speaker.home.removal import Remains

    settings = settings_of(config)
    if settings.mqtt.host is None:
        say("mqtt.host is not set: the broker of our own keeps nothing once the speaker has ended")
        return
    device_id = id_ or _id_of(settings)
    with _asleep(settings, force=force), Remains(settings.mqtt, device_id) as remains:
        topics = remains.find()
        if not topics:
            say(f"the broker keeps nothing of the speaker {device_id}")
            return
        if not yes:
            for topic in topics:
                say(topic)
            if not typer.confirm(f"Remove these {len(topics)} topics?"):
                return
        left = remains.clear(topics)
        for topic in topics:
            if topic not in left:
                say(f"removed {topic}")
        if left:
            raise MissingPartError(
                f"the broker does not forget {', '.join(left)}",
                where="mqtt",
                remedy="allow this user to write there, or remove them with another client",
            )


@app.command()
def show(config: ConfigOption = None) -> None:
    """Print what Home Assistant is told of the device and its entities, as JSON."""
    from moshi_speaker.home.discovery import Device, announcement
    from moshi_speaker.home.machine import machine
    from moshi_speaker.home.topics import Topics
    from moshi_speaker.wake.auto import bundled_words
    from moshi_speaker.wake.choice import choices

    settings = settings_of(config)
    topics = Topics(settings.mqtt.base_topic, _id_of(settings))
    options = tuple(choices(settings.wake, bundled_words(settings.wake)))
    device = Device.from_settings(settings, machine(), options)
    message = announcement(topics, settings.mqtt.discovery.prefix, device)
    say(json.dumps(json.loads(message.payload), indent=2, ensure_ascii=False))


def _id_of(settings: "Settings") -> str:
    """The speaker's id; none is made up here. Raises UsageError, ConfigError."""
    from moshi_speaker.home.identity import known_id

    device_id = known_id(settings.speaker.id, settings.speaker.state_dir)
    if device_id is None:
        raise UsageError(
            "this speaker has no id yet, since it was never started",
            where=str(settings.speaker.state_dir),
            remedy="set speaker.id, or start it once",
        )
    return device_id


@contextmanager
def _asleep(settings: "Settings", *, force: bool) -> Iterator[None]:
    """As long as the speaker must not run. Raises MissingPartError if it does, unless that is ``force``d."""
    from moshi_speaker.speaker.sole import sole_user

    folder = settings.speaker.state_dir
    with ExitStack() as stack:
        if folder.is_dir() and not force:
            try:
                stack.enter_context(sole_user(folder))
            except MissingPartError as error:
                raise MissingPartError(
                    "the speaker runs, and would publish it all again",
                    where=str(folder),
                    remedy="stop it first, or say --force",
                ) from error
        yield
