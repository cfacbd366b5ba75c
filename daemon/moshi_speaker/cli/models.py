"""``moshi-speaker models``: pull, list, verify, synth."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from moshi_speaker.cli.console import say
from moshi_speaker.errors import UsageError

app = typer.Typer(no_args_is_help=True)

Source = Annotated[str, typer.Argument(metavar="SRC", help="Hugging Face repo id or local folder.")]
Revision = Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit of the repo.")]


@app.command()
def pull(source: Source, revision: Revision = None) -> None:
    """Download a model into the Hugging Face cache."""
    from moshi_speaker.moshi import hub

    if Path(source).expanduser().is_dir():
        raise UsageError(
            "this is a folder; only a repo needs to be downloaded",
            where=source,
            remedy=f"name it as model.source, or check it: moshi-speaker models verify {source}",
        )
    files = hub.pull(source, revision, status=say)
    say(f"{source} is in {files.lm.parent}")


@app.command("list")
def list_() -> None:
    """List the models in the Hugging Face cache."""
    from moshi_speaker.moshi import hub

    models = hub.cached_models()
    for name, size in models:
        say(f"{size / 1e9:7.2f} GB  {name}")
    if not models:
        say(f"none in the cache; moshi-speaker models pull {hub.PUBLISHED[1]}")


@app.command()
def verify(source: Source, revision: Revision = None) -> None:
    """Check that every tensor of a model is there and has the right shape, without the network."""
    from moshi_speaker.moshi import checkpoint, hub

    files = hub.find(source, revision, offline=True, status=say)
    say(checkpoint.verify(files))


@app.command()
def synth(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write it.", file_okay=False)],
    size: Annotated[
        Literal["tiny", "1b-q8", "7b-q4"], typer.Option("--size", help="A few megabytes, or the full model.")
    ] = "tiny",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the random weights.")] = 0,
) -> None:
    """Write a model of random weights in the published layout; its words are noise."""
    from moshi_speaker.moshi import synthetic

    synthetic.write_checkpoint(folder, replace(synthetic.RECIPES[size], seed=seed))
    say(f"random weights ({size}) are in {folder}")
