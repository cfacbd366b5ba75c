"""``moshi-speaker audio``: the self-test of microphone and loudspeaker."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from moshi_speaker.cli.console import complain, say, show
from moshi_speaker.cli.options import ConfigOption, settings_of
from moshi_speaker.cli.stopping import interruptible
from moshi_speaker.errors import DeviceError, MissingPartError, UsageError

if TYPE_CHECKING:
    from moshi_speaker.selftest import Result
    from moshi_speaker.selftest.verdict import Verdict

app = typer.Typer(no_args_is_help=True)

PICTURE = Path("audio-test.png")


@app.callback()
def _audio() -> None:
    """What is common to the commands."""


@app.command()
def test(
    config: ConfigOption = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.png", dir_okay=False, help="Where the picture goes.")
    ] = PICTURE,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", dir_okay=False, help="Write the figures to this file too."),
    ] = None,
    volume: Annotated[
        int | None,
        typer.Option("--volume", min=1, max=100, help="Percent; without it audio.volume."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=4, max=120, help="Length of the speech.")] = 8.0,
) -> int:
    """Play a sweep and speech, listen to them, and say what is wrong with microphone, loudspeaker or room.

    Be silent meanwhile. Exit code 69: one of the two does not work.
    """
    with interruptible():
        settings = settings_of(config, "warning")
        _require_writable(out, as_json)
        loudness = settings.audio.volume if volume is None else volume
        if not loudness:
            raise UsageError("at 0 nothing would be heard", where="audio.volume", remedy="give --volume")
        from moshi_speaker import selftest
        from moshi_speaker.selftest.verdict import verdicts, works
        from moshi_speaker.speaker.parts import sound_device

        device = sound_device(settings, time.monotonic)
        result = selftest.run(device, settings.echo, loudness, seconds, time.monotonic, opened=_tell)
        said = verdicts(result.findings, macos=sys.platform == "darwin")
        _print(result, said)
        _keep(result, said, device.description, out, as_json)
    return 0 if works(said) else DeviceError.exit_code


def _require_writable(out: Path, as_json: Path | None) -> None:
    """Found out before anything is played; nothing is left behind."""
    for path, option in ((out, "--out"), (as_json, "--json")):
        remedy = f"name another file with {option}"
        if path is None:
            continue
        if path.exists() and not path.is_file():
            raise UsageError("this is no file", where=str(path), remedy=remedy)
        try:
            if path.exists():
                path.open("ab").close()
            else:
                with TemporaryFile(dir=path.parent):
                    pass
        except OSError as error:
            raise UsageError(
                f"cannot be written: {error.strerror}", where=str(path), remedy=remedy
            ) from error
    if as_json is not None and as_json.resolve() == out.resolve():
        raise UsageError("picture and figures need a file each", where=str(out), remedy=remedy)


def _tell(device: str, seconds: float) -> None:
    complain(f"{device}: silence, a sweep, speech; {seconds:.0f} s of silence, please")


def _print(result: "Result", said: "list[Verdict]") -> None:
    from moshi_speaker.selftest.table import findings_table

    show(findings_table(result.findings))
    for verdict in said:
        say(f"{verdict.severity + ':':9}{verdict.text}")


def _keep(result: "Result", said: "list[Verdict]", device: str, out: Path, as_json: Path | None) -> None:
    """The picture, if there is something to see and it can be drawn, and the JSON."""
    from moshi_speaker.selftest import picture

    written = []
    path = out
    try:
        if as_json is not None:
            path = as_json
            text = json.dumps(document(result, said, device), indent=2, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")
            written.append(path)
        if result.cleaning is not None:
            path = out
            picture.draw(result, device, path)
            written.append(path)
    except MissingPartError as error:
        complain(str(error))
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path)) from error
    if written:
        say("written: " + ", ".join(map(str, written)))


def document(result: "Result", said: "list[Verdict]", device: str) -> dict[str, object]:
    """The JSON."""
    return {
        "device": device,
        "verdicts": [asdict(verdict) for verdict in said],
        "findings": asdict(result.findings),
        "course": None if result.course is None else asdict(result.course),
    }
