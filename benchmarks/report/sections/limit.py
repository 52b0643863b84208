"""The limit of the machine, and where the time of a step goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks import tables, units
from benchmarks.report.sections.section import Section, Table, shared, varying
from benchmarks.result import Measure, Record

if TYPE_CHECKING:
    import pandas as pd


def limit(records: Sequence[Record]) -> Section:
    """How near to the limit of the machine is a step?"""
    frame = tables.limit(records)
    if not len(frame):
        return Section("limit", "Limit")
    found, shares = [], tables.limit_shares(records)
    for (metric, tier, threads, device), part in (
        shares.groupby(["metric", "tier", "threads", "device"], sort=False) if len(shares) else ()
    ):
        contenders = list(dict.fromkeys(part["contender"]))
        rows = []
        for workload, group in part.groupby("workload", sort=False):
            cells = {row.contender: units.percent(row.share) for row in group.itertuples()}
            first = group.iloc[0]
            rows.append(
                [
                    str(workload),
                    first["network"],
                    str(first["batch_size"]),
                    units.seconds(first["products_seconds"]),
                    *(cells.get(name, units.UNKNOWN) for name in contenders),
                ]
            )
        headers = ["workload", "network", "batch", "products alone", *contenders]
        title = f"Tier {tier}, threads {threads}, {device}: {metric}, share of the limit"
        place = {"tier": tier, "threads": threads, "device": device}
        found.append(Table(title, headers, rows, place=place))
    places = _places(frame)
    details = [
        [
            *row[places],
            row["dtype"],
            units.quantity(row["flops"], "FLOP"),
            units.quantity(row["least_bytes"], "B"),
            *(
                units.quantity(row.get(name), unit)
                for name, unit in (
                    ("own_rate", "FLOP/s"),
                    ("square_rate", "FLOP/s"),
                    ("bandwidth", "B/s"),
                )
            ),
            units.seconds(row.get("call_seconds")),
            units.seconds(row.get("roof_seconds")),
        ]
        for _, row in frame.iterrows()
    ]
    headers = [
        *places,
        "dtype",
        "a step's products",
        "bytes at least",
        "rate at these shapes",
        "rate of large squares",
        "copying",
        "a call",
        "roofline",
    ]
    title = "What this machine reaches"
    found.append(Table(title, headers, details, detail=True, place=shared(frame), measures=("limit",)))
    text = [
        "Share of the limit: seconds of matrix products alone, in NumPy on this track, ÷ those of the step.",
        "Of an epoch's steps the batches are gathered besides.",
        "Above 100 % are steps whose products are faster than NumPy's.",
        "The products were timed after the steps and not in turns with them: no interval.",
        *dict.fromkeys(f"Note: {reason}." for reason in frame["not_calibrated"] if isinstance(reason, str)),
    ]
    return Section("limit", "How near to the limit?", text, found, ("parity", "speed", "limit"))


def profile(records: Sequence[Record]) -> Section:
    """Where does a step's time go?"""
    frame = tables.profile(records)
    if not len(frame):
        return Section("profile", "Profile")
    found = []
    for (threads, device), part in frame.groupby(["threads", "device"], sort=False):
        rows = [
            [
                row.workload,
                row.contender,
                units.number(row.python_calls),
                units.number(row.c_calls),
                units.number(row.operations),
                *map(
                    units.percent,
                    (row.limit_share, row.product_share, row.copy_share, row.other_share, row.between_share),
                ),
            ]
            for row in part.itertuples()
        ]
        headers = [
            "workload",
            "contender",
            "Python calls",
            "C calls",
            "operations",
            "limit",
            "products",
            "copies",
            "other operations",
            "between them",
        ]
        title = f"Threads {threads}, {device}: a training step"
        found.append(Table(title, headers, rows, place={"threads": threads, "device": device}))
    parts = tables.profile_parts(records)
    places = [*_places(parts), "contender"]
    longest = [
        [
            *place,
            ", ".join(
                f"{row.name} ({units.percent(row.share)})" for row in group.head(3).itertuples(index=False)
            ),
        ]
        for place, group in parts[parts["what"] == "function"].groupby(places, sort=False)
    ]
    headers, where = [*places, "functions"], shared(parts)
    title = "Functions that take most time themselves"
    found.append(Table(title, headers, longest, place=where, measures=("profile",)))
    details = [
        [
            *(getattr(row, name) for name in places),
            row.what,
            row.name,
            units.number(row.calls),
            units.seconds(row.seconds),
            units.percent(row.share),
        ]
        for row in parts.itertuples(index=False)
    ]
    headers = [*places, "what", "name", "calls", "own time", "share"]
    title = "Functions and operations"
    found.append(Table(title, headers, details, detail=True, place=where, measures=("profile",)))
    text = [
        "From processes that were not timed. cProfile sees Python's functions and built-in ones, not ufuncs.",
        "Operations: NumPy's recorded calls, torch's operators, XLA's operations, TensorFlow's kernels.",
        "Their shares are of a step that is watched, and – stands where none were counted, as on a GPU.",
        "Limit: the share of the step, not watched, that its matrix products would take alone in NumPy.",
    ]
    measures: tuple[Measure, ...] = ("parity", "speed", "limit", "profile")
    return Section("profile", "Where does a step's time go?", text, found, measures)


def _places(frame: pd.DataFrame) -> list[str]:
    """Return the columns that say where a row belongs: the device only if there are several."""
    return ["workload", "threads", *(name for name in varying(frame) if name != "threads")]
