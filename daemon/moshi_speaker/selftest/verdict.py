"""What the figures mean, and what to do: one sentence each."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from moshi_speaker.audio.echo import Rung
from moshi_speaker.audio.echo.placement import EARLIEST, LATEST
from moshi_speaker.audio.echo.rung import OPEN_DB
from moshi_speaker.audio.frames import SAMPLE_RATE
from moshi_speaker.selftest.findings import Echo, Findings, Rest, Stream, Sweep

NOISY_DBFS = -45.0
"""Noise at rest from which the room, or the microphone, is noisy."""
ALL_ZERO = 0.9999
"""Part of exact zeros from which nothing else was heard."""
GATED = 0.5
"""Part of exact zeros at rest from which the microphone closes itself."""
OFFSET = 0.01
"""Mean of the samples, as a part of full scale, from which it is worth a word."""
CLIPS = 1e-4
"""Part of clipped samples from which it is worth a word."""
RATE = 0.01
"""Part by which a sample rate may be wrong; a recording of 15 s measures it to 0.002 or so."""
FEW_HOLES = 2
"""Holes in the loudspeaker's sound that pass: sound servers make one or two at the start."""
FAINT_DB = 10.0
"""Decibels over the noise below which the loudspeaker is hardly audible."""
DISTORTION = 0.05
"""Part of harmonics in the sound from which the canceller suffers."""
LATE_MS = 250.0
"""Delay that one notices in talk."""
DRIFT_PPM = 20.0
"""Difference of two clocks that is worth a word."""
OWN_DB = 10.0
"""Decibels by which speech is softer than the sweep lets expect, from which the device takes it out."""


