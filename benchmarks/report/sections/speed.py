"""Speed: steady times, the start, and the time to a target."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import durations, stats, tables, units
from benchmarks.report.sections.section import Section, Table, shared, varying
from benchmarks.result import Measure, Record

if TYPE_CHECKING:
    import pandas as pd


def speed(records: Sequence[Record], reference: str) -> Section:
    """How long does each take?"""
    frame = tables.speed(records, reference)
    if not len(frame):
        return Section("speed", "Speed")
    found, allowed = [], tables.passed_parity(records)
    for (tier, threads, device), part in frame.groupby(["tier", "threads", "device"], sort=False):
        contenders = list(dict.fromkeys(part["contender"]))
        cells: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        for row in part.itertuples():
            cells[row.workload, row.metric][row.contender] = _glance(row)
        rows = [
            [
                workload,
                metric,
                *(
                    told.get(
                        name,
                        units.UNKNOWN
                        if ((workload, device, threads), name) in allowed
                        else "no parity, no time",
                    )
                    for name in contenders
                ),
            ]
            for (workload, metric), told in cells.items()
        ]
        title = f"Tier {tier}, threads {threads}, {device}"
        place = {"tier": tier, "threads": threads, "device": device}
        found.append(Table(title, ["workload", "metric", *contenders], rows, place=place))
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
        found.append(Table(ratios, headers, details, detail=True, place=place, key=f"{title}: ratios"))
    text = [
        f"Median time of one repetition and its ratio to the reference's{_pairing(frame)}.",
        "? marks a ratio whose 95 % interval leaves open who is faster. Without parity there is no time.",
    ]
    return Section("speed", "Which is faster here?", text, found, ("parity", "speed"), relative=True)


def _pairing(frame: pd.DataFrame) -> str:
    """Return what times and ratios rest on."""
    fewest, most = frame["blocks"].min(), frame["blocks"].max()
    count = f"{most} block{'s' if most > 1 else ''}" if fewest == most else f"{fewest} to {most} blocks"
    return f", from {count} of fresh processes"


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
    places = ["workload", *varying(frame), "contender"]
    rows = [
        [
            *(row[name] for name in places),
            *(units.seconds(row[stage]) for stage in stages),
            units.number(row["warm_up_steps"]),
            units.number(row["break_even_steps"]),
        ]
        for row in frame.to_dict("records")
    ]
    headers = [stage.removesuffix("_seconds").replace("_", " ") for stage in stages]
    text = [
        "From an empty process to the steady training step, which is repeated from then on.",
        "The warm-up is the harness's: as many steps as it took, times the median of one meanwhile.",
        "Break-even: from how many steps on the contender, its start included, has taken less time.",
    ]
    own = [name for stage in durations.OF_A_WORKLOAD if (name := f"{stage}_seconds") in stages]
    if frame[own].isna().any(axis=None):
        text.append("No build or first step: the workload was never the first one that its worker served.")
    headers = [*places, *headers, "warm-up steps", "break-even steps"]
    found = [Table("From import to the steady step", headers, rows, place=shared(frame), key="stages")]
    ratios = tables.cold_start_ratios(records, reference)
    if len(ratios):
        text.append(_judged(ratios))
        found.append(_start_verdicts(ratios))
    pairs: dict[tuple[str, ...], dict[tuple[str, str], float | None]] = defaultdict(dict)
    break_even = tables.break_even(records)
    for each in break_even.itertuples():
        pairs[each.workload, each.threads, each.device][each.contender, each.other] = each.break_even_steps
    for (workload, threads, device), steps in pairs.items():
        names = list(dict.fromkeys(name for name, _ in steps))
        matrix = [
            [name, *(units.number(steps[name, other]) if name != other else units.UNKNOWN for other in names)]
            for name in names
        ]
        where = f", threads {threads}, {device}" if varying(break_even) else ""
        title = f"{workload}{where}: steps after which the row has taken less time than the column"
        place = {"workload": workload, "threads": threads, "device": device}
        found.append(Table(title, ["contender", *names], matrix, detail=True, place=place))
    return Section("cold-start", "What does starting cost?", text, found, ("parity", "speed"), relative=True)


def _judged(ratios: pd.DataFrame) -> str:
    """Return on how many blocks the verdicts on starts rest."""
    blocks = ratios[ratios["stage"] == "start"]["blocks"]
    if not len(blocks):
        return "No whole start was measured."
    if blocks.max() == 1:
        return "The start until the build was measured in one block: without an interval it is not judged."
    return f"Verdicts on whole starts rest on {blocks.min()} to {blocks.max()} blocks."


def _start_verdicts(ratios: pd.DataFrame) -> Table:
    places = ["workload", *varying(ratios), "contender"]
    rows = [
        [
            *(getattr(row, name) for name in places),
            row.stage.replace("_", " "),
            units.ratio(stats.Interval(row.ratio, row.ratio_low, row.ratio_high, row.blocks)),
            row.verdict + (f": {row.doubts}" if row.doubts else ""),
            str(row.blocks),
        ]
        for row in ratios.itertuples()
    ]
    title = f"Ratios of starts to {' or '.join(dict.fromkeys(ratios['reference']))}"
    headers = [*places, "stage", "ratio", "verdict", "blocks"]
    place = {"tier": tables.START_TIER, **shared(ratios)}
    return Table(title, headers, rows, detail=True, place=place, key="ratios of starts")


def target(records: Sequence[Record]) -> Section:
    """How long until a training is good?"""
    frame = tables.time_to_target(records)
    if not len(frame):
        return Section("target", "Target")
    places = ["workload", *varying(frame), "contender"]
    headers = [*places, "validation accuracy", "trainings", "epochs", "time"]
    found = []
    for tier, part in frame.groupby("tier", sort=False):
        rows = [
            [
                *(getattr(row, name) for name in places),
                units.percent(row.target_accuracy),
                f"{row.reached} of {row.seeds}",
                units.number(row.epochs),
                units.seconds(row.seconds) if row.reached * 2 > row.seeds else "never",
            ]
            for row in part.itertuples()
        ]
        found.append(Table(f"Tier {tier}", headers, rows, place={"tier": tier, **shared(frame)}))
    text = ["Start included; medians over seeds, and a training that never came there counts as infinite."]
    measures: tuple[Measure, ...] = ("parity", "curves", "speed")
    return Section("target", "How long until it is good?", text, found, measures)
