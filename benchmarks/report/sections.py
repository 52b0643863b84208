"""A run as sections of text and tables: written once, shown by terminal, Markdown and HTML page."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks import findings, stats, tables, units
from benchmarks.once import Records, once
from benchmarks.report.material import Material
from benchmarks.result import CardData, Measure, ParityData, Record, SpeedData

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.compare import Comparison


@dataclass(frozen=True)
class Table:
    """Cells as text.

    Parameters
    ----------
    title
        What the table shows; may be empty.
    detail
        Whether it only repeats more precisely what another table says; the terminal leaves it out.
    tier, threads, device
        What all rows share, where the table is about times: they are never mixed.
    """

    title: str
    headers: list[str]
    rows: list[list[str]]
    detail: bool = False
    tier: str = ""
    threads: str = ""
    device: str = ""


@dataclass(frozen=True)
class Section:
    """One answer.

    Parameters
    ----------
    anchor
        Name for links and for the charts that belong to it.
    text
        Paragraphs.
    measures
        The measures whose records it is computed from.
    relative
        Whether it depends on the contender that ratios are relative to.
    """

    anchor: str
    title: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    measures: tuple[Measure, ...] = ()
    relative: bool = False


CHAPTERS: dict[str, tuple[str, ...]] = {
    "Verdict": ("verdict",),
    "Parity": ("elements", "parity", "card"),
    "Learning": ("learning",),
    "Speed": ("speed", "cold-start", "target", "crossover", "limit", "profile"),
    "Memory": ("memory",),
    "The course": ("course",),
    "How this was measured": ("method", "inconclusive", "selfcheck", "troubles"),
    "Environment": ("environment",),
}
"""The order of answers: each chapter's sections by their anchors."""


def sections(material: Material, reference: str = tables.REFERENCE) -> list[Section]:
    """Return all sections that have something to say, the verdict first.

    Parameters
    ----------
    reference
        The contender that times are divided by where it was timed; by default as in `tables.speed`.
    """
    records = material.records
    made = [
        *relative_sections(records, reference),
        *_absolute_sections(records),
        _method(material),
        _self_check(material),
        _troubles(material),
        _environment(material),
    ]
    found = {section.anchor: section for section in made if section.text or section.tables}
    return [found[anchor] for anchors in CHAPTERS.values() for anchor in anchors if anchor in found]


@once
def relative_sections(records: Records, reference: str) -> list[Section]:
    """Return the sections that depend on the contender that times are divided by."""
    verdict = findings.verdict(records, reference) or ["Nothing was measured."]
    return [
        Section("verdict", "Verdict", verdict, relative=True),
        _speed(records, reference),
        _cold_start(records, reference),
        _crossover(records, reference),
        _inconclusive(records, reference),
    ]


@once
def _absolute_sections(records: Records) -> list[Section]:
    """Return the sections that depend on nothing but the records."""
    return [
        _elements(records),
        _parity(records),
        _card(records),
        _learning(records),
        _target(records),
        _limit(records),
        _profile(records),
        _memory(records),
        _course(records),
    ]


def comparison_table(comparison: Comparison) -> Table:
    """Return what is not the same on both sides."""
    rows = [
        [
            change.judgement,
            change.workload,
            change.contender,
            change.threads,
            change.what,
            units.ratio(change.ratio) if change.ratio else f"{change.before:.4g} -> {change.after:.4g}",
            change.why,
        ]
        for change in comparison.changes
        if change.judgement != "same"
    ]
    headers = ["judgement", "workload", "contender", "threads", "what", "after ÷ before", "why"]
    return Table(f"{comparison.before} -> {comparison.after}", headers, rows)


def _parity(records: Sequence[Record]) -> Section:
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


def _elements(records: Sequence[Record]) -> Section:
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


def _card(records: Sequence[Record]) -> Section:
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


