"""Steps below what the machine can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks import tables
from benchmarks.report.charts.chart import NEUTRAL, Chart, Trace, first_workloads, logarithmic
from benchmarks.report.styles import Look
from benchmarks.result import Record

_PRODUCTS = {"color": NEUTRAL, "symbol": "line-ew-open"}


def rooflines(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw steps below the roof of bandwidth and products, one chart for each tier and thread track."""
    frame = tables.limit_shares(records)
    if not len(frame):
        return
    drawn = frame["workload"].isin(first_workloads(frame["workload"]))
    places = ["metric", "tier", "threads", "device", "dtype"]
    for (metric, tier, threads, device, dtype), part in frame[drawn].groupby(places, sort=False):
        bandwidth, rate = part["bandwidth"].max(), part["square_rate"].max()
        ridge = rate / bandwidth
        ends = [min(part["intensity"].min(), ridge) / 2, ridge, 2 * max(part["intensity"].max(), ridge)]
        roof: Trace = {
            "type": "scatter",
            "x": ends,
            "y": [min(rate, intensity * bandwidth) for intensity in ends],
            "name": "roof: copying, large products",
            "mode": "lines",
            "line": {"color": NEUTRAL, "width": 4},
            "hoverinfo": "skip",
        }
        floors = part.drop_duplicates("workload")
        points = [
            ("products alone", floors, floors["flops"] / floors["products_seconds"], _PRODUCTS),
            *(
                (str(contender), rows, rows["flops_per_second"], looks[str(contender)])
                for contender, rows in part.groupby("contender", sort=False)
            ),
        ]
        steps: list[Trace] = [
            {
                "type": "scatter",
                "x": list(rows["intensity"]),
                "y": list(reached),
                "text": list(rows["workload"]),
                "customdata": list(rows["workload"]),
                "name": name,
                "mode": "markers",
                "marker": {**marker, "size": 10},
                "hovertemplate": f"{name}, %{{text}}<br>%{{x:.3g}} FLOP/B: %{{y:.3g}} FLOP/s<extra></extra>",
            }
            for name, rows, reached, marker in points
        ]
        layout = {
            "xaxis": logarithmic("FLOP of a step's products ÷ bytes that it has to move"),
            "yaxis": logarithmic("FLOP/s", exponentformat="power"),
        }
        title = f"Tier {tier}, threads {threads}, {device}, {dtype}: {metric}, roofline"
        place = {"tier": tier, "threads": threads, "device": device}
        yield Chart("limit", title, place, [roof, *steps], layout)
