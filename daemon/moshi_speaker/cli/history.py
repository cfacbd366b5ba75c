"""``moshi-speaker history``: list, show, search, export, delete."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from moshi_speaker.cli.console import OutputError, complain, say
from moshi_speaker.cli.options import ConfigOption, settings_of
from moshi_speaker.cli.stopping import interruptible
from moshi_speaker.errors import MissingPartError, UsageError

if TYPE_CHECKING:
    from moshi_speaker.settings import Settings

app = typer.Typer(no_args_is_help=True)


def _date(text: str) -> datetime:
    """As people write it, or as an export has it: in local time, unless it says another."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2026-11-01 or 2026-11-01T08:30") from None


Since = Annotated[
    datetime | None,
    typer.Option("--since", metavar="DATE", parser=_date, help="Only what began then or later."),
]


def _path(config: Path | None) -> Path:
    return _path_of(settings_of(config))


def _path_of(settings: "Settings") -> Path:
    from moshi_speaker.history import file

    return settings.speaker.state_dir / file.NAME


def _at(moment: datetime | None) -> float:
    """Seconds since 1970 of a local date and time; without one, the beginning."""
    if moment is None:
        return 0.0
    try:
        return moment.timestamp()
    except (ValueError, OverflowError):  # the first or the last day of all, in some time zones
        return 0.0 if moment.year < 1970 else float("inf")


@app.command("list")
def list_(
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many at most.")] = 20,
    since: Since = None,
    config: ConfigOption = None,
) -> None:
    """List the latest conversations, the newest first."""
    from moshi_speaker.history import editing, reading, telling

    with editing.reading(_path(config)) as connection:
        found = reading.conversations(connection, number, since=_at(since))
    for line in telling.overview(found):
        say(line)
    if not found:
        say("no conversation so far" if since is None else f"no conversation since {since}")


@app.command()
def show(
    conversation: Annotated[str, typer.Argument(metavar="ID", help="Its id, as the list has it.")],
    config: ConfigOption = None,
) -> None:
    """Print what was said in one conversation."""
    from moshi_speaker.history import editing, reading, telling

    path = _path(config)
    with editing.reading(path) as connection:
        found = reading.conversation(connection, _text(conversation))
    if found is None:
        raise _no_such(conversation)
    for line in telling.whole(found):
        say(line)


@app.command()
def search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS...",
            help='All must be there; "two words" in quotes exactly so; choco* is the beginning of one.',
        ),
    ],
    side: Annotated[
        Literal["user", "assistant"] | None, typer.Option("--side", help="Only what this side said.")
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many at most.")] = 20,
    config: ConfigOption = None,
) -> None:
    """Find what was said, the newest first."""
    from moshi_speaker.events import Side
    from moshi_speaker.history import editing, query, reading, telling

    expression = query.expression(words, None if side is None else Side(side))
    if expression is None:
        raise UsageError("there is no word to search for", remedy="name at least one")
    with editing.reading(_path(config)) as connection:
        found = reading.search(connection, expression, number)
    for hit in found:
        for line in telling.found(hit):
            say(line)
    if not found:
        say("nothing found")


@app.command()
def export(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", dir_okay=False, help="Where to; without it, the screen."),
    ] = None,
    format_: Annotated[Literal["json", "csv"], typer.Option("--format", help="How.")] = "json",
    since: Since = None,
    config: ConfigOption = None,
) -> None:
    """Write everything that is kept, as JSON or CSV; times are in UTC."""
    import sys

    from moshi_speaker.history import editing, exporting

    path = _path(config)
    if file is not None and _is_history(file, path):
        raise UsageError("this file is the history itself", where=str(file), remedy="name another file")
    if file is None and sys.stdout is None:
        raise OutputError("closed", where="standard output", remedy="name a file")
    write = exporting.write_json if format_ == "json" else exporting.write_csv
    with interruptible(), editing.reading(path) as connection:
        try:
            with nullcontext(sys.stdout) if file is None else exporting.whole_file(file) as target:
                write(connection, target, _at(since))
                target.flush()
        except OSError as error:
            raise _unwritten(file, error) from error


@app.command()
def delete(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Conversations to delete.")
    ] = None,
    before: Annotated[
        datetime | None,
        typer.Option("--before", metavar="DATE", parser=_date, help="Everything older than that."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Delete conversations for good, also what the broker has not got yet; the speaker may run meanwhile."""
    from moshi_speaker.history import editing, file

    if sum((bool(ids), before is not None, everything)) != 1:
        raise UsageError("what shall be deleted? Name conversations, or --before DATE, or --all")
    settings = settings_of(config)
    path = _path_of(settings)
    names = [_text(name) for name in ids or ()]
    if names:
        there = editing.known(path, names)
        if missing := [name for name in names if name not in there]:
            raise _no_such(missing[0])
    if not yes:
        what = (
            f"{len(names)} conversations" if names else "everything" if everything else f"all before {before}"
        )
        typer.confirm(f"Delete {what} in {path}?", abort=True)
    if everything and not editing.is_there(path) and not file.asides(path):
        say("there is nothing to delete")
        return
    with interruptible(), _finished_later():
        if everything:
            deleted = editing.delete_all(path)
            _remove_if_off(settings, path)
        elif before is not None:
            deleted = editing.delete_before(path, _at(before))
        else:
            deleted = editing.delete(path, names)
    say(f"deleted {deleted} conversation{'' if deleted == 1 else 's'}")
    for aside in file.damaged(path):
        complain(f"{aside}: what is in this damaged file is still there; --all deletes it, too")


@contextmanager
def _finished_later() -> Iterator[None]:
    """Say what an end before the end means."""
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted; what was deleted so far may still be on the disk until the next delete")
        raise


def _remove_if_off(settings: "Settings", path: Path) -> None:
    """With the history off, not even an empty file stays; unless a speaker runs that may have it open."""
    if settings.history.keep_days != "off":
        return
    from moshi_speaker.history import editing
    from moshi_speaker.speaker.sole import sole_user

    try:
        with sole_user(path.parent):
            editing.remove(path)
    except MissingPartError:
        return


def _is_history(target: Path, path: Path) -> bool:
    """Whether it is the file, or one that belongs to it."""
    target = target.resolve()
    return target.parent == path.resolve().parent and target.name.startswith(path.name)


def _text(argument: str) -> str:
    """An argument; bytes that are no text come as halves of characters."""
    return argument.encode("utf-8", "replace").decode()


def _no_such(conversation: str) -> UsageError:
    return UsageError(
        "there is no such conversation", where=_text(conversation), remedy="moshi-speaker history list"
    )


def _unwritten(file: Path | None, error: OSError) -> Exception:
    from moshi_speaker.cli.console import unprintable

    if file is None:
        return unprintable(error)
    return UsageError(f"cannot be written ({error.strerror})", where=str(file), remedy="name another file")
