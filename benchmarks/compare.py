"""Two saved runs, or the two sides of one run: what got slower, faster, or wrong.

Two runs were not interleaved, so that machine noise between them is not cancelled: times are compared
unpaired, by Welch's test on per-block medians. Runs from different surroundings are refused, as their
difference would have more than one possible cause. The sides of one run took turns, and are compared block by
block.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal, get_args

from benchmarks import durations, soundness, stats, surroundings, tables, units
from benchmarks.result import (
    Case,
    CurvesData,
    ElementsData,
    Manifest,
    Measure,
    MemoryData,
    ParityData,
    Record,
    SpeedData,
)
from benchmarks.store import Damaged, RunStore, no_collection
from implementations.errors import VersusError

SIGNIFICANT = 0.05
"""Adjusted p-value below which a difference of time is not put down to chance."""
LEAST_STAGE_SECONDS = 1e-3
"""A stage of the start that takes less on both sides is not compared: nobody waits for it."""
LEAST_STARTS = 2
"""Starts of each side below which there is no interval: stages are left out, the start is inconclusive."""
MEMORY_MARGIN, MEMORY_BYTES = 0.1, 10**7
"""Peaks within a tenth, or 10 MB, of each other count as the same. Each is that of one process, without an
interval: allocators round up, and what a library's threads have touched differs from start to start."""

_SETTINGS = ("device", "threads", "convention", "seed")
_SPEED_SETTINGS = ("preset", "chunks", "chunk_seconds", "warm_up_steps", "warm_up_seconds", "freeze")
"""What decides what is timed; how often it is done may differ."""

PEAK_MEMORY = "peak memory"
COLD = "cold"
"""Stands in the place of a tier for the start and its stages."""
START = f"start ({COLD})"

Ratios = Callable[[Sequence[stats.Pair]], list[tuple[stats.Interval, float]]]
"""Pairs of times -> after ÷ before, and the p-value of it lying within the margin, of each."""
Judgement = Literal["regression", "improvement", "same", "inconclusive"]


class IncomparableRuns(VersusError):
    """Two runs whose difference would not mean anything."""


@dataclass(frozen=True)
class Change:
    """One thing that both runs have measured, or that only the earlier one could.

    Parameters
    ----------
    what
        `elements`, an element that agreed on one side only, `parity`, `diverged trainings`, `test accuracy`,
        `test loss` of a regression, a metric of speed with its tier,
        `start (cold)` or a stage of it, or `peak memory` with the stage in which it changed most;
        for a case that is lost, its measure.
    before, after
        Seconds, bytes, share of right answers, or 1 and 0 for parity that passed or not.
    ratio
        After ÷ before with interval, for times.
    why
        What became of a lost case, or the doubts because of which nothing is concluded.
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
    lost: bool = False
    why: str = ""

    @property
    def told(self) -> str:
        """The ratio, or what it was and is."""
        if self.ratio:
            return units.ratio(self.ratio)
        if self.what.startswith(PEAK_MEMORY):
            return f"{units.megabytes(self.before)} -> {units.megabytes(self.after)}"
        return f"{self.before:.4g} -> {self.after:.4g}"


@dataclass(frozen=True)
class Comparison:
    """All changes from one run to another."""

    before: str
    after: str
    differences: list[str]
    """What differs between the runs' surroundings; empty unless the comparison was forced."""
    changes: list[Change] = field(default_factory=list)
    timing: bool = False
    """Whether speed was among what was to be compared."""

    @property
    def exit_code(self) -> int:
        """0: no regression. 1: a regression. 2: nothing could be compared, or no time with an interval."""
        compared = [change for change in self.changes if not change.lost]
        if compared and any(change.judgement == "regression" for change in self.changes):
            return 1
        judged = any(change.ratio and math.isfinite(change.ratio.low) for change in compared)
        return 2 if not compared or (self.timing and not judged) else 0

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON tells."""
        return {**vars(self), "exit_code": self.exit_code}


@dataclass(frozen=True)
class _Time:
    """A time on both sides, before it is judged among the others."""

    case: Case
    timed: durations.Timed
    tier: str
    before: SpeedData
    after: SpeedData
    doubts: list[str]

    @property
    def what(self) -> str:
        return f"{self.timed} ({self.tier})"

    @property
    def margin(self) -> float:
        return max(self.before.margin, self.after.margin)


@no_collection()
def compare(before: RunStore, after: RunStore, *, force: bool = False) -> Comparison:
    """Compare two runs.

    Raises
    ------
    IncomparableRuns
        If machine, versions or the measurement's settings differ, or a run is not whole, and `force` is not
        given.
    """
    (old, old_damaged), (new, new_damaged) = (store.records() for store in (before, after))
    differences = [
        *_unfinished("before", before, old_damaged),
        *_unfinished("after", after, new_damaged),
        *surroundings.differences(*_facts((before.manifest, old), (after.manifest, new))),
    ]
    if differences and not force:
        raise IncomparableRuns(
            f"runs {before.manifest.run} and {after.manifest.run}",
            expected="two whole runs with the same machine, versions and settings",
            got="; ".join(differences),
            action="finish or repeat one of them, or compare with --force",
        )
    asked = _asked_for(after)
    wanted = [record for record in old if asked(record.case)]
    changes = _changes(wanted, new, stats.unpaired_ratios)
    return Comparison(before.manifest.run, after.manifest.run, differences, changes, _timing(wanted))


def compare_sides(store: RunStore) -> Comparison:
    """Compare the two sides of each contender in a run of `versus compare --rerun`, block by block."""
    sides: dict[str, list[Record]] = {"before": [], "after": []}
    for record in store.records()[0]:
        contender, _, side = record.case.contender.rpartition("@")
        case = record.case.model_copy(update={"contender": contender})
        sides[side].append(record.model_copy(update={"case": case}))
    changes = _changes(sides["before"], sides["after"], _paired)
    told = store.manifest.sides or {}
    names = [told[side]["what"] for side in ("before", "after")]
    return Comparison(names[0], names[1], [], changes, timing=True)


def _asked_for(store: RunStore) -> Callable[[Case], bool]:
    """Return a test of whether a run was to do a case: who asks for less loses nothing."""
    manifest = store.manifest
    workloads = {workload["name"] for workload in manifest.settings.get("workloads", [])} | {"elements"}
    measures = {*manifest.settings.get("measures", get_args(Measure)), "card"}
    contenders = {*manifest.contenders, *manifest.absent}
    return lambda case: (
        case.workload in workloads and case.measure in measures and case.contender in contenders
    )


def _unfinished(side: str, store: RunStore, damaged: Sequence[Damaged]) -> list[str]:
    """Return what of a run is missing: what it lost to nobody's fault must not pass for a regression."""
    outcome = store.manifest.outcome
    found = [] if outcome == "finished" else [f"the run {side} was not finished: {outcome}"]
    return found + [f"a record {side} cannot be read: {each.path.name}" for each in damaged]


