"""Curves of training and validation, confusion matrices, and the experiments of the course."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks import findings
from benchmarks.report.charts.chart import (
    LEVELS,
    Chart,
    Trace,
    by_place,
    linear,
    logarithmic,
    part_dash,
    transparent,
)
from benchmarks.report.styles import READABLE, Look, tint
from benchmarks.result import CurvesData, Record

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKERS = 12
"""On a line of the course."""
_HIGHEST = 10.0
"""Times the first loss of a picture: what diverges further is not drawn to its end."""


def curves(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each workload train and validation loss, the mean over seeds in a band from least to most."""
    learned = [record for record in records if record.case.experiment is None]
    for place, name, found in by_place(learned, CurvesData):
        for quantity in ("loss", "accuracy"):
            traces: list[Trace] = []
            seeds: set[int] = set()
            for contender, data in found.items():
                own = [curve for curve in data.curves if curve.dtype == "float32"]
                for part in ("train", "validation"):
                    series = [values for curve in own if (values := getattr(curve, f"{part}_{quantity}"))]
                    if series:
                        traces += _band(contender, looks[contender], series, part)
                        seeds.add(len(series))
            if traces:
                title = f"{name}: {quantity} (train solid, validation dashed{_bands(seeds)})"
                layout = {"xaxis": linear("epoch"), "yaxis": linear(quantity)}
                yield Chart("learning", title, place, traces, layout)


def _bands(seeds: Collection[int]) -> str:
    """Return what lines and bands are, where there are bands at all."""
    return "" if max(seeds) == 1 else f"; mean, and band from lowest to highest of {_count(seeds)} seeds"


def _count(seeds: Collection[int]) -> str:
    return f"{min(seeds)} to {max(seeds)}" if len(set(seeds)) > 1 else f"{max(seeds)}"


def _band(contender: str, look: Look, series: Sequence[Sequence[float]], part: str) -> Iterable[Trace]:
    epochs = list(range(min(map(len, series))))
    columns = [[one[epoch] for one in series] for epoch in epochs]
    colour, count = look["color"], len(series)
    if count > 1:
        yield {
            "type": "scatter",
            "x": [*epochs, *reversed(epochs)],
            "y": [*map(max, columns), *map(min, reversed(columns))],
            "fill": "toself",
            "fillcolor": transparent(colour),
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
            "legendgroup": contender,
            "meta": {"series": f"{contender} {part}, lowest and highest of {count} seeds", "band": True},
        }
    yield {
        "type": "scatter",
        "x": epochs,
        "y": list(map(fmean, columns)),
        "name": contender,
        "legendgroup": contender,
        "showlegend": part == "train",
        "mode": "lines+markers",
        "meta": {"series": f"{contender} {part}" + (f", mean of {count} seeds" if count > 1 else "")},
        "marker": {**look, "size": 5},
        "line": {"color": colour, "dash": part_dash(part)},
        "hovertemplate": f"{contender} {part}<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
    }


