"""Who is fastest where: maps over grids of sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import tables, units
from benchmarks.report.sections.section import Cell, Section, Table
from benchmarks.result import Measure, Record

if TYPE_CHECKING:
    import pandas as pd


def crossover(records: Sequence[Record], reference: str) -> Section:
    """Who is fastest where?"""
    frame = tables.crossover(records, reference)
    if not len(frame):
        return Section("crossover", "Crossover")
    found = []
    for title, part in maps(frame):
        place = track(part)
        batches = sorted(set(part["batch_size"]))
        networks = part.sort_values("parameters", kind="stable").drop_duplicates("network")
        winners: list[list[str]] = []
        costs: list[list[str]] = []
        for network in networks["network"]:
            row = part[part["network"] == network]
            name = _line(network, row)
            at = {batch: row[row["batch_size"] == batch] for batch in batches}
            winners.append([name, *(winner(at[batch]) for batch in batches)])
            for contender in dict.fromkeys(row["contender"]):
                times = {
                    each.batch_size: Cell.of([_cost(each)])
                    for each in row.itertuples()
                    if each.contender == contender
                }
                costs.append([name, contender, *(times.get(batch, units.UNKNOWN) for batch in batches)])
        columns = [f"batch {batch}" for batch in batches]
        found.append(Table(f"{title}: who is fastest", ["network", *columns], winners, place=place))
        found += _overtaking(title, part, place)
        headers = ["network", "contender", *columns]
        found.append(Table(f"{title}: time for one example", headers, costs, detail=True, place=place))
    text = [
        "The fastest at each point, and with = whoever is not decidedly slower: the same, or inconclusive.",
        "A contender overtakes where it is decidedly faster at that point and at all beyond.",
    ]
    measures: tuple[Measure, ...] = ("parity", "speed", "limit")
    return Section("crossover", "Who is fastest where?", text, found, measures, relative=True)


def maps(frame: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    """Return the points of each map with its title: tiers and tracks never share one."""
    keys = ["experiment", "metric", "tier", "threads", "device"]
    for (experiment, metric, tier, threads, device), part in frame.groupby(keys, sort=False):
        yield f"{experiment}, {metric}, tier {tier}, threads {threads}, {device}", part


def track(part: pd.DataFrame) -> dict[str, str]:
    """Return what the points of a map share."""
    return {name: str(part.iloc[0][name]) for name in ("experiment", "tier", "threads", "device")}


def winner(point: pd.DataFrame) -> Cell:
    """Return who is fastest at a point, first, and whoever ties."""
    ahead = point[point["wins"]].sort_values("seconds") if len(point) else point
    return Cell.of(
        Cell(
            f" = {row.contender}" if number else row.contender,
            place={"workload": row.workload, "contender": row.contender},
        )
        for number, row in enumerate(ahead.itertuples())
    ) or Cell(units.UNKNOWN)


def _line(name: str, points: pd.DataFrame) -> Cell:
    """Return the name of a row of a map, which is about the workloads of all its points."""
    return Cell(name, place={"workload": tuple(dict.fromkeys(points["workload"]))})


def _cost(row: Any) -> Cell:
    return Cell(units.seconds(row.seconds_per_example), place={"workload": row.workload})


def _overtaking(title: str, part: pd.DataFrame, place: dict[str, str]) -> Iterable[Table]:
    """Yield from where on each contender overtakes the reference, along batches and along networks."""
    told: dict[float, str] = {math.inf: "never"}
    told |= {each.parameters: each.network for each in part.itertuples()}
    reference = part.iloc[0]["reference"]
    ways = (("batch", "batch_size", units.number), ("network", "parameters", told.__getitem__))
    for what, along, shown in ways:
        starts = tables.overtaking(part, along)
        if len(starts) and part[along].nunique() > 1:
            headers, rows = _starts(starts, shown, part)
            name = f"{title}: {what} from which on each overtakes"
            yield Table(f"{name} {reference}", headers, rows, place=place, key=name)


def _starts(
    frame: pd.DataFrame, shown: Callable[[float], str], part: pd.DataFrame
) -> tuple[list[str], list[list[str]]]:
    line, contenders = frame.columns[0], list(dict.fromkeys(frame["contender"]))
    rows = []
    for place, group in frame.groupby(line, sort=False):
        start = dict(zip(group["contender"], map(shown, group["start"]), strict=True))
        name = _line(str(place), part[part[line] == place])
        rows.append([name, *(start.get(each, units.UNKNOWN) for each in contenders)])
    return [line.removesuffix("_size"), *contenders], rows
