from dataclasses import replace

import pytest

from moshi_speaker.audio.echo import Rung
from moshi_speaker.selftest.findings import Echo, Findings, Rest, Stream, Sweep
from moshi_speaker.selftest.verdict import Severity, Verdict, verdicts, works

STREAM = Stream(
    seconds=16.0, heard_hz=24_003.0, played_hz=23_998.0, gaps=0, holes=0, zeros=0.0, not_numbers=0
)
REST = Rest(noise_dbfs=-62.0, offset=0.0, zeros=0.0, clipped=0.0)
SWEEP = Sweep(
    heard=True,
    played_dbfs=-20.0,
    level_dbfs=-26.0,
    clipped=0.0,
    delay_ms=60.0,
    distortion=0.01,
    reverberation_s=0.3,
)
ECHO = Echo(
    echo_dbfs=-30.0,
    residual_dbfs=-60.0,
    reduction_db=31.0,
    at_least=False,
    open_after_s=0.8,
    broke_at_s=None,
    clipped=0.0,
    located=True,
    own_estimate_db=30.0,
    delay_ms=60.0,
    drift_ppm=2.0,
    rung=Rung.OPEN,
    missing_db=0.5,
)
GOOD = Findings(volume=70, stream=STREAM, rest=REST, sweep=SWEEP, echo=ECHO)


def said(findings: Findings, *, macos: bool = False) -> list[Verdict]:
    return verdicts(findings, macos=macos)


def test_all_is_well_in_three_sentences() -> None:
    found = said(GOOD)
    assert [verdict.text for verdict in found] == [
        "the microphone works; at rest it is at -62 dBFS",
        "the loudspeaker works; at the microphone it is at -26 dBFS, 36 dB above the noise",
        "the echo is reduced by 31 dB, well enough after 0.8 s: talk at any time",
    ]
    assert works(found)
    assert {verdict.severity for verdict in found} == {Severity.OK}


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        (replace(GOOD, stream=replace(STREAM, seconds=0.0)), "gives no sound at all"),
        (replace(GOOD, stream=replace(STREAM, zeros=1.0)), "delivers only zeros: is it muted, unplugged"),
        (replace(GOOD, stream=replace(STREAM, not_numbers=3)), "from the microphone that are no numbers: 3;"),
        (
            replace(GOOD, stream=replace(STREAM, heard_hz=22_050.0)),
            "the microphone runs at 22050 samples a second in place of 24000",
        ),
        (
            replace(GOOD, stream=replace(STREAM, played_hz=26_122.0)),
            "the loudspeaker runs at 26122 samples a second",
        ),
        (replace(GOOD, rest=replace(REST, clipped=0.02)), "clips although nothing plays (2.0% of"),
        (
            replace(GOOD, sweep=replace(SWEEP, heard=False), echo=None),
            "nothing of the loudspeaker reaches the microphone: headphones",
        ),
    ],
)
def test_what_does_not_work_is_a_problem(findings: Findings, words: str) -> None:
    found = said(findings)
    assert [words in verdict.text for verdict in found if verdict.severity is Severity.PROBLEM] == [True]
    assert not works(found)


def test_of_a_microphone_without_sound_nothing_more_is_said() -> None:
    assert len(said(replace(GOOD, stream=replace(STREAM, zeros=1.0)))) == 1
    assert len(said(replace(GOOD, stream=replace(STREAM, seconds=0.0)))) == 1


def test_macos_is_told_where_the_permission_is() -> None:
    only = said(replace(GOOD, stream=replace(STREAM, zeros=1.0)), macos=True)
    assert "System Settings > Privacy & Security > Microphone" in only[0].text


