"""What a self-check found, and where it is kept for the machine that it was made on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal

from pydantic import ValidationError, model_validator
from pydantic_core import PydanticCustomError

from benchmarks import stats
from benchmarks.result import Model
from benchmarks.store import StoreError, write_whole

SCHEMA_VERSION = 2
"""Of the file. A self-check is repeated rather than converted, so no other version is read; version 1 had
neither the commit nor the settings."""
SLOWDOWNS = (0.05, 0.1)
"""Planted, as shares of the time."""
FLOOR_SHARE = 0.01
"""Share of identical contenders that may be told apart; a machine's floor is the margin that keeps to it."""
FOUND_SHARES = (0.8, 0.95)
"""Share of each planted slowdown that must be found."""
COVERAGE = (0.92, 0.98)
"""Share of the 95 % intervals that must hold the true ratio."""
OVERHEAD = 0.005
"""The harness's own share of a 100 ms chunk."""
TOOLS_MARGIN = 0.05
"""Other tools' times may differ from ours by so much: they clean up and warm up less."""
ENOUGH = 100
"""Comparisons below which a share of 1 % or 80 % says nothing."""
FEW_ALARMS = 2
"""False alarms that may be chance where there are fewer than `ENOUGH` comparisons."""
ENOUGH_FOR_COVERAGE = 1000
"""Comparisons for coverage: those of one session share their blocks, and so miss together."""
EFFORTS = ("quick", "standard", "long")
"""From the shortest to the longest."""


class Comparison(Model):
    """Two contenders whose true ratio is known."""

    session: int
    contender: str = "numpy"
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
    """As in a run: adjusted for all comparisons of the session, and inconclusive with a doubt."""
    doubts: str = ""


class Fault(Model):
    """A planted fault and what the harness said."""

    name: str
    found: bool
    said: str
    expected: str = ""
    """What it must say among other things; early self-checks took anything for a find."""


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

    @property
    def agrees(self) -> bool | None:
        """Whether the interval lies within the margin; None where it reaches beyond, and says too little."""
        said = stats.verdict(stats.Interval(self.ratio, self.low, self.high, 2), TOOLS_MARGIN)
        return None if said == "inconclusive" else said == "same"


@dataclass(frozen=True)
class Figure:
    """A line of the table.

    Parameters
    ----------
    holds
        Whether it is what it should be; None where nothing is wanted, or too little was measured to say.
    """

    what: str
    found: str
    should_be: str = ""
    holds: bool | None = None

    @property
    def mark(self) -> str:
        """What is added to the table where it does not simply hold."""
        if self.holds is None and self.should_be:
            return "(not enough to judge)"
        return "MISSED" if self.holds is False else ""


