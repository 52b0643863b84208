"""Speed: steady times, the start, and the time to a target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import stats, tables, units
from benchmarks.report.sections.section import Section, Table
from benchmarks.result import Measure, Record

if TYPE_CHECKING:
    import pandas as pd


def speed(records: Sequence[Record], reference: str) -> Section:
    """How long does each take?"""
    frame = tables.speed(records, reference)
    if not len(frame):
        return Section("speed", "Speed")
    found = []
    for (tier, threads, device), part in frame.groupby(["tier", "threads", "device"], sort=False):
        contenders = list(dict.fromkeys(part["contender"]))
        cells: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for row in part.itertuples():
            cells[row.workload, row.metric][row.contender] = _glance(row)
        rows = [
            [workload, metric, *(told.get(name, "no parity, no time") for name in contenders)]
            for (workload, metric), told in cells.items()
        ]
        title = f"Tier {tier}, threads {threads}, {device}"
        place = {"tier": tier, "threads": threads, "device": device}
        found.append(Table(title, ["workload", "metric", *contenders], rows, **place))
        details = [
            [
                row.workload,
                row.metric,
                row.contender,
                units.seconds(row.seconds),
                units.number(row.examples_per_second),
                units.ratio(stats.Interval(row.ratio, row.ratio_low, row.ratio_high, row.blocks)),
                row.verdict + (f": {row.doubts}" if row.doubts else ""),
                str(row.blocks),
            ]
            for row in part.itertuples()
        ]
        headers = ["workload", "metric", "contender", "time", "examples/s", "ratio", "verdict", "blocks"]
        ratios = f"{title}: ratios to {' or '.join(dict.fromkeys(part['reference']))}"
        found.append(Table(ratios, headers, details, detail=True, **place))
    text = [
        "Median time of one repetition and its ratio to the reference's, from interleaved blocks.",
        "? marks a ratio whose 95 % interval leaves open who is faster. Without parity there is no time.",
    ]
    return Section("speed", "Which is faster here?", text, found, ("parity", "speed"), relative=True)


def _glance(row: Any) -> str:
    if row.verdict == "reference":
        return units.seconds(row.seconds)
    mark = "?" if row.verdict == "inconclusive" else ""
    return f"{units.seconds(row.seconds)} ×{units.number(row.ratio)}{mark}"


def cold_start(records: Sequence[Record], reference: str) -> Section:
    """How long does a start take, and when has it paid off?"""
    frame = tables.cold_start(records, reference)
    if not len(frame):
        return Section("cold-start", "Cold start")
    stages = [column for column in frame.columns if column.endswith("_seconds")]
    rows = [
        [
            row["workload"],
            row["contender"],
            *(units.seconds(row[stage]) for stage in stages),
            units.number(row["break_even_steps"]) if row["break_even_steps"] else units.UNKNOWN,
        ]
        for row in frame.to_dict("records")
    ]
    headers = [stage.removesuffix("_seconds").replace("_", " ") for stage in stages]
    text = [
        "From an empty process to the first training step.",
        "Break-even: from how many steps on the contender, its start included, has taken less time.",
    ]
    found = [Table("Stages of a start", ["workload", "contender", *headers, "break-even steps"], rows)]
    ratios = tables.cold_start_ratios(records, reference)
    if len(ratios):
        text.append(_judged(ratios))
        found.append(_start_verdicts(ratios))
    pairs: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for each in tables.break_even(records).itertuples():
        pairs[each.workload][each.contender, each.other] = each.break_even_steps
    for workload, steps in pairs.items():
        names = list(dict.fromkeys(name for name, _ in steps))
        matrix = [
            [name, *(units.number(steps[name, other]) if name != other else units.UNKNOWN for other in names)]
            for name in names
        ]
        title = f"{workload}: steps after which the row has taken less time than the column"
        found.append(Table(title, ["", *names], matrix, detail=True))
    return Section("cold-start", "What does starting cost?", text, found, ("parity", "speed"), relative=True)


def _judged(ratios: pd.DataFrame) -> str:
    """Return on how many blocks the verdicts on starts rest."""
    blocks = ratios[ratios["stage"] == "start"]["blocks"]
    if blocks.max() == 1:
        return "The start until the build was measured in one block: without an interval it is not judged."
    return f"Verdicts on whole starts rest on {blocks.min()} to {blocks.max()} blocks."


def _start_verdicts(ratios: pd.DataFrame) -> Table:
    rows = [
        [
            row.workload,
            row.contender,
            row.stage.replace("_", " "),
            units.ratio(stats.Interval(row.ratio, row.ratio_low, row.ratio_high, row.blocks)),
            row.verdict + (f": {row.doubts}" if row.doubts else ""),
            str(row.blocks),
        ]
        for row in ratios.itertuples()
    ]
    title = f"Ratios of starts to {' or '.join(dict.fromkeys(ratios['reference']))}"
    return Table(title, ["workload", "contender", "stage", "ratio", "verdict", "blocks"], rows, detail=True)


def target(records: Sequence[Record]) -> Section:
    """How long until a training is good?"""
    frame = tables.time_to_target(records)
    if not len(frame):
        return Section("target", "Target")
    headers = ["workload", "contender", "validation accuracy", "trainings", "epochs", "time"]
    found = []
    for tier, part in frame.groupby("tier", sort=False):
        rows = [
            [
                row.workload,
                row.contender,
                units.percent(row.target_accuracy),
                f"{row.reached} of {row.seeds}",
                units.number(row.epochs),
                units.seconds(row.seconds) if row.reached * 2 > row.seeds else "never",
            ]
            for row in part.itertuples()
        ]
        found.append(Table(f"Tier {tier}", headers, rows, tier=tier))
    text = ["Start included; medians over seeds, and a training that never came there counts as infinite."]
    measures: tuple[Measure, ...] = ("parity", "curves", "speed")
    return Section("target", "How long until it is good?", text, found, measures)