@pytest.mark.parametrize(
    ("findings", "words"),
    [
        (
            replace(GOOD, stream=replace(STREAM, gaps=2, heard_hz=20_000.0)),
            "gaps in the microphone's sound: 2;",
        ),
        (replace(GOOD, stream=replace(STREAM, holes=7)), "holes in the loudspeaker's sound: 7;"),
        (replace(GOOD, cancelling=False), "echo.enabled is false"),
        (replace(GOOD, rest=replace(REST, offset=-0.03)), "lie -3.0% of full scale beside zero"),
        (replace(GOOD, rest=replace(REST, zeros=0.9)), "digitally silent between sounds"),
        (replace(GOOD, rest=replace(REST, noise_dbfs=-38.0)), "the room is noisy (-38 dBFS)"),
        (replace(GOOD, sweep=replace(SWEEP, clipped=0.013)), "too loud for the microphone: it clips (1.3%"),
        (replace(GOOD, echo=replace(ECHO, clipped=0.013)), "too loud for the microphone: it clips (1.3%"),
        (
            replace(GOOD, sweep=replace(SWEEP, level_dbfs=-57.0)),
            "hardly audible at the microphone (-57 dBFS)",
        ),
        (replace(GOOD, sweep=replace(SWEEP, distortion=0.12)), "the loudspeaker distorts by 12%"),
        (replace(GOOD, sweep=replace(SWEEP, delay_ms=410.0)), "the echo comes 410 ms late"),
        (
            replace(GOOD, sweep=replace(SWEEP, delay_ms=1_900.0)),
            "1900 ms after what is played, and is looked for from -100 to 600 ms",
        ),
        (replace(GOOD, echo=replace(ECHO, missing_db=18.0)), "cancels the echo itself, or closes"),
        (replace(GOOD, echo=replace(ECHO, broke_at_s=4.2)), "came back after 4.2 s"),
    ],
)
def test_what_could_be_better_is_a_warning(findings: Findings, words: str) -> None:
    found = said(findings)
    assert [words in verdict.text for verdict in found if verdict.severity is Severity.WARNING] == [True]
    assert works(found)


@pytest.mark.parametrize(
    ("rung", "consequence"),
    [
        (Rung.OPEN, "Moshi may hear itself"),
        (Rung.GUARDED, "Moshi will be softer"),
        (Rung.HALF_DUPLEX, "Moshi will not hear you while it speaks"),
    ],
)
def test_a_poor_reduction_says_what_follows_from_it(rung: Rung, consequence: str) -> None:
    last = said(replace(GOOD, echo=replace(ECHO, reduction_db=7.0, open_after_s=None, rung=rung)))[-1]
    assert last.severity is Severity.WARNING
    assert last.text.startswith(f"the echo is reduced by only 7 dB: {consequence}")


@pytest.mark.parametrize(
    ("echo", "words"),
    [
        (replace(ECHO, drift_ppm=-120.0), "clocks differ by 120 ppm, which is compensated"),
        (replace(ECHO, at_least=True), "reduced by at least 31 dB"),
        (replace(ECHO, at_least=True, reduction_db=9.0), "what is left of the echo drowns in the noise"),
        (replace(ECHO, reduction_db=None, at_least=True), "there is nothing to cancel"),
    ],
)
def test_what_is_well_is_said_so(echo: Echo, words: str) -> None:
    found = said(replace(GOOD, echo=echo))
    assert {verdict.severity for verdict in found} == {Severity.OK}
    assert any(words in verdict.text for verdict in found)


def test_who_leaves_the_echo_to_a_speakerphone_needs_no_canceller() -> None:
    found = said(replace(GOOD, echo=replace(ECHO, missing_db=25.0), cancelling=False))
    assert not any("echo.enabled is false" in verdict.text for verdict in found)


def test_what_the_device_takes_out_did_not_break_down() -> None:
    found = said(replace(GOOD, echo=replace(ECHO, missing_db=25.0, broke_at_s=2.0)))
    assert not any("came back" in verdict.text for verdict in found)


def test_every_sentence_is_one_line() -> None:
    worst = Findings(
        70,
        replace(STREAM, gaps=1, holes=9, not_numbers=1),
        Rest(-30.0, 0.1, 0.9, 0.1),
        replace(SWEEP, level_dbfs=-35.0, clipped=0.1, distortion=0.3, delay_ms=-300.0),
        replace(ECHO, broke_at_s=3.0, reduction_db=1.0, rung=Rung.HALF_DUPLEX),
    )
    assert len(said(worst)) == 13
    assert not any("\n" in verdict.text for verdict in said(worst))
