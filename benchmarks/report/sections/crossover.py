"""Who is fastest where: maps over grids of sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from benchmarks import tables, units
from benchmarks.report.sections.section import Section, Table
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
        batches = sorted(set(part["batch_size"]))
        networks = part.sort_values("parameters", kind="stable").drop_duplicates("network")
        winners, costs = [], []
        for network in networks["network"]:
            row = part[part["network"] == network]
            at = {batch: row[row["batch_size"] == batch] for batch in batches}
            winners.append([network, *(winner(at[batch]) for batch in batches)])
            for contender in dict.fromkeys(row["contender"]):
                times = {
                    each.batch_size: each.seconds_per_example
                    for each in row.itertuples()
                    if each.contender == contender
                }
                costs.append([network, contender, *(units.seconds(times.get(batch)) for batch in batches)])
        columns = [f"batch {batch}" for batch in batches]
        found.append(Table(f"{title}: who is fastest", ["network", *columns], winners))
        found += _overtaking(title, part)
        headers = ["network", "contender", *columns]
        found.append(Table(f"{title}: time for one example", headers, costs, detail=True))
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


def winner(point: pd.DataFrame) -> str:
    """Return who is fastest at a point, first, and whoever ties."""
    if not len(point):
        return units.UNKNOWN
    return " = ".join(point[point["wins"]].sort_values("seconds")["contender"])


def _overtaking(title: str, part: pd.DataFrame) -> Iterable[Table]:
    """Yield from where on each contender overtakes the reference, along batches and along networks."""
    told: dict[float, str] = {math.inf: "never"}
    told |= {each.parameters: each.network for each in part.itertuples()}
    reference = part.iloc[0]["reference"]
    if (batches := tables.overtaking(part, "batch_size")).size and part["batch_size"].nunique() > 1:
        yield _starts(f"{title}: batch from which on each overtakes {reference}", batches, units.number)
    if (networks := tables.overtaking(part, "parameters")).size and part["parameters"].nunique() > 1:
        yield _starts(
            f"{title}: network from which on each overtakes {reference}", networks, told.__getitem__
        )


def _starts(title: str, frame: pd.DataFrame, shown: Callable[[float], str]) -> Table:
    line, contenders = frame.columns[0], list(dict.fromkeys(frame["contender"]))
    rows = []
    for place, group in frame.groupby(line, sort=False):
        start = dict(zip(group["contender"], map(shown, group["start"]), strict=True))
        rows.append([str(place), *(start.get(name, units.UNKNOWN) for name in contenders)])
    return Table(title, [line.removesuffix("_size"), *contenders], rows)