class Severity(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but could be better."""
    PROBLEM = "problem"
    """The microphone or the loudspeaker does not work."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence."""

    severity: Severity
    text: str
    """What is found and what to do, in one line."""


def verdicts(findings: Findings, *, macos: bool) -> list[Verdict]:
    """All there is to say, at least one sentence; ``macos`` says where permissions are given."""
    found = list(_microphone(findings.stream, findings.rest, macos))
    if findings.stream.seconds == 0.0 or findings.stream.zeros >= ALL_ZERO:
        return found
    found += _loudspeaker(findings.sweep, findings.echo, findings.rest.noise_dbfs)
    if findings.echo is not None:
        found += _devices_echo(findings.sweep, findings.echo)
        found += _canceller(findings.echo)
        if not findings.cancelling and not _cancels_itself(findings.echo):
            found.append(
                _warning("echo.enabled is false: nothing of that is at work, and Moshi hears itself")
            )
    return found


def works(said: list[Verdict]) -> bool:
    """Whether microphone and loudspeaker both do."""
    return all(verdict.severity is not Severity.PROBLEM for verdict in said)


def _microphone(stream: Stream, rest: Rest, macos: bool) -> Iterator[Verdict]:
    if stream.seconds == 0.0:
        yield _problem("the microphone gives no sound at all; unplug it and plug it in again")
        return
    if stream.zeros >= ALL_ZERO:
        yield _problem(f"the microphone delivers only zeros: {_SILENCED_MACOS if macos else _SILENCED}")
        return
    before = [*_transport(stream), *_signal(rest)]
    yield from before
    if not before:
        yield _ok(f"the microphone works; at rest it is at {rest.noise_dbfs:.0f} dBFS")


_SILENCED_MACOS = (
    "no permission? allow the program that starts this (your terminal) in System Settings > "
    "Privacy & Security > Microphone, and start it again"
)
_SILENCED = "is it muted, unplugged, or not the source that you mean? look into the system's sound settings"


def _transport(stream: Stream) -> Iterator[Verdict]:
    if stream.not_numbers:
        yield _problem(
            f"values from the microphone that are no numbers: {stream.not_numbers}; its driver is broken, "
            "choose another audio.input_device"
        )
    if stream.holes > FEW_HOLES:
        yield _warning(
            f"holes in the loudspeaker's sound: {stream.holes}; the computer is too busy, or a cable or a "
            "radio link is bad"
        )
    if stream.gaps:
        yield _warning(
            f"gaps in the microphone's sound: {stream.gaps}; the computer is too busy, or a cable or a radio "
            "link is bad"
        )
    for what, hertz in (("microphone", stream.heard_hz), ("loudspeaker", stream.played_hz)):
        if hertz is not None and abs(hertz / SAMPLE_RATE - 1.0) > RATE and not stream.gaps:
            yield _problem(
                f"the {what} runs at {hertz:.0f} samples a second in place of {SAMPLE_RATE}; set its sample "
                "rate anew in the system's sound settings"
            )


def _signal(rest: Rest) -> Iterator[Verdict]:
    if rest.clipped > CLIPS:
        yield _problem(
            f"the microphone clips although nothing plays ({rest.clipped:.1%} of the samples); turn its "
            "gain down"
        )
    if abs(rest.offset) > OFFSET:
        yield _warning(
            f"the microphone's samples lie {rest.offset:+.1%} of full scale beside zero; it does no harm, "
            "but the device or its driver is not in order"
        )
    if rest.zeros > GATED:
        yield _warning(
            "the microphone is digitally silent between sounds: it has a gate of its own, which may swallow "
            "soft words; turn it off if you can"
        )
    if rest.noise_dbfs > NOISY_DBFS:
        yield _warning(
            f"the room is noisy ({rest.noise_dbfs:.0f} dBFS); move the microphone away from what hums, or "
            "turn its gain down"
        )


def _loudspeaker(sweep: Sweep, echo: Echo | None, noise_dbfs: float) -> Iterator[Verdict]:
    if not sweep.heard:
        yield _problem(
            "nothing of the loudspeaker reaches the microphone: headphones (then this is as it should be)? "
            "another audio.output_device than you mean? muted or turned down?"
        )
        return
    before = list(_loudness(sweep, echo, noise_dbfs))
    yield from before
    if not before:
        yield _ok(
            f"the loudspeaker works; at the microphone it is at {sweep.level_dbfs:.0f} dBFS, "
            f"{sweep.level_dbfs - noise_dbfs:.0f} dB above the noise"
        )


def _loudness(sweep: Sweep, echo: Echo | None, noise_dbfs: float) -> Iterator[Verdict]:
    clipped = max(sweep.clipped, echo.clipped if echo else 0.0)
    if clipped > CLIPS:
        yield _warning(
            f"the loudspeaker is too loud for the microphone: it clips ({clipped:.1%} of the samples); lower "
            "audio.volume or the microphone's gain"
        )
    if sweep.level_dbfs - noise_dbfs < FAINT_DB:
        yield _warning(
            f"the loudspeaker is hardly audible at the microphone ({sweep.level_dbfs:.0f} dBFS); well with "
            "headphones, otherwise turn it up"
        )
    if sweep.distortion is not None and sweep.distortion > DISTORTION:
        yield _warning(
            f"the loudspeaker distorts by {sweep.distortion:.0%}, and what it adds is no echo that could be "
            "taken out; lower audio.volume"
        )


def _devices_echo(sweep: Sweep, echo: Echo) -> Iterator[Verdict]:
    delay = sweep.delay_ms or 0.0
    if not 1e3 * EARLIEST <= delay <= 1e3 * LATEST:
        yield _warning(
            f"the echo comes {delay:.0f} ms after what is played, and is looked for from "
            f"{1e3 * EARLIEST:.0f} to {1e3 * LATEST:.0f} ms; take a loudspeaker that is not wireless"
        )
    elif delay > LATE_MS:
        yield _warning(
            f"the echo comes {delay:.0f} ms late, and so does all that Moshi says; a loudspeaker that is not "
            "wireless answers faster"
        )
    if echo.drift_ppm is not None and abs(echo.drift_ppm) >= DRIFT_PPM:
        yield _ok(f"the two devices' clocks differ by {abs(echo.drift_ppm):.0f} ppm, which is compensated")
    if _cancels_itself(echo):
        yield _warning(
            f"the microphone cancels the echo itself, or closes while something plays (by "
            f"{echo.missing_db or 0.0:.0f} dB), and may do so to your voice: turn that off, or set "
            "echo.enabled to false"
        )


def _cancels_itself(echo: Echo) -> bool:
    return echo.missing_db is not None and echo.missing_db >= OWN_DB


def _canceller(echo: Echo) -> Iterator[Verdict]:
    if echo.broke_at_s is not None and not _cancels_itself(echo):
        yield _warning(
            f"the echo was well reduced, and came back after {echo.broke_at_s:.1f} s: somebody spoke, "
            "something was moved, or a device lost sound; try again in silence"
        )
    if echo.reduction_db is None:
        yield _ok("the echo of speech drowns in the noise; there is nothing to cancel")
    elif echo.at_least and echo.reduction_db < OPEN_DB:
        yield _ok("what is left of the echo drowns in the noise")
    else:
        yield _reduction(echo, echo.reduction_db)


def _reduction(echo: Echo, reduction_db: float) -> Verdict:
    least = "at least " if echo.at_least else ""
    if reduction_db >= OPEN_DB:
        after = f", well enough after {echo.open_after_s:.1f} s" if echo.open_after_s is not None else ""
        return _ok(f"the echo is reduced by {least}{reduction_db:.0f} dB{after}: talk at any time")
    consequence = {
        Rung.OPEN: "Moshi may hear itself",
        Rung.GUARDED: "Moshi will be softer, and the wake word must be clearer while it speaks",
        Rung.HALF_DUPLEX: "Moshi will not hear you while it speaks",
    }[echo.rung]
    return _warning(
        f"the echo is reduced by only {max(0.0, reduction_db):.0f} dB: {consequence}; lower "
        "audio.volume, or move the microphone away from the loudspeaker"
    )


def _ok(text: str) -> Verdict:
    return Verdict(Severity.OK, text)


def _warning(text: str) -> Verdict:
    return Verdict(Severity.WARNING, text)


def _problem(text: str) -> Verdict:
    return Verdict(Severity.PROBLEM, text)