def _learning(records: Sequence[Record]) -> Section:
    frame = tables.curves([record for record in records if record.case.experiment is None])
    if not len(frame):
        return Section("learning", "Learning")
    rows = [
        [
            row.workload,
            row.contender,
            row.dtype,
            str(row.seeds) + (f", {row.diverged} diverged" if row.diverged else ""),
            units.number(row.train_loss),
            units.number(row.validation_loss),
            _interval(row.test_loss, row.test_loss_low, row.test_loss_high, units.number),
            _interval(row.test_accuracy, row.test_accuracy_low, row.test_accuracy_high, units.percent),
            f"{row.test_correct} of {row.test_count:.0f}" if row.test_correct else units.UNKNOWN,
        ]
        for row in frame.itertuples()
    ]
    headers = [
        "workload",
        "contender",
        "dtype",
        "seeds",
        "train loss",
        "validation loss",
        "test loss",
        "test accuracy",
        "right answers",
    ]
    float64 = headers.index("dtype")
    short = [[row[0], row[1], row[4], row[5], row[7], row[8]] for row in rows if row[float64] == "float32"]
    return Section(
        "learning",
        "Do they learn the same?",
        [
            "Means over seeds after the last epoch, with 95 % intervals.",
            "The test part was opened once for each trained model, after its training.",
        ],
        [
            Table("float32", [headers[i] for i in (0, 1, 4, 5, 7, 8)], short),
            Table("All trainings", headers, rows, detail=True),
        ],
        ("curves",),
    )


def _speed(records: Sequence[Record], reference: str) -> Section:
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