def _timing(wanted: Sequence[Record]) -> bool:
    return any(isinstance(record.data, SpeedData) for record in wanted)


def _changes(before: Sequence[Record], after: Sequence[Record], ratios: Ratios) -> list[Change]:
    """Return what changed from one set of records to another; times are judged among each other."""
    new = {record.case.id: record for record in after}
    lost = [change for record in before for change in _lost(record, new.get(record.case.id))]
    pairs = [(record, new[record.case.id]) for record in before if record.case.id in new]
    changes = [
        change
        for pair in pairs
        for change in (*_elements(*pair), *_parity(*pair), *_learning(*pair), *_memory(*pair))
    ]
    timed = [_timed(records) for records in (before, after)]
    steady = [time for _, record in pairs for time in _times(record, timed)]
    starts = _starts((record for _, record in pairs), timed)
    # a family each, as in a report: many starts make it no harder for a step to be found slower
    return lost + changes + _judged(steady, ratios) + _by_stage(_judged(starts, ratios))


def _timed(records: Sequence[Record]) -> dict[tables.Key, dict[str, SpeedData]]:
    """Return the times of those that passed parity."""
    allowed, found = tables.passed_parity(records), defaultdict[tables.Key, dict[str, SpeedData]](dict)
    for record in records:
        case = record.case
        key = case.workload, case.device, case.track
        if isinstance(record.data, SpeedData) and record.data.blocks and (key, case.contender) in allowed:
            found[key][case.contender] = record.data
    return found


def _lost(before: Record, after: Record | None) -> list[Change]:
    """Return a regression if what was measured before no longer can be."""
    if before.status != "finished" or (after and after.status == "finished"):
        return []
    why = f"{after.status}: {after.reason}" if after else "no record"
    return [Change(*_place(before.case), before.case.measure, 1.0, 0.0, "regression", lost=True, why=why)]


