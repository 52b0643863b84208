"""Drift of trainings: from float64 NumPy, and of contenders from each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks import tables
from benchmarks.report.charts.chart import NEUTRAL, Chart, Trace, by_place, dash, linear, logarithmic
from benchmarks.report.styles import Look
from benchmarks.result import ParityData, Record, Trajectory

_AXES = {
    "xaxis": linear("training step"),
    "yaxis": logarithmic("relative distance of parameters", exponentformat="power"),
}


def drifts(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each workload how far each contender is from float64 NumPy, with the tolerance."""
    for place, name, found in by_place(records, ParityData):
        traces: list[Trace] = [
            {
                "type": "scatter",
                "x": [drift.step for drift in trajectory.drift],
                "y": [drift.parameters or None for drift in trajectory.drift],
                "name": contender,
                "legendgroup": contender,
                "showlegend": trajectory.dtype == "float32",
                "mode": "lines+markers",
                "meta": {"series": f"{contender} {trajectory.dtype}"},
                "marker": looks[contender],
                "line": {"color": looks[contender]["color"], "dash": dash(trajectory.dtype)},
                "hovertemplate": f"{contender} {trajectory.dtype}<br>step %{{x}}: %{{y:.1e}}<extra></extra>",
            }
            for contender, data in found.items()
            for trajectory in data.trajectories
        ]
        first = next(iter(found.values())).trajectories
        for trajectory in first:
            # early records have the largest only
            floor = trajectory.floor or [trajectory.noise_floor or 0.0] * len(trajectory.drift)
            if any(floor):
                traces.append(_noise(trajectory, floor))
        bounded = [trajectory for trajectory in first if trajectory.tolerance > 0]
        layout = {
            **_AXES,
            "shapes": [_level(trajectory.tolerance) for trajectory in bounded],
            "annotations": [_words(f"tolerance {each.dtype}", each.tolerance) for each in bounded],
        }
        title = f"{name}: distance from float64 NumPy (float32 solid, float64 dashed)"
        yield Chart("parity", title, place, traces, layout)


def pairs(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw for each workload how far each two contenders are apart: one's colour, the other's marker."""
    for place, name, found in by_place(records, ParityData):
        traces: list[Trace] = []
        for (mine, one), (theirs, other) in itertools.combinations(found.items(), 2):
            theirs_by_dtype = {each.dtype: each for each in other.trajectories}
            for left in one.trajectories:
                if (right := theirs_by_dtype.get(left.dtype)) is None:
                    continue
                apart, pair = tables.distances(left, right), f"{mine} – {theirs}"
                traces.append(
                    {
                        "type": "scatter",
                        "x": list(apart),
                        "y": [distance or None for distance in apart.values()],
                        "name": pair,
                        "legendgroup": pair,
                        "showlegend": left.dtype == "float32",
                        "mode": "lines+markers",
                        "meta": {"contenders": [mine, theirs], "series": f"{pair} {left.dtype}"},
                        "marker": looks[theirs],
                        "line": {"color": looks[mine]["color"], "dash": dash(left.dtype)},
                        "hovertemplate": f"{pair} {left.dtype}<br>step %{{x}}: %{{y:.1e}}<extra></extra>",
                    }
                )
        if not any(trace["x"] for trace in traces):
            continue
        traces += [
            _noise(trajectory, trajectory.pair_floor)
            for trajectory in next(iter(found.values())).trajectories
            if trajectory.pair_floor
        ]
        title = f"{name}: distance between contenders (float32 solid, float64 dashed)"
        yield Chart("parity", title, place, traces, _AXES)


def _noise(trajectory: Trajectory, floor: Sequence[float]) -> Trace:
    return {
        "type": "scatter",
        "x": [drift.step for drift in trajectory.drift],
        "y": [noise or None for noise in floor],
        "name": f"noise floor {trajectory.dtype}",
        "mode": "lines",
        "line": {"color": NEUTRAL, "width": 4, "dash": dash(trajectory.dtype)},
        "opacity": 0.5,
        "hovertemplate": "noise floor<br>step %{x}: %{y:.1e}<extra></extra>",
    }


def _level(height: float) -> dict[str, Any]:
    ends = {"xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": height, "y1": height}
    return {"type": "line", **ends, "line": {"color": NEUTRAL, "dash": "dot"}}


def _words(text: str, height: float) -> dict[str, Any]:
    # plotly places what is no data on such an axis by its logarithm
    place = {"xref": "paper", "x": 0, "yref": "y", "y": math.log10(height), "yanchor": "bottom"}
    return {"text": text, **place, "showarrow": False}
