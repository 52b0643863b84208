"""Ratios of times with their intervals, and cold starts stage by stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks import stats, tables, units
from benchmarks.report.charts.chart import (
    LEVELS,
    NEUTRAL,
    Chart,
    Trace,
    first_workloads,
    linear,
    logarithmic,
    transparent,
)
from benchmarks.report.styles import Look
from benchmarks.result import Record


def ratios(records: Sequence[Record], looks: Mapping[str, Look], reference: str) -> Iterable[Chart]:
    """Draw ratios with intervals, one chart for each tier and thread track."""
    frame = tables.speed(records, reference)
    if not len(frame):
        return
    drawn = frame["workload"].isin(first_workloads(frame["workload"]))
    places = ["tier", "threads", "device", "reference"]
    for (tier, threads, device, divisor), part in frame[drawn].groupby(places, sort=False):
        traces: list[Trace] = [
            {
                "type": "scatter",
                "x": list(rows["ratio"]),
                "y": [f"{row.workload}, {row.metric}" for row in rows.itertuples()],
                "customdata": list(rows["workload"]),
                "text": [
                    units.ratio(stats.Interval(row.ratio, row.ratio_low, row.ratio_high, row.blocks))
                    + f", {row.verdict}"
                    for row in rows.itertuples()
                ],
                "name": contender,
                "mode": "markers",
                "marker": {**looks[str(contender)], "size": 10},
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": list((rows["ratio_high"] - rows["ratio"]).fillna(0)),
                    "arrayminus": list((rows["ratio"] - rows["ratio_low"]).fillna(0)),
                },
                "hovertemplate": f"{contender}<br>%{{y}}: %{{text}}<extra></extra>",
            }
            for contender, rows in part.groupby("contender", sort=False)
        ]
        most = 1 + part["margin"].max()
        same = {"xref": "x", "x0": 1 / most, "x1": most, "yref": "y domain", "y0": 0, "y1": 1}
        layout = {
            "xaxis": logarithmic(f"time ÷ {divisor}'s (less is faster)"),
            "yaxis": {"autorange": "reversed"},
            "meta": {"yaxis": "workload, metric"},
            "shapes": [{"type": "rect", **same, "fillcolor": transparent(NEUTRAL), "line": {"width": 0}}],
            "height": 140 + 34 * len(set(part["workload"] + part["metric"])),
        }
        title = f"Tier {tier}, threads {threads}, {device}: ratios with 95 % intervals"
        yield Chart("speed", title, {"tier": tier, "threads": threads, "device": device}, traces, layout)


def cold_starts(records: Sequence[Record]) -> Iterable[Chart]:
    """Draw for each workload the time from an empty process to the steady step, stage by stage."""
    frame = tables.cold_start(records)
    if not len(frame):
        return
    stages = [column for column in frame.columns if column.endswith("_seconds")]
    places = ["workload", "threads", "device"]
    drawn = frame["workload"].isin(first_workloads(frame["workload"]))
    for (workload, threads, device), part in frame[drawn].groupby(places, sort=False):
        traces: list[Trace] = []
        for number, stage in enumerate(stages):
            steady = stage == "steady_step_seconds"
            traces.append(
                {
                    "type": "bar",
                    "x": list(part[stage]),
                    "y": list(part["contender"]),
                    "orientation": "h",
                    "name": stage.removesuffix("_seconds").replace("_", " "),
                    "meta": {"points": "contender"},
                    "customdata": list(part["contender"]),
                    "marker": {"color": LEVELS[number % len(LEVELS)]},
                    # beside the seconds before it a steady step is too short to be seen
                    "text": [f"then {units.seconds(each)} a step" for each in part[stage]] if steady else [],
                    "textposition": "outside" if steady else "none",
                    "cliponaxis": False,
                }
            )
        layout = {
            "barmode": "stack",
            "xaxis": linear("seconds"),
            "yaxis": {"autorange": "reversed"},
            "meta": {"yaxis": "contender"},
        }
        title = f"{workload}, threads {threads}, {device}: from nothing to the steady step"
        place = {"workload": workload, "threads": threads, "device": device}
        yield Chart("cold-start", title, place, traces, layout)