def _facts(*runs: tuple[Manifest, Sequence[Record]]) -> list[dict[str, Any]]:
    """Return what two runs must have in common besides the code that was measured."""
    facts: list[dict[str, Any]] = []
    all_named = all("distributions" in manifest.environment for manifest, _ in runs)
    for manifest, records in runs:
        settings = manifest.settings
        speed = settings.get("speed") or {}
        facts.append(
            {
                **surroundings.deciding(manifest.environment),
                "suite": manifest.suite,
                "workload": {record.case.workload: record.spec for record in records},
                "setting": {name: settings.get(name) for name in _SETTINGS},
                "setting speed": {name: speed.get(name) for name in _SPEED_SETTINGS},
            }
        )
    # early manifests name some packages only: whether the others were there is not known
    for part in ("workload", *(() if all_named else ("packages",))):
        shared = facts[0][part].keys() & facts[1][part].keys()
        for side in facts:
            side[part] = {name: fact for name, fact in side[part].items() if name in shared}
    return facts


def _elements(before: Record, after: Record) -> list[Change]:
    """Return each element that agreed on one side only, or that all are as they were."""
    if not isinstance(before.data, ElementsData) or not isinstance(after.data, ElementsData):
        return []
    old, new = (
        {(each.kind, each.name, each.quantity, each.dtype): each.passed for each in data.agreements}
        for data in (before.data, after.data)
    )
    place = _place(after.case)
    changes = [
        Change(*place, " ".join(key), float(old[key]), float(new[key]), _turned(old[key], new[key]))
        for key in old
        if key in new and old[key] != new[key]
    ]
    if changes:
        return changes
    return [Change(*place, "elements", float(before.data.passed), float(after.data.passed), "same")]


def _turned(old: bool, new: bool) -> Judgement:
    return "same" if old == new else "improvement" if new else "regression"


def _parity(before: Record, after: Record) -> list[Change]:
    if not isinstance(before.data, ParityData) or not isinstance(after.data, ParityData):
        return []
    old, new = before.data.passed, after.data.passed
    return [Change(*_place(after.case), "parity", float(old), float(new), _turned(old, new))]


def _learning(before: Record, after: Record) -> list[Change]:
    """Compare how many trainings diverged, and of the others means over seeds on the test part.

    Accuracies, or losses where the task has none. A regression lies beyond the earlier interval.
    """
    if not isinstance(before.data, CurvesData) or not isinstance(after.data, CurvesData):
        return []
    place, sides = _place(after.case), (before.data.curves, after.data.curves)
    changes = []
    old, new = (sum(curve.diverged for curve in curves) for curves in sides)
    if old != new:
        said: Judgement = "regression" if new > old else "improvement"
        changes.append(Change(*place, "diverged trainings", float(old), float(new), said))
    tests = [[c.test for c in curves if c.dtype == "float32" and c.test] for curves in sides]
    if not all(tests):
        return changes
    accuracies = [[test.accuracy for test in side if test.accuracy is not None] for side in tests]
    classified = all(accuracies)
    earlier, later = (
        stats.mean_interval(values)
        for values in (accuracies if classified else [[test.loss for test in side] for side in tests])
    )
    judgement: Judgement = "same"
    if not math.isfinite(later.estimate):
        judgement = "regression" if math.isfinite(earlier.estimate) else "same"
    elif earlier.estimate != later.estimate and math.isnan(earlier.low):
        judgement = "inconclusive"
    elif later.estimate < earlier.low:
        judgement = "regression" if classified else "improvement"
    elif later.estimate > earlier.high:
        judgement = "improvement" if classified else "regression"
    what = "test accuracy" if classified else "test loss"
    return [*changes, Change(*place, what, earlier.estimate, later.estimate, judgement)]


def _memory(before: Record, after: Record) -> list[Change]:
    """Compare the peaks of all stages by the one that grew most, or else shrank most."""
    old, new = _peaks(before), _peaks(after)
    grown = {stage: new[stage] / old[stage] for stage in old if stage in new and old[stage] > 0}
    if not grown:
        return []
    counted = {stage: ratio for stage, ratio in grown.items() if abs(new[stage] - old[stage]) > MEMORY_BYTES}
    most = max(counted or grown, key=grown.__getitem__)
    least = min(counted or grown, key=grown.__getitem__)
    stage = most
    judgement: Judgement = "same"
    if counted and grown[most] > 1 + MEMORY_MARGIN:
        judgement = "regression"
    elif counted and grown[least] < 1 / (1 + MEMORY_MARGIN):
        stage, judgement = least, "improvement"
    return [Change(*_place(after.case), f"{PEAK_MEMORY} ({stage})", old[stage], new[stage], judgement)]


def _peaks(record: Record) -> dict[str, int]:
    """Return a case's peak of memory by stage, that of the process and on a GPU."""
    if not isinstance(record.data, MemoryData):
        return {}
    peaks = {str(stage): peak for stage, peak in record.data.peak_bytes.items()}
    for stage, peak in (record.data.device_peak_bytes or {}).items():
        peaks[f"{stage} on GPU"] = peak
    if record.data.device_process_bytes:
        peaks["process on GPU"] = record.data.device_process_bytes
    return peaks


