"""Parity: elements, trainings and the semantics card."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import tables, units
from benchmarks.report.sections.section import Section, Table
from benchmarks.result import CardData, Record

if TYPE_CHECKING:
    import pandas as pd


def parity(records: Sequence[Record]) -> Section:
    """Do whole trainings compute the same?"""
    frame = tables.parity(records)
    if not len(frame):
        return Section("parity", "Parity")
    contenders = list(dict.fromkeys(frame["contender"]))
    drifts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in frame.itertuples():
        drifts[row.workload][row.contender].append(_drift(row))
    rows = [
        [workload, *(" | ".join(found[contender]) or units.UNKNOWN for contender in contenders)]
        for workload, found in drifts.items()
    ]
    text = [
        "Largest relative distance from the same training in float64 NumPy, in float64 | float32.",
        "Initial parameters and batches are the same, and the trainings are compared step by step.",
        "Noise is how far NumPy drifts from itself by meaningless changes, at the step of the worst ratio.",
        "About 1 is parity; above 5 is semantic, which means another computation.",
    ]
    notes = dict.fromkeys(note for note in frame["notes"] if note)
    known = dict.fromkeys(
        f"{row.contender}, {row.dtype}: {row.known_deviation}"
        for row in frame.itertuples()
        if isinstance(row.known_deviation, str)
    )
    return Section(
        "parity",
        "Do they compute the same?",
        [*text, *(f"Note: {note}." for note in notes), *(f"* Known deviation of {each}." for each in known)],
        [Table("Trainings", ["workload", *contenders], rows), *_pairs(records)],
        ("parity",),
    )


def _pairs(records: Sequence[Record]) -> list[Table]:
    frame = tables.pairs(records)
    if not len(frame):
        return []
    found: dict[tuple[str, str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in frame.itertuples():
        found[row.workload, row.contender, row.other][row.dtype].append(_apart(row))
    rows = [
        [
            workload,
            f"{contender} – {other}",
            *(" ".join(told[dtype]) or units.UNKNOWN for dtype in ("float64", "float32")),
        ]
        for (workload, contender, other), told in found.items()
    ]
    title = "Largest distance between two contenders, estimated to about a fifth from sums in their records"
    return [Table(title, ["workload", "pair", "float64", "float32"], rows, detail=True)]


def _apart(row: Any) -> str:
    return units.scientific(row.largest_distance) + _multiple(
        row.noise_ratio, row.noise_ratio_step, row.noise_verdict
    )


def _multiple(ratio: float | None, step: float | None, verdict: str | None) -> str:
    """Return a multiple of the noise in brackets; early records do not know its step, and have no verdict."""
    if ratio is None or ratio != ratio:
        return ""
    where = f" at step {step:.0f}, {verdict}" if isinstance(verdict, str) else ""
    return f" ({units.number(ratio)}× noise{where})"


def _drift(row: Any) -> str:
    worst = max(row.largest_loss_drift, row.largest_parameter_drift)
    if not row.passed:
        tensor = f" in {row.first_departure_tensor}" if row.first_departure_tensor else ""
        return f"FAILED at step {row.first_departure_step:.0f}{tensor} ({units.scientific(worst)})"
    told = units.scientific(worst) + ("*" if isinstance(row.known_deviation, str) else "")
    return told + _multiple(row.noise_ratio, row.noise_ratio_step, row.noise_verdict)


def elements(records: Sequence[Record]) -> Section:
    """Is each element the same?"""
    frame = tables.elements(records)
    if not len(frame):
        return Section("elements", "Elements")
    frame = frame.assign(known=frame["deviation"].notna())
    rows = []
    kinds = {
        "activation": "activations",
        "loss": "losses",
        "optimizer": "optimizers",
        "layer": "layers",
        "metric": "metrics",
        "product": "products",
    }
    for contender, group in frame.groupby("contender", sort=False):
        cells = [str(contender)]
        for kind in kinds:
            part = group[group["kind"] == kind]
            exact = int((part["passed"] & ~part["known"]).sum())
            known = int(part["known"].sum())
            told = f"{exact} of {len(part)}" + (f", {known} known deviations" if known else "")
            failed = len(part) - exact - known
            cells.append(told + (f", {failed} FAILED" if failed else ""))
        rows.append(cells)
    details = [
        [
            row.contender,
            row.name,
            row.quantity,
            row.dtype,
            units.scientific(row.median),
            units.scientific(row.error) if row.error != math.inf else "not finite",
            units.scientific(row.tolerance),
            _point(row.worst_input),
            _point(row.bad_from),
            units.UNKNOWN if row.bad_step is None or row.bad_step != row.bad_step else f"{row.bad_step:.0f}",
            row.special or units.UNKNOWN,
            _outcome(row.passed, row.deviation),
        ]
        for row in frame.itertuples(index=False)
    ]
    headers = [
        "contender",
        "element",
        "quantity",
        "dtype",
        "median",
        "largest error",
        "tolerance",
        "worst at",
        "first bad point",
        "first bad step",
        "at special points",
        "outcome",
    ]
    found = [
        Table("Elements that are the same", ["contender", *kinds.values()], rows),
        _matrix(frame),
        Table(EVERY_ELEMENT, headers, details, detail=True),
    ]
    text = [
        "Values and derivatives of every element, compared with exact results.",
        "Errors count in units in the last place; steps in roundings of the way; products in 2 sqrt(k) u.",
        "A result is bad where its relative error is above 0.001. Derivatives at NaN are told, not judged.",
        *(
            f"FAILED in {contender}: {', '.join(dict.fromkeys(group['name']))}."
            for contender, group in frame[~frame["passed"]].groupby("contender", sort=False)
        ),
    ]
    return Section("elements", "Is each element the same?", text, found, ("elements",))


EVERY_ELEMENT = "Every element"

MATRIX = "Elements by contender: the worst error of value and derivative, in tolerances"


def _matrix(frame: pd.DataFrame) -> Table:
    """Return elements × contenders: whether each is the same, and the worst error in tolerances."""
    contenders = list(dict.fromkeys(frame["contender"]))
    rows = []
    for (kind, name), group in frame.groupby(["kind", "name"], sort=False):
        cells = {contender: _worst(found) for contender, found in group.groupby("contender", sort=False)}
        rows.append([str(kind), str(name), *(cells.get(each, units.UNKNOWN) for each in contenders)])
    return Table(MATRIX, ["kind", "element", *contenders], rows, detail=True)


def _worst(found: pd.DataFrame) -> str:
    shares = [
        row.error / row.tolerance if row.tolerance else math.inf * row.error
        for row in found.itertuples()
        if row.error
    ]
    worst = max(shares, key=lambda share: math.inf if math.isnan(share) else share, default=0.0)
    told = f"{worst:.2g}" if math.isfinite(worst) else "not finite"
    if not found["passed"].all():
        return f"FAILED {told}"
    return f"known deviation {told}" if found["known"].any() else told


def _outcome(passed: bool, deviation: object) -> str:
    if not passed:
        return "FAILED"
    return f"known deviation: {deviation}" if isinstance(deviation, str) else "within tolerance"


def _point(value: float | None) -> str:
    return units.UNKNOWN if value is None or value != value else f"{value:.4g}"


def card(records: Sequence[Record]) -> Section:
    """What does each contender mean by the names?"""
    cards = {
        record.case.contender: record.data.facts for record in records if isinstance(record.data, CardData)
    }
    asked = dict.fromkeys(what for facts in cards.values() for what in facts)
    rows = [[what, *(facts.get(what, units.UNKNOWN) for facts in cards.values())] for what in asked]
    text = ["Found by trying each contender in its own convention, and by reading its library's defaults."]
    if not rows:
        return Section("card", "Semantics card")
    found = [Table("Semantics card", ["what", *cards], rows, detail=True)]
    return Section("card", "What does each mean by the names?", text, found, ("card",))
