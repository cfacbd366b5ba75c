"""``python -m tests.bench.echo``: from a scene to a table, a file and pictures."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.echo import findings, pictures
from tests.bench.echo.__main__ import main
from tests.bench.echo.contestants import NOTHING, OURS, SPEEX, WEBRTC
from tests.bench.echo.findings import NO_ECHO, Finding
from tests.bench.echo.suite import ALONE, BOTH, KNOWN, PARTS, SELF, WAKE, cases
from tests.room.scenes import HAS_ESPEAK

pytestmark = pytest.mark.skipif(not HAS_ESPEAK, reason="not installed: espeak-ng")

MAX_BYTES = 150 * 1024


def found() -> list[Finding]:
    """As if everything had been measured."""
    windows = dict.fromkeys(findings.WINDOWS, 31.0)
    seconds = [0.25 * i for i in range(60)]
    listing = [
        Finding(ALONE, "booth: Moshi alone", OURS, windows, (seconds, [30.0] * 60)),
        Finding(ALONE, "booth: Moshi alone", WEBRTC, windows),
        Finding(KNOWN, "booth, next talk: Moshi alone", OURS, windows),
        Finding(SELF, "booth: 10 minutes", OURS, {"wakes": 0.0, "speech": 0.0}),
        Finding(WAKE, "booth: wake words", NO_ECHO, {"found": 10.0, "said": 10.0}),
    ]
    for i, who in enumerate((NOTHING, WEBRTC, SPEEX, OURS)):
        listing.append(
            Finding(BOTH, "booth: intro, echo +6 dB", who, {"STOI": 0.5 + 0.1 * i, "echo down": 25.0})
        )
        listing.append(Finding(WAKE, "booth: wake words", who, {"found": 7.0 + i, "said": 10.0}))
    return listing


def shown(listing: list[Finding]) -> str:
    """The tables as text."""
    console = Console(width=160, file=StringIO(), record=True)
    for table in findings.tables(listing):
        console.print(table)
    return console.export_text()


def test_every_part_of_the_bench_has_its_row() -> None:
    text = shown(found())
    for each in found():
        assert each.scene in text
    assert all(who in text for who in (WEBRTC, SPEEX, OURS, NO_ECHO))
    assert "0.80" in text and "25" in text


def test_findings_are_read_as_they_were_written(tmp_path: Path) -> None:
    findings.write(tmp_path / "echo.json", found())
    assert shown(findings.read(tmp_path / "echo.json")) == shown(found())


def test_a_bench_with_one_scene_measures_and_writes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--no-peers", "--no-pictures", "--only", "booth: Moshi alone", "--out", str(tmp_path)]
    assert main(options) == 0
    (nothing, ours) = findings.read(tmp_path / "echo.json")
    assert (nothing.who, ours.who) == (NOTHING, OURS)
    assert nothing.figures["from 4 s on"] == 0.0 and ours.figures["from 4 s on"] > 20.0
    assert len(ours.curve[0]) > 10
    assert "booth: Moshi alone" in capsys.readouterr().out


def test_no_such_scene_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--only", "cathedral"])
    assert "no scene has 'cathedral' in its name" in capsys.readouterr().err


def test_pictures_are_small(tmp_path: Path) -> None:
    drawn = list(pictures.draw(found(), tmp_path))
    assert [path.name for path in drawn] == [
        "echo-reduction.png",
        "echo-both-talk.png",
        "echo-spectrogram.png",
    ]
    assert all(0 < path.stat().st_size < MAX_BYTES for path in drawn)


def test_every_part_has_scenes_and_no_two_the_same_name() -> None:
    names = [case.scene.name for case in cases()]
    assert len(set(names)) == len(names)
    assert {case.part for case in cases(quick=True)} == set(PARTS)
