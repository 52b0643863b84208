"""Two saved runs, or the two sides of one run: what got slower, faster, or wrong.

Two runs were not interleaved, so that machine noise between them is not cancelled: times are compared
unpaired, by Welch's test on per-block medians. Runs from different surroundings are refused, as their
difference would have more than one possible cause. The sides of one run took turns, and are compared block by
block.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmarks import stats, tables
from benchmarks.result import Case, CurvesData, ParityData, Record, SpeedData
from benchmarks.store import RunStore
from implementations.errors import VersusError

SIGNIFICANT = 0.05
"""Adjusted p-value below which a difference of time is not put down to chance."""

_SETTINGS = ("device", "threads", "convention", "seed")

Judgement = Literal["regression", "improvement", "same", "inconclusive"]


class IncomparableRuns(VersusError):
    """Two runs whose difference would not mean anything."""


@dataclass(frozen=True)
class Change:
    """One thing that both runs have measured.

    Parameters
    ----------
    what
        `parity`, `test accuracy` or a metric of speed with its tier.
    before, after
        Seconds, share of right answers, or 1 and 0 for parity that passed or not.
    ratio
        After ÷ before with interval, for times.
    """

    workload: str
    contender: str
    device: str
    threads: str
    what: str
    before: float
    after: float
    judgement: Judgement
    ratio: stats.Interval | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class Comparison:
    """All changes from one run to another."""

    before: str
    after: str
    differences: list[str]
    """What differs between the runs' surroundings; empty unless the comparison was forced."""
    changes: list[Change] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0: no regression. 1: a regression. 2: nothing could be compared."""
        if not self.changes:
            return 2
        return int(any(change.judgement == "regression" for change in self.changes))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "exit_code": self.exit_code}


@dataclass(frozen=True)
class _Time:
    """A time on both sides, before it is judged among the others."""

    case: Case
    what: str
    before: float
    after: float
    ratio: stats.Interval
    p_value: float
    margin: float


def compare(before: RunStore, after: RunStore, *, force: bool = False) -> Comparison:
    """Compare two runs.

    Raises
    ------
    IncomparableRuns
        If machine, versions or the measurement's settings differ and `force` is not given.
    """
    differences = _differences(before, after)
    if differences and not force:
        raise IncomparableRuns(
            f"runs {before.manifest.run} and {after.manifest.run}",
            expected="the same machine, versions and settings",
            got="; ".join(differences),
            action="repeat one of them, or compare with --force",
        )
    old = {record.case.id: record for record in before.records()[0]}
    pairs = [(old[record.case.id], record) for record in after.records()[0] if record.case.id in old]
    changes = [change for pair in pairs for change in (*_parity(*pair), *_learning(*pair))]
    return Comparison(before.manifest.run, after.manifest.run, differences, changes + _times(before, after))


def compare_sides(store: RunStore) -> Comparison:
    """Compare the two sides of each contender in a run of `versus compare --rerun`, block by block."""
    told = store.manifest.settings["sides"]
    sides: dict[str, dict[tuple[str, ...], Record]] = {"before": {}, "after": {}}
    for record in store.records()[0]:
        contender, _, side = record.case.contender.rpartition("@")
        case = record.case.model_copy(update={"contender": contender})
        sides[side][(*_place(case), case.measure)] = record.model_copy(update={"case": case})
    pairs = [(old, sides["after"][key]) for key, old in sides["before"].items() if key in sides["after"]]
    changes = [change for pair in pairs for change in _parity(*pair)]
    passed = [tables.passed_parity(side.values()) for side in sides.values()]
    found: list[_Time] = []
    for old, new in pairs:
        place = (new.case.workload, new.case.device, new.case.track), new.case.contender
        if not isinstance(old.data, SpeedData) or not isinstance(new.data, SpeedData):
            continue
        for samples in new.data.blocks[0].samples if place in passed[0] & passed[1] else ():
            ratio = stats.paired_ratio(new.data, old.data, samples.metric)
            times = stats.seconds(old.data, samples.metric), stats.seconds(new.data, samples.metric)
            what = f"{samples.metric} ({samples.tier})"
            margin = new.data.margin
            p_value = stats.margin_p_value(ratio, margin)
            found.append(_Time(new.case, what, *times, ratio, p_value, margin))
    return Comparison(told["before"], told["after"], [], changes + _judged_times(found))


def _differences(before: RunStore, after: RunStore) -> list[str]:
    """Return what differs between two runs besides the code that was measured."""
    sides = [
        {
            **{
                f"{part} {name}": value
                for part in ("machine", "packages", "variables")
                for name, value in (store.manifest.environment.get(part) or {}).items()
            },
            **{f"setting {name}": store.manifest.settings.get(name) for name in _SETTINGS},
        }
        for store in (before, after)
    ]
    return [
        f"{name}: {sides[0].get(name)} -> {sides[1].get(name)}"
        for name in dict.fromkeys((*sides[0], *sides[1]))
        if sides[0].get(name) != sides[1].get(name) and name != "packages nn-versus"
    ]


def _parity(before: Record, after: Record) -> list[Change]:
    if not isinstance(before.data, ParityData) or not isinstance(after.data, ParityData):
        return []
    old, new = before.data.passed, after.data.passed
    judgement: Judgement = "same" if old == new else "improvement" if new else "regression"
    return [Change(*_place(after.case), "parity", float(old), float(new), judgement)]


def _learning(before: Record, after: Record) -> list[Change]:
    """Compare mean test accuracies over seeds: a regression lies below the earlier interval."""
    means = []
    for record in (before, after):
        if not isinstance(record.data, CurvesData):
            return []
        found = [c.test.accuracy for c in record.data.curves if c.dtype == "float32" and c.test]
        given = [accuracy for accuracy in found if accuracy is not None]
        if not given:
            return []
        means.append(stats.mean_interval(given))
    old, new = means
    judgement: Judgement = "same"
    if old.estimate != new.estimate and math.isnan(old.low):
        judgement = "inconclusive"
    elif new.estimate < old.low:
        judgement = "regression"
    elif new.estimate > old.high:
        judgement = "improvement"
    return [Change(*_place(after.case), "test accuracy", old.estimate, new.estimate, judgement)]


def _times(before: RunStore, after: RunStore) -> list[Change]:
    """Compare times of contenders that passed parity in both runs; p-values are adjusted for being many."""
    old_records, new_records = before.records()[0], after.records()[0]
    allowed = tables.passed_parity(old_records) & tables.passed_parity(new_records)
    old = {record.case.id: record.data for record in old_records}
    found: list[_Time] = []
    for record in new_records:
        was, case = old.get(record.case.id), record.case
        place = (case.workload, case.device, case.track), case.contender
        if not isinstance(record.data, SpeedData) or not isinstance(was, SpeedData) or place not in allowed:
            continue
        timed_before = {samples.metric for samples in was.blocks[0].samples}
        for samples in record.data.blocks[0].samples:
            metric = samples.metric
            if metric in timed_before:
                ratio, p_value = stats.unpaired_ratio(record.data, was, metric)
                times = stats.seconds(was, metric), stats.seconds(record.data, metric)
                margin = max(record.data.margin, was.margin)
                found.append(_Time(case, f"{metric} ({samples.tier})", *times, ratio, p_value, margin))
    return _judged_times(found)


def _judged_times(found: list[_Time]) -> list[Change]:
    """Return a change for each time, with p-values adjusted for being many."""
    p_values = stats.adjusted([time.p_value for time in found])
    return [
        Change(
            *_place(time.case),
            time.what,
            time.before,
            time.after,
            _judged(time.ratio, p_value, time.margin),
            time.ratio,
            p_value,
        )
        for time, p_value in zip(found, p_values, strict=True)
    ]


def _judged(ratio: stats.Interval, p_value: float, margin: float) -> Judgement:
    verdict = stats.verdict(ratio, margin)
    if verdict in ("slower", "faster") and not p_value < SIGNIFICANT:
        return "inconclusive"
    meaning: dict[stats.Verdict, Judgement] = {
        "slower": "regression",
        "faster": "improvement",
        "same": "same",
        "inconclusive": "inconclusive",
    }
    return meaning[verdict]


def _place(case: Case) -> tuple[str, str, str, str]:
    return case.workload, case.contender, case.device, case.track