def _limit(records: Sequence[Record]) -> Section:
    frame = tables.limit(records)
    if not len(frame):
        return Section("limit", "Limit")
    found, shares = [], tables.limit_shares(records)
    for (tier, threads, device), part in (
        shares.groupby(["tier", "threads", "device"], sort=False) if len(shares) else ()
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
        title = f"Tier {tier}, threads {threads}, {device}: share of the limit"
        found.append(Table(title, headers, rows, tier=tier, threads=threads, device=device))
    details = [
        [
            row["workload"],
            row["threads"],
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
        "workload",
        "threads",
        "dtype",
        "a step's products",
        "bytes at least",
        "rate at these shapes",
        "rate of large squares",
        "copying",
        "a call",
        "roofline",
    ]
    found.append(Table("What this machine reaches", headers, details, detail=True))
    text = [
        "Share of the limit: seconds of a step's matrix products alone, in NumPy on this track, ÷ its own.",
        "Above 100 % are steps whose products are faster than NumPy's.",
        "The products were timed after the steps and not in turns with them: no interval.",
        *dict.fromkeys(f"Note: {reason}." for reason in frame["not_calibrated"] if isinstance(reason, str)),
    ]
    return Section("limit", "How near to the limit?", text, found, ("parity", "speed", "limit"))


def _crossover(records: Sequence[Record], reference: str) -> Section:
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


def _profile(records: Sequence[Record]) -> Section:
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
        found.append(Table(title, headers, rows, threads=threads, device=device))
    parts = tables.profile_parts(records)
    longest = [
        [
            *place,
            ", ".join(
                f"{row.name} ({units.percent(row.share)})" for row in group.head(3).itertuples(index=False)
            ),
        ]
        for place, group in parts[parts["what"] == "function"].groupby(
            ["workload", "threads", "contender"], sort=False
        )
    ]
    headers = ["workload", "threads", "contender", "functions"]
    found.append(Table("Functions that take most time themselves", headers, longest))
    details = [
        [
            row.workload,
            row.threads,
            row.contender,
            row.what,
            row.name,
            units.number(row.calls),
            units.seconds(row.seconds),
            units.percent(row.share),
        ]
        for row in parts.itertuples(index=False)
    ]
    headers = ["workload", "threads", "contender", "what", "name", "calls", "own time", "share"]
    found.append(Table("Functions and operations", headers, details, detail=True))
    text = [
        "From processes that were not timed. cProfile sees Python's functions and built-in ones, not ufuncs.",
        "Operations are those that a framework counts: NumPy's recorded calls, torch's nested operators.",
        "Their shares are of a step that is watched, and – stands where a framework counts none.",
        "Limit: the share of the step, not watched, that its matrix products would take alone in NumPy.",
    ]
    return Section("profile", "Where does a step's time go?", text, found, ("profile",))


def _cold_start(records: Sequence[Record], reference: str) -> Section:
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


def _target(records: Sequence[Record]) -> Section:
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


def _memory(records: Sequence[Record]) -> Section:
    frame = tables.memory(records)
    if not len(frame):
        return Section("memory", "Memory")
    stages = [column for column in frame.columns if column.endswith("_bytes")]
    rows = [
        [row["workload"], row["contender"], *(units.megabytes(row[stage]) for stage in stages)]
        for row in frame.to_dict("records")
    ]
    headers = ["workload", "contender", *(stage.removesuffix("_bytes") for stage in stages)]
    text = ["Peak resident memory within each stage, in processes that were not timed."]
    found = [Table("Peak memory", headers, rows)]
    return Section("memory", "How much memory does it take?", text, found, ("memory",))


def _course(records: Sequence[Record]) -> Section:
    found = findings.course(records)
    rows = [[each.experiment, "yes" if each.holds else "NO", each.expected, each.sentence] for each in found]
    if not rows:
        return Section("course", "Course")
    headers = ["experiment", "holds", "the textbook says", "the numbers say"]
    shown = [Table("Findings", headers, rows)]
    return Section("course", "What a course says, tried out", [], shown, ("curves",))


def _method(material: Material) -> Section:
    records = material.records
    timed = [record.data for record in records if isinstance(record.data, SpeedData) and record.data.blocks]
    checked = [record.data for record in records if isinstance(record.data, ParityData)]
    text = []
    if checked:
        reasons = dict.fromkeys(each.tolerance_reason for data in checked for each in data.trajectories)
        text += [f"Tolerance of parity: {reason}." for reason in reasons]
    if timed:
        blocks = [block for data in timed for block in data.blocks]
        samples = [each for block in blocks for each in block.samples]
        repeated = sum(each.repeated_rounds for each in samples)
        disturbed = [chunk for each in samples for chunk in each.disturbed]
        labels = Counter(stats.steadiness(each) for each in samples)
        margins = dict.fromkeys(f"{data.margin:.1%}" for data in timed)
        presets = dict.fromkeys(data.preset for data in timed)
        idle = ", ".join(dict.fromkeys(block.idle_workers for block in blocks))
        busy = sorted(block.cpu_per_wall for block in blocks)
        text.append(
            f"Speed: {'; '.join(dict.fromkeys(data.stopped_by for data in timed))}; contenders took turns "
            f"chunk by chunk in random order, idle workers {idle}; while timed, a process was busy on "
            f"{busy[0]:.2f} to {busy[-1]:.2f} cores."
        )
        text.append(
            f"Preset {', '.join(presets)}; ratios within {', '.join(margins)} count as the same. Warm-up: "
            + ", ".join(f"{count} {label}" for label, count in labels.items())
            + f" (processes and metrics). Chunks measured again after a disturbance: {repeated} rounds"
            + (
                f"; disturbed all the same: {sum(disturbed)} of {len(disturbed)} chunks."
                if disturbed
                else "."
            )
        )
    lost = [
        f"{record.case.contender}, {record.case.workload}, block {index + 1} ({why})"
        for record in records
        if isinstance(record.data, SpeedData)
        for index, why in record.data.lost_blocks.items()
    ]
    if lost:
        text.append(f"Blocks that a contender lost and others did not: {'; '.join(lost)}.")
    peaks = [manifest.parent_peak_bytes for _, manifest in material.runs if manifest.parent_peak_bytes]
    if peaks:
        text.append(f"The process that led the run took at most {units.megabytes(max(peaks))}.")
    text += [f"Repeat it: {command}" for command in material.commands(())]
    return Section("method", "How was this measured?", text)


def _inconclusive(records: Sequence[Record], reference: str) -> Section:
    """Return every comparison that stays open, with the reason."""
    rows = []
    for frame, what in (
        (tables.speed(records, reference), "metric"),
        (tables.cold_start_ratios(records, reference), "stage"),
    ):
        for _, row in frame[frame["verdict"] == "inconclusive"].iterrows() if len(frame) else ():
            ratio = stats.Interval(row["ratio"], row["ratio_low"], row["ratio_high"], row["blocks"])
            rows.append(
                [
                    row["workload"],
                    row["contender"],
                    row["device"],
                    row["threads"],
                    row.get("tier", "start"),
                    row[what].replace("_", " "),
                    f"{units.ratio(ratio)} of {row['reference']}",
                    row["doubts"] or _why_open(ratio, row["margin"]),
                ]
            )
    if not rows:
        return Section("inconclusive", "Inconclusive")
    headers = ["workload", "contender", "device", "threads", "tier", "what", "ratio", "why"]
    text = [f"Comparisons of which nothing is concluded: {len(rows)}."]
    found = [Table("Inconclusive comparisons", headers, rows, detail=True)]
    return Section("inconclusive", "What stays open?", text, found, ("speed",), relative=True)


def _why_open(ratio: stats.Interval, margin: float) -> str:
    if ratio.count < 2:
        return "one block has no interval"
    if stats.verdict(ratio, margin) == "inconclusive":
        return f"the interval is not on one side of {margin:.1%}"
    return "could be chance among so many comparisons"


def _self_check(material: Material) -> Section:
    checked = material.checked
    if checked is None:
        text = ["No self-check of this machine is kept beside the run; `versus selfcheck` makes one."]
        measured = any(isinstance(record.data, SpeedData) for record in material.records)
        return Section("selfcheck", "Does the harness tell the truth here?", text if measured else [])
    rows = checked.rows()
    text = [f"`versus selfcheck --effort {checked.effort}` on this machine, {checked.taken}."]
    found = [Table("Self-check", list(rows[0]), [list(row.values()) for row in rows], detail=True)]
    return Section("selfcheck", "Does the harness tell the truth here?", text, found)


def _troubles(material: Material) -> Section:
    rows = [
        [record.case.id, record.status, record.reason or ""]
        for record in material.records
        if record.status != "finished"
    ]
    rows += [
        [each.path.name, "damaged record" if each.path.suffix else "unreadable run", each.reason]
        for each in material.damaged
    ]
    if not rows:
        return Section("troubles", "Troubles")
    return Section(
        "troubles", "What is missing, and why", [], [Table("", ["case", "status", "reason"], rows)]
    )


def _environment(material: Material) -> Section:
    found = []
    for _, manifest in material.runs:
        packages = manifest.environment.get("packages") or {}
        machine = manifest.environment.get("machine") or {}
        versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
        rows = [
            ["run", manifest.run],
            ["suite", manifest.suite],
            ["started", manifest.started],
            ["outcome", manifest.outcome],
            ["processor", f"{machine.get('processor')}, {machine.get('usable_cores')} usable cores"],
            ["system", f"{machine.get('system')} {machine.get('release')} {machine.get('architecture')}"],
            ["python", str((manifest.environment.get("python") or {}).get("version"))],
            ["packages", versions],
            ["commit", _commit(manifest.environment.get("git"))],
            *(["absent", f"{name}: {reason}"] for name, reason in manifest.absent.items()),
        ]
        found.append(Table(f"Run {manifest.run}", ["what", "value"], rows, detail=True))
    return Section("environment", "Where was this measured?", [], found)


def _commit(git: dict[str, Any] | None) -> str:
    if not git:
        return units.UNKNOWN
    return f"{git.get('commit')}{' with uncommitted changes' if git.get('dirty') else ''}"


def _interval(estimate: float, low: float, high: float, shown: Any) -> str:
    text: str = shown(estimate)
    known = [value for value in (low, high) if value is not None and value == value]
    return f"{text} ({shown(low)} to {shown(high)})" if len(known) == 2 else text


def passed(records: Iterable[Record]) -> bool:
    """Return whether no case failed and every parity check passed."""
    return all(record.status != "failed" and getattr(record.data, "passed", True) for record in records)
