from dataclasses import replace

from rich.console import Console

from moshi_speaker.selftest.findings import Findings
from moshi_speaker.selftest.table import findings_table
from tests.selftest.test_verdict import ECHO, GOOD, SWEEP


def printed(findings: Findings) -> str:
    console = Console(width=100)
    with console.capture() as captured:
        console.print(findings_table(findings))
    return captured.get()


def test_every_figure_has_its_row_and_what_it_should_be() -> None:
    text = printed(GOOD)
    for words in ("-62.0 dBFS", "below -45", "24003", "-26.0 dBFS", "60.0 ms", "1.0%", "0.30 s", "kept"):
        assert words in text
    for words in ("31.0 dB", "at least 14", "0.8 s", "+2 ppm"):
        assert words in text


def test_what_was_not_measured_has_no_row() -> None:
    text = printed(replace(GOOD, sweep=replace(SWEEP, heard=False), echo=None))
    assert "sweep" not in text
    assert "echo" not in text
    unknown = replace(ECHO, reduction_db=None, open_after_s=None, delay_ms=None, drift_ppm=None)
    assert "reduced by" not in printed(replace(GOOD, echo=unknown))


def test_a_reduction_that_drowns_is_a_least_one() -> None:
    assert "≥ 31.0 dB" in printed(replace(GOOD, echo=replace(ECHO, at_least=True)))
