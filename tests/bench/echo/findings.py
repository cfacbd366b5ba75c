"""What the echo bench found: as data, as JSON, as tables."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from tests.bench.echo.contestants import NOTHING, OURS, SPEEX, WEBRTC
from tests.bench.echo.suite import BOTH, REDUCTION, SELF, WAKE, Figures

WHO = (NOTHING, WEBRTC, SPEEX, OURS)
NO_ECHO = "no echo"
"""Who hears a scene without the echo: what could be had at best."""
WINDOWS = ("first syllable", "after 1 s", "after 3 s", "from 4 s on")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was measured of one canceller in one scene."""

    part: str
    """Of ``suite.PARTS``."""
    scene: str
    who: str
    figures: Figures
    curve: tuple[Sequence[float], Sequence[float]] = ((), ())
    """Where Moshi is alone: seconds after its first word, and the echo reduction then, in dB."""


def write(path: Path, findings: Iterable[Finding]) -> None:
    """Save them as JSON."""
    path.write_text(json.dumps([asdict(each) for each in findings], indent=1) + "\n")


def read(path: Path) -> list[Finding]:
    """Those that were saved."""
    return [Finding(**each) for each in json.loads(path.read_text())]


def tables(findings: Sequence[Finding]) -> Iterator[Table]:
    """Of echo reduction, of both talking, of wake words, of the speaker alone; those that have rows."""
    by_scene: dict[tuple[str, str], dict[str, Figures]] = defaultdict(dict)
    for each in findings:
        by_scene[each.part, each.scene][each.who] = each.figures
    for table in (_reduction(by_scene), _both(by_scene), _wake(by_scene), _self(by_scene)):
        if table.row_count:
            yield table


def _reduction(by_scene: dict[tuple[str, str], dict[str, Figures]]) -> Table:
    present = _present(by_scene, (WEBRTC, SPEEX))
    table = Table("scene", title="Echo reduction while Moshi speaks, dB")
    for window in WINDOWS:
        table.add_column(window, justify="right")
    for who in present:
        table.add_column(f"{who}, {WINDOWS[-1]}", justify="right")
    for (part, scene), by_who in by_scene.items():
        if part in REDUCTION:
            mine = by_who.get(OURS, {})
            moved = mine.get("3 s after the move")
            cells = [_decibels(mine.get(window)) for window in WINDOWS]
            if moved is not None:
                scene = f"{scene}; 3 s later {moved:.0f} dB"
            theirs = [_decibels(by_who.get(who, {}).get(WINDOWS[-1])) for who in present]
            table.add_row(scene, *cells, *theirs)
    return table


def _both(by_scene: dict[tuple[str, str], dict[str, Figures]]) -> Table:
    present = _present(by_scene, WHO)
    table = Table("scene", title="Both talk: STOI of the talker, and how far the echo is down")
    for who in present:
        table.add_column(who, justify="right")
    table.add_column("echo down, ours, dB", justify="right")
    for (part, scene), by_who in by_scene.items():
        if part == BOTH:
            cells = [_stoi(by_who.get(who, {}).get("STOI")) for who in present]
            table.add_row(scene, *cells, _decibels(by_who.get(OURS, {}).get("echo down")))
    return table


def _wake(by_scene: dict[tuple[str, str], dict[str, Figures]]) -> Table:
    present = _present(by_scene, (*WHO, NO_ECHO))
    table = Table("scene", title="“Hey Jarvis” over Moshi's voice: found of 10")
    for who in present:
        table.add_column(who, justify="right")
    for (part, scene), by_who in by_scene.items():
        if part == WAKE:
            table.add_row(scene, *(f"{by_who[who]['found']:.0f}" if who in by_who else "" for who in present))
    return table


def _self(by_scene: dict[tuple[str, str], dict[str, Figures]]) -> Table:
    present = _present(by_scene, WHO)
    table = Table("scene", title="Nobody but Moshi speaks: wakes, and seconds taken for somebody's speech")
    for who in present:
        table.add_column(who, justify="right")
    for (part, scene), by_who in by_scene.items():
        if part == SELF:
            table.add_row(scene, *(_heard_itself(by_who.get(who)) for who in present))
    return table


def _heard_itself(figures: Figures | None) -> str:
    if figures is None:
        return ""
    speech = f", {figures['speech']:.1f} s" if "speech" in figures else ""
    return f"{figures['wakes']:.0f}{speech}"


def _present(by_scene: dict[tuple[str, str], dict[str, Figures]], who: Sequence[str]) -> list[str]:
    return [each for each in who if any(each in by_who for by_who in by_scene.values())]


def _decibels(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _stoi(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
