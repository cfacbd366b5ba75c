"""``moshi-speaker service``: install, uninstall, status."""

from pathlib import Path
from typing import Annotated

import typer

from moshi_speaker.cli.console import say
from moshi_speaker.cli.options import ConfigOption

app = typer.Typer(no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")]


@app.command()
def install(config: ConfigOption = None, dry_run: DryRun = False) -> None:
    """Let the speaker start by itself, now and whenever this user's session starts."""
    from moshi_speaker import service

    service.install(_absolute(config), dry_run=dry_run, say=say)


@app.command()
def uninstall(dry_run: DryRun = False) -> None:
    """Stop the service and remove its file."""
    from moshi_speaker import service

    service.uninstall(dry_run=dry_run, say=say)


@app.command()
def status(dry_run: DryRun = False) -> None:
    """Say whether the service is installed and runs."""
    from moshi_speaker import service

    service.status(dry_run=dry_run, say=say)


def _absolute(path: Path | None) -> Path | None:
    return path and path.expanduser().absolute()