class SelfCheck(Model):
    """What a self-check found."""

    schema_version: int
    effort: str
    settings: dict[str, Any]
    """The figures of the effort, and under `speed` the suite's settings with those of the preset."""
    taken: str
    git: dict[str, Any] | None
    """Commit of the code and whether it was changed since, as in a run's manifest; None if not known."""
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
    """For each chunk, outside what is timed: freezing, message, start again, garbage, witnesses."""
    cross: list[Cross]
    failures: tuple[str, ...] = ()
    """Contenders and checks that did not come to an end, and why."""
    interrupted: bool = False
    """Whether somebody ended it before its time."""

    @model_validator(mode="before")
    @classmethod
    def _of_this_version(cls, given: Any) -> Any:
        """Refuse another version by its number, before its fields are compared with these."""
        version = given.get("schema_version", 1) if isinstance(given, dict) else SCHEMA_VERSION
        if version != SCHEMA_VERSION:
            raise PydanticCustomError(
                "schema_version",
                "schema {version}, this versus reads {expected}",
                {"version": version, "expected": SCHEMA_VERSION},
            )
        return given

    @property
    def code(self) -> str:
        """What was checked: the commit, and whether anything was not committed."""
        if self.git is None:
            return "of an unknown commit"
        return f"commit {self.git['commit']}" + (", with uncommitted changes" if self.git["dirty"] else "")

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

    def _quiet(self, count: int) -> bool | None:
        """Return whether few enough of so many identical contenders were told apart."""
        if count < ENOUGH:
            return False if self.false_alarms > FEW_ALARMS else None
        return self.false_alarms <= FLOOR_SHARE * count

    def _could_tell(self, slowdown: float) -> bool:
        """Return whether most intervals of a planted slowdown are narrower than half of it."""
        widths = [math.log(each.high / each.low) / 2 for each in self.of(slowdown)]
        return bool(widths) and median(widths) < math.log1p(slowdown) / 2

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

    @property
    def figures(self) -> list[Figure]:
        """Return the findings, and of each whether it is what it should be."""
        same, all_of = self.of(0.0), len(self.comparisons)
        doubted = sum(bool(each.doubts) for each in self.comparisons)
        figures = [
            Figure(
                "identical contenders called faster or slower",
                _share(self.false_alarms, len(same)),
                "at most 1 %",
                self._quiet(len(same)),
            )
        ]
        for slowdown, wanted in zip(SLOWDOWNS, FOUND_SHARES, strict=True):
            found, count = self.found(slowdown), len(self.of(slowdown))
            holds = found >= wanted * count if count >= ENOUGH else None
            if slowdown == max(SLOWDOWNS) and not found and self._could_tell(slowdown):
                holds = False  # it sleeps, however few there were
            should_be = f"at least {100 * wanted:g} %"
            figures.append(
                Figure(f"slower by {slowdown:.0%}, and found", _share(found, count), should_be, holds)
            )
        low, high = COVERAGE
        return [
            *figures,
            Figure(
                "95 % intervals that hold the true ratio",
                _share(self.covered, all_of),
                f"{100 * low:g} to {100 * high:g} %",
                low <= self.covered / all_of <= high if all_of >= ENOUGH_FOR_COVERAGE else None,
            ),
            Figure("comparisons left open by a doubt", _share(doubted, all_of)),
            *self._frameworks(),
            Figure("margin below which identical contenders stay", f"{self.floor:.1%}"),
            *(Figure(f"planted: {each.name}", each.said, each.expected, each.found) for each in self.faults),
            *(
                Figure(
                    f"NumPy against itself, idle workers {each.idle_workers}",
                    f"ratio {each.ratio:.2f}, spread of chunks {each.deviation:.2f} among "
                    + ", ".join(dict.fromkeys(name.rpartition(" ")[0] for name in each.contenders))
                    + ", twice each",
                )
                for each in self.freezing
            ),
            *self._costs(),
            *(
                Figure(
                    f"{each.tool}, {each.contender}, {each.workload}",
                    f"{each.ratio:.3f} ({each.low:.3f} to {each.high:.3f}) of our time",
                    f"1 within {100 * TOOLS_MARGIN:g} %",
                    each.agrees,
                )
                for each in self.cross
            ),
            *(Figure("did not come to an end", failure, "", False) for failure in self.failures),
        ]

    def _costs(self) -> list[Figure]:
        """Return what the harness takes itself, where that was measured; if not, a failure says why."""
        if math.isnan(self.overhead_share):
            return []
        share, seconds = self.overhead_share, self.protocol_seconds
        return [
            Figure(
                "own time in a chunk of 100 ms",
                f"{share:.3%}",
                f"at most {100 * OVERHEAD:g} %",
                share <= OVERHEAD,
            ),
            Figure("around each chunk, untimed", f"{1e3 * seconds:.2f} ms"),
        ]

    def _frameworks(self) -> list[Figure]:
        """Return what each framework told of itself; these comparisons are among all those above."""
        figures = []
        for name in dict.fromkeys(each.contender for each in self.comparisons if each.contender != "numpy"):
            own = [each for each in self.comparisons if each.contender == name]
            same = [each for each in own if not each.planted]
            alarms = sum(each.verdict in ("faster", "slower") for each in same)
            found = sum(each.verdict == "slower" for each in own if each.planted)
            figures.append(
                Figure(
                    f"of these, {name} against itself, with the threads it likes, epochs too",
                    f"{alarms} of {len(same)} called faster or slower, "
                    f"{found} of {len(own) - len(same)} found slower by {max(SLOWDOWNS):.0%}",
                )
            )
        return figures

    def rows(self) -> list[dict[str, str]]:
        """Return the code and the findings as a table of text: what, how much, and what was to be shown."""
        return [
            {"what": each.what, "found": each.found, "should be": f"{each.should_be} {each.mark}".strip()}
            for each in (Figure("code of the harness", self.code), *self.figures)
        ]

    @property
    def passed(self) -> bool:
        """Whether the harness may be believed here: no figure is other than it should be.

        A figure that rests on too few comparisons is not held against it.
        """
        return not any(figure.holds is False for figure in self.figures)


def path(results: Path, fingerprint: str, effort: str) -> Path:
    """Return where the last self-check of a machine with that effort is kept."""
    return results / "local" / "selfcheck" / f"{fingerprint}.{effort}.json"


def margin(results: Path, fingerprint: str) -> float:
    """Return the margin for verdicts on this machine: 2 %, or its floor where a self-check found more.

    Of the self-checks with enough identical contenders to know a floor, the longest with the versions of the
    latest one: a short one does not replace a longer one.
    """
    kept = [found for effort in EFFORTS if (found := _kept(path(results, fingerprint, effort)))]
    knowing = [each for each in kept if len(each.of(0.0)) >= ENOUGH]
    if not knowing:
        return stats.MARGIN
    latest = max(knowing, key=lambda each: datetime.fromisoformat(each.taken))
    longest = [each for each in knowing if each.packages == latest.packages][-1]
    return max(stats.MARGIN, longest.floor)


def keep(found: SelfCheck, results: Path) -> Path:
    """Write a self-check where later runs look for it, an interrupted one beside the last whole one.

    Returns the file.
    """
    effort = f"{found.effort}.interrupted" if found.interrupted else found.effort
    kept = path(results, found.fingerprint, effort)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_whole(kept, found.model_dump_json(indent=1))
    return kept


def read(file: Path) -> SelfCheck:
    """Read a self-check.

    Raises
    ------
    StoreError
        If there is none that can be read, or it is of another version.
    """
    try:
        return SelfCheck.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"self-check {file}",
            expected=f"a file of schema {SCHEMA_VERSION}",
            got=_reason(error),
            action="`versus selfcheck` makes a new one",
        ) from error


def _kept(file: Path) -> SelfCheck | None:
    try:
        return read(file)
    except StoreError:  # none yet, or one of another version
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join([*filter(None, [".".join(map(str, first["loc"]))]), first["msg"]])
    return str(error)


def _share(count: int, total: int) -> str:
    return f"{count} of {total}" + (f" ({count / total:.1%})" if total else "")
