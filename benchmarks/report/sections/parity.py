"""Parity: elements, trainings and the semantics card."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import tables, units
from benchmarks.report.sections.section import Cell, Outcome, Section, Table, shared, varying
from benchmarks.result import CardData, Record
from benchmarks.tables.rows import grouped

if TYPE_CHECKING:
    import pandas as pd


def parity(records: Sequence[Record]) -> Section:
    """Do whole trainings compute the same?"""
    frame = tables.parity(records)
    if not len(frame):
        return Section("parity", "Parity")
    contenders, places = list(dict.fromkeys(frame["contender"])), ["workload", *varying(frame)]
    found: dict[tuple[Any, ...], dict[str, Cell]] = defaultdict(dict)
    for (*place, contender), own in grouped(frame, [*places, "contender"]).items():
        found[tuple(place)][contender] = _drifts(own)
    rows = [
        [*place, *(cells.get(contender, units.UNKNOWN) for contender in contenders)]
        for place, cells in found.items()
    ]
    text = [
        "Largest relative distance from the same training in float64 NumPy, in float64 | float32.",
        "Initial parameters and batches are the same, and the trainings are compared step by step.",
        "Noise is how far NumPy drifts from itself by meaningless changes, at the step of the worst ratio.",
        "About 1 is parity; above 5 is semantic, which means another computation.",
    ]
    notes: dict[str, dict[str, None]] = defaultdict(dict)
    for row in frame.itertuples():
        if row.notes:
            notes[row.notes][row.workload] = None
    known = dict.fromkeys(
        f"{row.contender}, {row.dtype}: {row.known_deviation}"
        for row in frame.itertuples()
        if isinstance(row.known_deviation, str)
    )
    return Section(
        "parity",
        "Do they compute the same?",
        [*text, *_notes(notes), *(f"* Known deviation of {each}." for each in known)],
        [Table("Trainings", [*places, *contenders], rows, place=shared(frame)), *_pairs(records)],
        ("parity",),
    )


def _notes(notes: Mapping[str, Iterable[str]]) -> list[str]:
    """Return each note once, with the workloads that it is about."""
    return [f"Note on {', '.join(workloads)}: {note}." for note, workloads in notes.items()]


def _pairs(records: Sequence[Record]) -> list[Table]:
    frame = tables.pairs(records)
    if not len(frame):
        return []
    places = ["workload", *varying(frame)]
    rows = []
    for (*place, contender, other), group in grouped(frame, [*places, "contender", "other"]).items():
        told = {row.dtype: _apart(row) for row in group}
        pair = Cell(f"{contender} – {other}", place={"contender": (contender, other)})
        rows.append([*place, pair, *(told.get(dtype, units.UNKNOWN) for dtype in ("float64", "float32"))])
    title = "Largest distance between two contenders, estimated to about a fifth from sums in their records"
    headers = [*places, "pair", "float64", "float32"]
    return [Table(title, headers, rows, detail=True, place=shared(frame))]


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


def _drifts(rows: Sequence[Any]) -> Cell:
    """Return a contender's trainings on one workload, sorted by the worst drift in tolerances."""
    passed = all(row.passed for row in rows)
    known = any(isinstance(row.known_deviation, str) for row in rows)
    return Cell(
        " | ".join(map(_drift, rows)),
        order=(float(not passed), max(_share(_worst_drift(row), row.tolerance) for row in rows)),
        outcome=_outcome(passed, known),
    )


def _worst_drift(row: Any) -> float:
    drift: float = max(row.largest_loss_drift, row.largest_parameter_drift)
    return drift


def _drift(row: Any) -> str:
    worst = _worst_drift(row)
    if not row.passed:
        tensor = f" in {row.first_departure_tensor}" if row.first_departure_tensor else ""
        step = row.first_departure_step
        where = "" if step is None or math.isnan(step) else f" at step {step:.0f}"
        return f"FAILED{where}{tensor} ({units.scientific(worst)})"
    told = units.scientific(worst) + ("*" if isinstance(row.known_deviation, str) else "")
    return told + _multiple(row.noise_ratio, row.noise_ratio_step, row.noise_verdict)


def _share(error: float, tolerance: float) -> float:
    """Return an error in tolerances: infinite where it is none, or where none is allowed."""
    if not error:
        return 0.0
    return error / tolerance if tolerance and math.isfinite(error) else math.inf


def _judged(elements: pd.DataFrame) -> tuple[bool, bool]:
    """Return whether all have passed, and whether some by a known deviation only."""
    return bool(elements["passed"].all()), bool(elements["deviation"].notna().any())


def _outcome(passed: bool, known: bool) -> Outcome:
    if not passed:
        return "failed"
    return "known deviation" if known else ""


def elements(records: Sequence[Record]) -> Section:
    """Is each element the same?"""
    frame = tables.elements(records)
    if not len(frame):
        return Section("elements", "Elements")
    frame = frame.assign(
        known=frame["deviation"].notna(),
        share=[_share(*each) for each in zip(frame["error"], frame["tolerance"], strict=True)],
    )
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
        cells: list[str] = [str(contender)]
        for kind in kinds:
            part = group[group["kind"] == kind]
            exact = int((part["passed"] & ~part["known"]).sum())
            known = int((part["passed"] & part["known"]).sum())
            failed = int((~part["passed"]).sum())
            told = f"{exact} of {len(part)}" + (f", {known} known deviations" if known else "")
            told += f", {failed} FAILED" if failed else ""
            cells.append(Cell(told, order=(float(exact),), outcome=_outcome(*_judged(part))))
        rows.append(cells)
    details = [
        [
            row.contender,
            row.name,
            row.quantity,
            row.dtype,
            units.scientific(row.median),
            Cell(units.scientific(row.error) if math.isfinite(row.error) else "not finite", (row.error,)),
            units.scientific(row.tolerance),
            _point(row.worst_input),
            _point(row.bad_from),
            units.UNKNOWN if row.bad_step is None or row.bad_step != row.bad_step else f"{row.bad_step:.0f}",
            row.special or units.UNKNOWN,
            _judgement(row.passed, row.deviation, row.share),
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
    return Table(MATRIX, ["kind", "element", *contenders], rows, detail=True, unfolded=True)


def _worst(found: pd.DataFrame) -> Cell:
    """Return the worst of an element's errors in a contender; what failed comes after all that did not."""
    worst = float(found["share"].max())
    told = f"{worst:.2g}" if math.isfinite(worst) else "not finite"
    outcome = _outcome(*_judged(found))
    words = {"": told, "failed": f"FAILED {told}", "known deviation": f"known deviation {told}"}
    return Cell(words[outcome], order=(float(outcome == "failed"), worst), outcome=outcome)


def _judgement(passed: bool, deviation: object, share: float) -> Cell:
    order = float(not passed), share
    if not passed:
        return Cell("FAILED", order, "failed")
    if isinstance(deviation, str):
        return Cell(f"known deviation: {deviation}", order, "known deviation")
    return Cell("within tolerance", order)


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