def confusion(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw which answers were given to test examples of each class, summed over seeds in float32."""
    learned = [record for record in records if record.case.experiment is None]
    for place, where, found in by_place(learned, CurvesData):
        for contender, data in found.items():
            counts = [
                curve.test.confusion
                for curve in data.curves
                if curve.dtype == "float32" and curve.test and curve.test.confusion
            ]
            if not counts:
                continue
            size = len(counts[0])
            if any(len(rows) != size or any(len(row) != size for row in rows) for rows in counts):
                raise ValueError("a confusion matrix that is not square, or not as large as another")
            total = [[sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*counts, strict=True)]
            names = [str(number) for number in range(len(total))]
            trace: Trace = {
                "type": "heatmap",
                "x": names,
                "y": names,
                "z": total,
                "text": total,
                "texttemplate": "%{text}",
                "colorscale": [[0, "#ffffff"], [1, tint(looks[contender]["color"], READABLE)]],
                "textfont": {"color": "#000000"},
                "showscale": False,
                "xgap": 1,
                "ygap": 1,
                "hovertemplate": "class %{y}, answer %{x}: %{z}<extra></extra>",
            }
            layout = {
                "xaxis": linear("answer", type="category"),
                "yaxis": linear("class", type="category", autorange="reversed"),
            }
            seeds = f"sum of {len(counts)} seeds" if len(counts) > 1 else "one seed"
            title = f"{where}, {contender}: answers to test examples, float32, {seeds}"
            yield Chart("learning", title, {**place, "contender": contender}, [trace], layout)


def course(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each experiment what its finding rests on: a line for each level and contender.

    That is the training loss, for overfitting the validation loss too, and for logic gates the accuracy. A
    line is the mean over the seeds of one contender: those of a level have one colour, and each contender its
    marker, so that contenders which do not learn the same are seen.
    """
    told = [finding.experiment for finding in findings.course(records)]
    found: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        if isinstance(record.data, CurvesData) and record.data.curves and record.case.experiment in told:
            found[record.case.experiment, record.case.track, record.case.device].append(record)
    for (experiment, threads, device), unsorted in found.items():
        own = sorted(unsorted, key=lambda record: findings.level_order(record.case.level or ""))
        traces: list[Trace] = []
        numbers, seeds = dict[str, int](), set[int]()
        parts = ("train", "validation") if experiment == "overfitting" else ("train",)
        quantity = "accuracy" if experiment == "logic-gates" else "loss"
        for record in own:
            assert isinstance(record.data, CurvesData)
            level, contender, trained = record.case.level or "", record.case.contender, record.data.curves
            first = level not in numbers
            number = numbers.setdefault(level, len(numbers))
            for part in parts:
                series = [values for curve in trained if (values := getattr(curve, f"{part}_{quantity}"))]
                if not series:
                    continue
                length = min(map(len, series))
                name = f"{level} {part}" if len(parts) > 1 else level
                seeds.add(len(series))
                traces.append(
                    {
                        "type": "scatter",
                        "x": [epoch * trained[0].steps_per_epoch for epoch in range(length)],
                        "y": [fmean(one[epoch] for one in series) for epoch in range(length)],
                        "name": name,
                        "legendgroup": name,
                        "showlegend": first,
                        "mode": "lines+markers",
                        "marker": {**looks[contender], "size": 6, "maxdisplayed": _MARKERS},
                        "meta": {
                            "contenders": [contender],
                            "workload": record.case.workload,
                            "series": f"{name}, {contender}",
                        },
                        "line": {
                            "color": LEVELS[number % len(LEVELS)],
                            "dash": part_dash(part) if len(parts) > 1 else _DASHES[number % len(_DASHES)],
                        },
                        "hovertemplate": f"{name}, {contender}<br>step %{{x}}: %{{y:.4g}}<extra></extra>",
                    }
                )
        if traces:
            each = f"a line for each contender, mean over its trainings ({_count(seeds)})"
            title = f"{experiment}, threads {threads}, {device}: {each}"
            place = {"experiment": experiment, "threads": threads, "device": device}
            axis, beyond = _axis(traces) if quantity == "loss" else (linear(quantity), "")
            layout = {"xaxis": linear("training step"), "yaxis": axis}
            yield Chart("course", title + beyond, place, traces, layout)


def _axis(traces: Iterable[Trace]) -> tuple[dict[str, Any], str]:
    """Return an axis for losses, and what has to be said of those that lie beyond it.

    What diverges goes on to 1e30 and more, beside which nothing of the other lines would be seen.
    """
    losses = [loss for trace in traces for loss in trace["y"] if loss > 0]
    highest = _HIGHEST * max(trace["y"][0] for trace in traces)
    if not losses or not 0 < highest < max(losses):
        return logarithmic("loss"), ""
    ends = [math.log10(min(losses)) - 0.1, math.log10(highest)]
    return logarithmic("loss", range=ends), f"; losses above {highest:.3g} lie beyond the picture"
