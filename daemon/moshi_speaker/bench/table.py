"""The figures as a table for the screen."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from moshi_speaker.bench.report import Report, Session, Times
from moshi_speaker.bench.statistics import by_span, summarize

FRAME_MS = 80.0
"""Real time: the sound of one frame, or one step of Moshi."""
PARTS = {
    "encode": "Mimi, encode",
    "decode": "Mimi, decode",
    "codec": "Mimi, both",
    "codec, both at once": "Mimi, both at once",
    "lm step": "language model, one step",
    "frame": "whole frame",
    "frame: encode": "  encode, alone",
    "frame: lm step": "  language model, alone",
    "frame: decode": "  decode, alone",
    "frame: in the engine": "a frame after the other",
    "wake: first sound": "wake word to first sound",
    "wake: in the model": "wake word to the model",
    "wake: caught up": "wake word to caught up",
}
"""What a part is called on the screen and in pictures; a frame's parts are done one after the other."""
SPAN = 100
"""Steps of a long session that are summed up in one figure."""


def times_table(report: Report) -> Table:
    """Every part with its times."""
    table = Table(title="Milliseconds of", title_justify="left")
    table.add_column("part")  # on a narrow screen it gives way, never a figure
    for name in ("median", "95 %", "min", "max", "of 80 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for times in report.times:
        found = times.summary
        share = "" if times.part.startswith("wake") else f"{found.median / FRAME_MS:.0%}"
        cells = (found.median, found.p95, found.least, found.most)
        table.add_row(PARTS.get(times.part, times.part), *(_figure(cell) for cell in cells), share)
    return table


def peers_table(report: Report) -> Table:
    """Other programs beside ours, from runs in turns, fastest first."""
    table = Table(title="Beside others, in turns: milliseconds of", title_justify="left")
    table.add_column("program")
    for name in ("median", "min", "max", "ours is"):
        table.add_column(name, justify="right", no_wrap=True)
    ratio = {(part, who): found.median for part, who, found in report.comparisons()}
    for part in dict.fromkeys(times.part for times in report.peers):
        table.add_section()
        table.add_row(Text(PARTS.get(part, part), style="bold"))
        for times in fastest_first(report.peers, part):
            found = times.summary
            ours = ratio.get((part, times.who))
            cells = (found.median, found.least, found.most)
            last = "" if ours is None else f"{ours:.3f} ×"
            table.add_row(f"  {times.who}", *(_figure(cell) for cell in cells), last)
    return table


def fastest_first(times: Sequence[Times], part: str) -> list[Times]:
    """Everybody's times of one part."""
    return sorted((each for each in times if each.part == part), key=lambda each: each.summary.median)


def remarks(report: Report) -> list[str]:
    """What has no place in a table: a line each."""
    lines = [str(report.machine)]
    if report.of("frame"):
        lines.append("a frame's parts alone wait for the device one by one; the whole frame waits once")
    if report.of("frame: in the engine"):
        lines.append(
            "a frame after the other: in the engine, where on a CPU one is spoken while the next is heard"
        )
    if report.session is not None:
        lines.append(f"long session: {_session(report.session)}")
    if (idle := report.idle) is not None:
        lines.append(
            f"listening: {idle.speaker_percent:.1f} % of a core and {idle.speaker_bytes / 1e6:.0f} MB, "
            f"engine {idle.engine_percent:.1f} % and {idle.engine_bytes / 1e6:.0f} MB ({idle.sound})"
        )
    return [*lines, *(f"left out: {line}" for line in report.left_out)]


def _session(session: Session) -> str:
    """How its steps and its memory went."""
    memory = f"memory {session.memory_bytes[0] / 1e6:.0f} MB, then {session.memory_bytes[-1] / 1e6:.0f} MB"
    steps = by_span(session.steps_ms, SPAN)
    if not steps:
        return f"{summarize(session.steps_ms).median:.2f} ms a step; {memory}"
    words = [f"{steps[0][1]:.2f} ms a step at first"]
    full = [ms for start, ms in steps if start >= session.window]
    if full:
        words.append(f"{full[0]:.2f} ms when its window of {session.window} is full")
    words.append(f"{steps[-1][1]:.2f} ms after {len(session.steps_ms)} steps")
    return f"{', '.join(words)}; {memory}"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 1_000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
