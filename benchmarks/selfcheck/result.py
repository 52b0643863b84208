"""What a self-check found, and where it is kept for the machine that it was made on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from benchmarks import stats
from benchmarks.result import Model
from benchmarks.store import write_whole

SLOWDOWNS = (0.05, 0.1)
"""Planted, as shares of the time."""
FLOOR_SHARE = 0.01
"""Share of identical contenders that may be told apart; a machine's floor is the margin that keeps to it."""


class Comparison(Model):
    """Two contenders whose true ratio is known."""

    session: int
    workload: str
    metric: str
    left: str
    right: str
    planted: float
    """Share by which right was made slower than left; 0 for identical ones."""
    blocks: int
    ratio: float
    low: float
    high: float
    known: float
    """The true ratio, from the repetitions that each really did."""
    verdict: stats.Verdict


class Fault(Model):
    """A planted fault and what the harness said."""

    name: str
    found: bool
    said: str


class Freezing(Model):
    """NumPy against itself among six workers with their own numbers of threads."""

    idle_workers: Literal["frozen", "running"]
    contenders: list[str]
    ratio: float
    deviation: float
    """Standard deviation of the logarithm of the ratio of two chunks of one round."""


class Cross(Model):
    """A contender's step by another tool, as a multiple of ours."""

    workload: str
    contender: str
    tool: str
    ratio: float
    low: float
    high: float


class SelfCheck(Model):
    """What a self-check found."""

    effort: str
    taken: str
    fingerprint: str
    machine: dict[str, Any]
    packages: dict[str, str | None]
    seconds: float
    comparisons: list[Comparison]
    faults: list[Fault]
    freezing: list[Freezing]
    overhead_share: float
    """Of a 100 ms chunk: the loop, the clock and the synchronisation around steps that do nothing."""
    protocol_seconds: float
    """For each chunk, outside what is timed: message, start again, garbage, witnesses."""
    cross: list[Cross]

    def of(self, planted: float) -> list[Comparison]:
        """Return the comparisons with that slowdown planted."""
        return [each for each in self.comparisons if math.isclose(each.planted, planted, abs_tol=1e-9)]

    @property
    def false_alarms(self) -> int:
        """How many identical contenders were called faster or slower."""
        return sum(each.verdict in ("faster", "slower") for each in self.of(0.0))

    def found(self, slowdown: float) -> int:
        """Return how many contenders slowed down by that share were called slower."""
        return sum(each.verdict == "slower" for each in self.of(slowdown))

    @property
    def covered(self) -> int:
        """How many intervals hold the true ratio."""
        return sum(each.low <= each.known <= each.high for each in self.comparisons)

    @property
    def floor(self) -> float:
        """Margin beyond which no more than 1 % of the identical contenders' intervals lie."""
        beyond = sorted(
            max(each.low - 1, 1 / each.high - 1, 0.0) if each.high else 0.0 for each in self.of(0.0)
        )
        return beyond[math.ceil((1 - FLOOR_SHARE) * len(beyond)) - 1] if beyond else 0.0

    def rows(self) -> list[dict[str, str]]:
        """Return the findings as a table of text: what, how much, and what was to be shown."""
        same, all_of = self.of(0.0), len(self.comparisons)
        rows = [
            (
                "identical contenders called faster or slower",
                _share(self.false_alarms, len(same)),
                "at most 1 %",
            )
        ]
        for slowdown, wanted in zip(SLOWDOWNS, ("at least 80 %", "at least 95 %"), strict=True):
            count = len(self.of(slowdown))
            rows.append((f"slower by {slowdown:.0%}, and found", _share(self.found(slowdown), count), wanted))
        rows += [
            ("95 % intervals that hold the true ratio", _share(self.covered, all_of), "92 to 98 %"),
            ("margin below which identical contenders stay", f"{self.floor:.1%}", "2 % or less"),
            *((f"planted: {each.name}", each.said, "" if each.found else "MISSED") for each in self.faults),
            *(
                (
                    f"NumPy against itself, idle workers {each.idle_workers}",
                    f"ratio {each.ratio:.2f}, spread of chunks {each.deviation:.2f}",
                    ", ".join(dict.fromkeys(name.rpartition(" ")[0] for name in each.contenders))
                    + ", twice each",
                )
                for each in self.freezing
            ),
            ("own time in a chunk of 100 ms", f"{self.overhead_share:.3%}", "at most 0.5 %"),
            ("around each chunk, untimed", f"{1e3 * self.protocol_seconds:.2f} ms", ""),
            *(
                (
                    f"{each.tool}, {each.contender}, {each.workload}",
                    f"{each.ratio:.3f} ({each.low:.3f} to {each.high:.3f}) of our time",
                    "1",
                )
                for each in self.cross
            ),
        ]
        return [dict(zip(("what", "found", "should be"), row, strict=True)) for row in rows]

    @property
    def passed(self) -> bool:
        """Whether the harness may be believed here: no crying wolf, and every planted fault found."""
        alarms = self.false_alarms <= max(1, FLOOR_SHARE * len(self.of(0.0)))
        return alarms and all(fault.found for fault in self.faults)


def path(results: Path, fingerprint: str) -> Path:
    """Return where the last self-check of a machine is kept."""
    return results / "local" / "selfcheck" / f"{fingerprint}.json"


def margin(results: Path, fingerprint: str) -> float:
    """Return the margin for verdicts on this machine: 2 %, or its floor where a self-check found more."""
    try:
        found = SelfCheck.model_validate_json(path(results, fingerprint).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or one of another version
        return stats.MARGIN
    return max(stats.MARGIN, found.floor)


def keep(found: SelfCheck, results: Path) -> Path:
    """Write a self-check where later runs look for it; return the file."""
    kept = path(results, found.fingerprint)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, found.model_dump_json(indent=1))
    return kept


def _share(count: int, total: int) -> str:
    return f"{count} of {total}" + (f" ({count / total:.1%})" if total else "")
