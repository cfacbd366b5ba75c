"""The figures as a table for the screen."""

from rich.table import Table

from moshi_speaker.bench.report import Report
from moshi_speaker.bench.statistics import by_span

FRAME_MS = 80.0
"""Real time: the sound of one frame, or one step of Moshi."""
PARTS = {
    "encode": "Mimi, encode",
    "decode": "Mimi, decode",
    "codec": "Mimi, both",
    "lm step": "language model, one step",
    "frame": "whole frame",
    "frame: encode": "  encode, alone",
    "frame: lm step": "  language model, alone",
    "frame: decode": "  decode, alone",
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
    table.add_column("part", no_wrap=True)
    for name in ("median", "95 %", "min", "max", "of 80 ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for times in report.times:
        found = times.summary
        share = "" if times.part.startswith("wake") else f"{found.median / FRAME_MS:.0%}"
        cells = (found.median, found.p95, found.least, found.most)
        table.add_row(PARTS.get(times.part, times.part), *(_figure(cell) for cell in cells), share)
    return table


def peers_table(report: Report) -> Table:
    """Other programs beside ours, from runs in turns."""
    table = Table(title="Beside others, in turns: milliseconds", title_justify="left")
    for name in ("part", "program"):
        table.add_column(name, no_wrap=True)
    for name in ("median", "min", "max", "ours is"):
        table.add_column(name, justify="right", no_wrap=True)
    ratio = {(part, who): found.median for part, who, found in report.comparisons()}
    for times in report.peers:
        found = times.summary
        ours = ratio.get((times.part, times.who))
        table.add_row(
            PARTS.get(times.part, times.part),
            times.who,
            *(_figure(cell) for cell in (found.median, found.least, found.most)),
            "" if ours is None else f"{ours:.3f} ×",
        )
    return table


def remarks(report: Report) -> list[str]:
    """What has no place in a table: a line each."""
    lines = [
        f"{report.machine.cpu}, {report.machine.usable_cores} cores; MLX {report.machine.mlx} on "
        f"{report.machine.device}, BLAS: {report.machine.blas}"
    ]
    if report.of("frame"):
        lines.append("a frame's parts alone wait for the device one by one; the whole frame waits once")
    if (session := report.session) is not None:
        steps = by_span(session.steps_ms, SPAN)
        if steps:
            lines.append(
                f"long session: {steps[0][1]:.2f} ms a step at first, {steps[-1][1]:.2f} ms after "
                f"{len(session.steps_ms)} steps; memory {session.memory_bytes[0] / 1e6:.0f} MB, then "
                f"{session.memory_bytes[-1] / 1e6:.0f} MB"
            )
    if (idle := report.idle) is not None:
        lines.append(
            f"listening: {idle.speaker_percent:.1f} % of a core and {idle.speaker_bytes / 1e6:.0f} MB, "
            f"engine {idle.engine_percent:.1f} % and {idle.engine_bytes / 1e6:.0f} MB ({idle.sound})"
        )
    return [*lines, *(f"left out: {line}" for line in report.left_out)]


def _figure(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
