"""The tables of ``docs/performance.md``, in Markdown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from moshi_speaker.bench import table
from moshi_speaker.bench.report import OURS, Report, Times
from moshi_speaker.bench.statistics import Summary
from moshi_speaker.bench.table import PARTS
from moshi_speaker.moshi.limits import bytes_of_model, bytes_of_window, bytes_per_step, codec_cost, lm_cost
from moshi_speaker.moshi.mimi.config import MimiConfig
from tests.bench.peers import apple
from tests.bench.peers.codec import CODEBOOKS, TOGETHER
from tests.bench.peers.contestants import THE_MACHINE
from tests.bench.peers.findings import comparisons
from tests.bench.presets import PRESETS

GIGA = 1e9
WANTED = {
    ("codec", "rustymimi"): 0.5,
    ("codec", "PyTorch"): 0.25,
    ("codec", "moshi_mlx"): 0.05,
    ("lm step", "moshi_mlx"): 0.05,
    ("lm step", "moshi_mlx, float32"): 0.4,
}
"""What we set out to reach: our time in units of theirs."""


def machine(report: Report) -> str:
    """A line on where and when."""
    return f"{report.machine}; {report.machine.system.split()[0]}, {report.taken_at[:10]}"


def remarks(report: Report) -> str:
    """What has no place in a table."""
    return "\n".join(f"* {line}" for line in table.remarks(report)[1:])


def peers(report: Report) -> str:
    """Everybody's times, and ours in units of theirs."""
    compared = {
        (each.part, each.who): ratio for each, part, ratio in comparisons(report.peers) if part == each.part
    }
    rows = []
    for times in _contestants([times for times in report.peers if times.part in ("codec", "lm step")]):
        ratio = compared.get((times.part, times.who))
        cells = ("", "") if ratio is None else (_ratio(ratio), _goal(times))
        rows.append((_part(times.part), times.who, *_spread(times.summary), *cells))
    return _table(("", "program", "median ms", "min – max", "ours is", "wanted"), rows)


def together(report: Report) -> str:
    """Ours, with encoder and decoder due at once, in units of theirs."""
    rows = [(each.who, _ratio(ratio)) for each, part, ratio in comparisons(report.peers) if part == TOGETHER]
    return _table(("both at once, against", "ours is"), rows)


def near(report: Report) -> str:
    """Ours against what the machine needs to read the same bytes once, and to do the same arithmetic."""
    rows = []
    for ours in report.peers:
        if ours.who != OURS or ours.part not in ("codec", TOGETHER, "lm step"):
            continue
        part = "codec" if ours.part == TOGETHER else ours.part
        limits = [each for each in report.peers if each.who == THE_MACHINE and each.part.startswith(part)]
        if limits:
            figures = [f"{each.summary.median:.1f}" for each in limits]
            nearness = median(
                max(pair) / time
                for time, pair in zip(
                    ours.times_ms, zip(*(x.times_ms for x in limits), strict=True), strict=True
                )
            )
            rows.append((_part(ours.part), f"{ours.summary.median:.1f}", *figures, f"{nearness:.0%}"))
    return _table(("", "ours, ms", "read once, ms", "multiply, ms", "limit / ours"), rows)


def ours(report: Report) -> str:
    """Every part that ``moshi-speaker bench`` timed."""
    rows = [
        (PARTS.get(times.part, times.part).strip(), *_spread(times.summary), _figure(times.summary.p95))
        for times in report.times
    ]
    return _table(("", "median ms", "min – max", "95 %"), rows)


def limits(_report: Report) -> str:
    """Bytes and arithmetic a step, by model and precision."""
    rows = []
    for name, config in PRESETS.items():
        cost = lm_cost(config, 16)
        rows.append(
            (
                name,
                *(f"{bytes_per_step(config, bits) / GIGA:.2f}" for bits in (16, 8, 4)),
                f"{bytes_of_window(config) / GIGA:.2f}",
                f"{cost.flop / GIGA:.1f}",
                " / ".join(f"{bytes_of_model(config, bits) / GIGA:.1f}" for bits in (16, 8, 4)),
            )
        )
    codec = codec_cost(MimiConfig(), CODEBOOKS)
    mimi = (f"{codec.weight_bytes / GIGA:.2f} (float32)", "", "", f"{codec.window_bytes / GIGA:.2f}")
    rows.append(("Mimi, both ways, 8 codebooks", *mimi, f"{codec.flop / GIGA:.1f}", "0.4"))
    columns = ("", "bf16, GB", "q8, GB", "q4, GB", "window, GB", "GFLOP", "file, GB")
    return _table(columns, rows)


def apple_frames(_report: Report) -> str:
    """Milliseconds of a frame by chip and precision."""
    columns = ("chip", "GB/s", "q4, ms", "q8, ms", "bf16, ms", "keeps up with")
    return _table(columns, apple.rows())


def apple_memory(_report: Report) -> str:
    """Memory by precision."""
    rows = [
        (name, f"{apple.held_bytes(bits) / GIGA:.1f} GB", f"{apple.smallest_mac(bits)} GB")
        for name, bits in reversed(apple.PRECISIONS.items())
    ]
    return _table(("Moshi 7B", "the GPU holds", "smallest Mac"), rows)


BLOCKS: dict[str, Callable[[Report], str]] = {
    "machine": machine,
    "peers": peers,
    "together": together,
    "near": near,
    "ours": ours,
    "remarks": remarks,
    "limits": limits,
    "apple frames": apple_frames,
    "apple memory": apple_memory,
}
"""By the name in the document."""


def _contestants(found: Sequence[Times]) -> Iterator[Times]:
    for part in dict.fromkeys(times.part for times in found):
        group = [times for times in found if times.part == part and times.who != THE_MACHINE]
        yield from sorted(group, key=lambda times: times.summary.median)


def _part(part: str) -> str:
    return PARTS.get(part, part.replace("codec", "Mimi"))


def _spread(found: Summary) -> tuple[str, str]:
    return _figure(found.median), f"{_figure(found.least)} – {_figure(found.most)}"


def _figure(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _ratio(found: Summary) -> str:
    return f"{found.median:.3f} × ({found.least:.3f} – {found.most:.3f})"


def _goal(times: Times) -> str:
    goal = WANTED.get((times.part, times.who))
    return "" if goal is None else f"≤ {goal}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