def _both(
    case: Case, timed: Sequence[Mapping[tables.Key, dict[str, SpeedData]]]
) -> tuple[SpeedData, SpeedData] | None:
    """Return the contender's times of both sides, if it passed parity on both."""
    sides = [side.get((case.workload, case.device, case.track), {}) for side in timed]
    if case.measure != "speed" or not all(case.contender in side for side in sides):
        return None
    old, new = (side[case.contender] for side in sides)
    return old, new


def _starts(
    records: Iterable[Record], timed: Sequence[Mapping[tables.Key, dict[str, SpeedData]]]
) -> list[_Time]:
    """Return the times of each whole start and of its stages, where both sides tell the same stages apart.

    Each once: one worker serves all workloads, and what it took to have it is in the records of each.
    """
    found: dict[tuple[Any, ...], _Time] = {}
    for record in records:
        both = _both(record.case, timed)
        if both is None:
            continue
        old, new = (_start_seconds(data) for data in both)
        doubts = [
            f"{name}: {doubt}"
            for name, data in zip(("before", "after"), both, strict=True)
            for doubt in soundness.problems(data)
        ]
        _, *place = _place(record.case)
        for part in (part for part in old if part == "start" or old.keys() == new.keys()):
            times = old[part], new.get(part, [])
            enough = min(map(len, times)) >= (1 if part == "start" else LEAST_STARTS)
            if enough and max(map(median, times)) >= LEAST_STAGE_SECONDS:
                found.setdefault(
                    (*place, part, *times[0], *times[1]), _Time(record.case, part, COLD, *both, doubts)
                )
    return list(found.values())


def _start_seconds(data: SpeedData) -> dict[durations.Timed, list[float]]:
    """Return by block what each stage of the start took, and the whole of it where it was measured."""
    found = defaultdict[durations.Timed, list[float]](list)
    for block in data.blocks:
        for stage, seconds in block.stages.items():
            found[stage].append(seconds)
        if durations.measured(block, "start"):
            found["start"].append(durations.block_seconds(block, "start"))
    return found


def _by_stage(starts: Sequence[Change]) -> list[Change]:
    """Leave out each whole start for whose change a stage accounts, which says more."""

    def key(change: Change) -> tuple[str, ...]:
        return change.contender, change.device, change.threads, change.judgement

    accounted = {key(change) for change in starts if change.what != START}
    return [
        change
        for change in starts
        if change.what != START
        or change.judgement in ("same", "inconclusive")
        or key(change) not in accounted
    ]


def _times(record: Record, timed: Sequence[Mapping[tables.Key, dict[str, SpeedData]]]) -> list[_Time]:
    """Return each metric's times, if the contender passed parity on both sides."""
    case, both = record.case, _both(record.case, timed)
    if both is None:
        return []
    old, new = both
    sides = [side[case.workload, case.device, case.track] for side in timed]
    references = [side[tables.reference_of(side)] for side in sides]
    known = {samples.metric for samples in old.blocks[0].samples}
    found = []
    for samples in new.blocks[0].samples:
        if samples.metric in known:
            doubts = [
                f"{name}: {doubt}"
                for name, data, reference in zip(("before", "after"), (old, new), references, strict=True)
                for doubt in soundness.doubts(data, reference, samples.metric)
            ]
            found.append(_Time(case, samples.metric, samples.tier, old, new, doubts))
    return found


def _paired(pairs: Sequence[stats.Pair]) -> list[tuple[stats.Interval, float]]:
    ratios = [stats.paired_ratio(*pair) for pair in pairs]
    return [
        (ratio, stats.margin_p_value(ratio, max(after.margin, before.margin)))
        for ratio, (after, before, _) in zip(ratios, pairs, strict=True)
    ]


def _judged(times: Sequence[_Time], ratios: Ratios) -> list[Change]:
    """Return a change for each time, with p-values adjusted for being many."""
    found = ratios([(time.after, time.before, time.timed) for time in times])
    p_values = stats.adjusted([p_value for _, p_value in found])
    return [
        Change(
            *_place(time.case),
            time.what,
            durations.seconds(time.before, time.timed),
            durations.seconds(time.after, time.timed),
            _judgement(time, ratio, p_value),
            ratio,
            p_value,
            why="; ".join(time.doubts),
        )
        for time, (ratio, _), p_value in zip(times, found, p_values, strict=True)
    ]


def _judgement(time: _Time, ratio: stats.Interval, p_value: float) -> Judgement:
    verdict = stats.verdict(ratio, time.margin)
    if time.doubts or (verdict in ("slower", "faster") and not p_value < SIGNIFICANT):
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
