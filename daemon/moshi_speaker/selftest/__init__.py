"""The self-test of microphone and loudspeaker: play, record, measure, say in words what is wrong.

Only ``record`` touches a device; all else is arrays in, figures and sentences out.
"""

from collections.abc import Callable
from dataclasses import dataclass

from moshi_speaker.audio.frames import SAMPLE_RATE, Device
from moshi_speaker.selftest import echo, rest, sweep
from moshi_speaker.selftest.findings import Findings
from moshi_speaker.selftest.programme import REST_S, SETTLE_S, SWEEP_S, Programme, programme
from moshi_speaker.selftest.recording import Recording, Track, record
from moshi_speaker.settings import EchoSettings

_DEFAULT = EchoSettings()
Opened = Callable[[str, float], None]
"""Told the device's name, once it is open, and the seconds that all takes."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was found, and the sound to draw it from."""

    findings: Findings
    cleaning: echo.Cleaning | None
    """None where nothing of the loudspeaker arrives."""
    course: echo.Course | None
    """How the echo's reduction went; None likewise."""


def run(
    device: Device,
    settings: EchoSettings,
    volume: int,
    speech_s: float,
    clock: Callable[[], float],
    opened: Opened,
) -> Result:
    """Test a device, not yet open, at a volume of 1 to 100, with so many seconds of speech.

    Raises DeviceError; the device is closed afterwards.
    """
    plan = programme(volume, speech_s)
    seconds = len(plan.sound) / SAMPLE_RATE
    recording = record(device, plan.sound, clock, lambda: opened(device.description, seconds))
    return measure(recording, plan, settings)


def measure(recording: Recording, plan: Programme, settings: EchoSettings = _DEFAULT) -> Result:
    """What a recording of the programme tells."""
    stream = rest.stream(recording)
    recording = rest.numbers_only(recording)
    if not recording.heard or not recording.played:
        return Result(Findings(plan.volume, stream, rest.NOTHING, sweep.NOTHING, None), None, None)
    heard, played = Track(recording.heard), Track(recording.played)
    quiet = rest.rest(heard.cut(played.time(round(SETTLE_S * SAMPLE_RATE)), REST_S))
    wave = plan.sound[plan.sweep : plan.sweep + round(SWEEP_S * SAMPLE_RATE)]
    before = played.time(plan.sweep) - sweep.BEFORE_S
    swept, response = sweep.measure(wave, heard.cut(before, sweep.HEARD_S))
    if swept.delay_ms is None:
        return Result(Findings(plan.volume, stream, quiet, swept, None), None, None)
    delay_s = swept.delay_ms / 1e3
    begin, end = played.time(plan.speech), played.time(plan.speech_end) + delay_s
    cleaning = echo.clean(recording, begin, end, suppress=settings.suppress_residual)
    last = plan.sound[plan.speech_end - round(echo.END_S * SAMPLE_RATE) : plan.speech_end]
    arrived = heard.cut(end - echo.END_S, echo.END_S)
    missing = echo.missing(response, last, arrived, quiet.noise_dbfs)
    found = echo.judge(cleaning, quiet.noise_dbfs, missing)
    findings = Findings(plan.volume, stream, quiet, swept, found, cancelling=settings.enabled)
    return Result(findings, cleaning, echo.course(cleaning, quiet.noise_dbfs))
