"""Options that several commands share, and the settings that they lead to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moshi_speaker.cli import logs

if TYPE_CHECKING:
    from moshi_speaker.settings import Settings

Level = Literal["debug", "info", "warning", "error"]

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file; without it ~/.config/moshi-speaker/config.yaml, if there.",
    ),
]
LevelOption = Annotated[
    Level | None, typer.Option("--log-level", help="How much to log; without it speaker.log_level.")
]


def _named(model: str | None) -> str | None:
    if model is not None and not model.strip():
        raise typer.BadParameter("a repo id or a folder is needed")
    return model


ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", metavar="SRC", help="Hugging Face repo id or local folder.", callback=_named
    ),
]


def settings_of(config: Path | None, level: Level | None = None) -> "Settings":
    """Load the configuration and set up the log after it. Raises ConfigError."""
    from moshi_speaker import configfile

    logs.set_up(level or "info")
    settings = configfile.load(config)
    logs.set_up(level or settings.speaker.log_level)
    return settings
