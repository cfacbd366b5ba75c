"""The figures as a table for the screen."""

from collections.abc import Iterator

from rich.table import Table

from moshi_speaker.audio.echo.rung import OPEN_DB
from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.selftest import verdict
from moshi_speaker.selftest.findings import Echo, Findings, Rest, Stream, Sweep

Row = tuple[str, str, str]
"""What, the figure, and what it should be."""


def findings_table(findings: Findings) -> Table:
    """Every figure, with what it should be."""
    table = Table(title=f"At a volume of {findings.volume} %", title_justify="left")
    table.add_column("")
    table.add_column("found", justify="right", no_wrap=True)
    table.add_column("should be", no_wrap=True)
    for rows in _sections(findings):
        table.add_section()
        for row in rows:
            table.add_row(*row)
    return table


def _sections(findings: Findings) -> Iterator[list[Row]]:
    if findings.stream.seconds:
        yield list(_microphone(findings.stream, findings.rest))
    if findings.sweep.heard:
        yield list(_loudspeaker(findings.sweep))
    if findings.echo is not None:
        yield list(_echo(findings.echo))


def _microphone(stream: Stream, rest: Rest) -> Iterator[Row]:
    yield "microphone at rest", f"{rest.noise_dbfs:.1f} dBFS", f"below {verdict.NOISY_DBFS:.0f}"
    yield "  beside zero by", f"{abs(rest.offset):.2%}", f"within {verdict.OFFSET:.0%}"
    yield "  exact zeros", f"{rest.zeros:.1%}", "few"
    yield "  clipped", f"{rest.clipped:.2%}", "none"
    for name, hertz in (("  samples a second", stream.heard_hz), ("  and played", stream.played_hz)):
        if hertz is not None:
            yield name, f"{hertz:.0f}", f"{SAMPLE_RATE}"


def _loudspeaker(sweep: Sweep) -> Iterator[Row]:
    yield "sweep at the microphone", f"{sweep.level_dbfs:.1f} dBFS", f"played at {sweep.played_dbfs:.1f}"
    yield "  clipped", f"{sweep.clipped:.2%}", "none"
    if sweep.delay_ms is not None:
        yield "  delay", f"{sweep.delay_ms:.1f} ms", f"below {verdict.LATE_MS:.0f}"
    if sweep.distortion is not None:
        yield "  harmonic distortion", f"{sweep.distortion:.1%}", f"below {verdict.DISTORTION:.0%}"
    if sweep.reverberation_s is not None:
        yield "  reverberation (T60)", f"{sweep.reverberation_s:.2f} s", "below 0.6"
    yield "  polarity", "inverted" if sweep.inverted else "kept", "either"


def _echo(echo: Echo) -> Iterator[Row]:
    yield "echo of speech", f"{echo.echo_dbfs:.1f} dBFS", ""
    yield "  behind the canceller", f"{echo.residual_dbfs:.1f} dBFS", ""
    if echo.reduction_db is not None:
        least = "≥ " if echo.at_least else ""
        yield "  reduced by", f"{least}{echo.reduction_db:.1f} dB", f"at least {OPEN_DB:.0f}"
    if echo.open_after_s is not None:
        yield "  well enough after", f"{echo.open_after_s:.1f} s", "below 3"
    if echo.delay_ms is not None and echo.drift_ppm is not None:
        yield "  delay, by the canceller", f"{echo.delay_ms:.1f} ms", "that of the sweep"
        yield "  clocks differ by", f"{round(echo.drift_ppm):+d} ppm", "within 100"
