"""Maps of who is fastest, and what an example costs as work grows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks import tables
from benchmarks.report.charts.chart import Chart, Trace, logarithmic
from benchmarks.report.sections.crossover import maps, track, winner
from benchmarks.report.styles import READABLE, Look, tint
from benchmarks.result import Record

if TYPE_CHECKING:
    import pandas as pd

_TIE = "#cccccc"


def fastest(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw who is fastest at each point of a grid, in the contender's colour; a tie has none."""
    frame = tables.crossover(records)
    for title, part in maps(frame) if len(frame) else ():
        networks = list(part.sort_values("parameters", kind="stable")["network"].unique())
        batches = sorted(set(part["batch_size"]))
        contenders = list(dict.fromkeys(part["contender"]))
        cells = dict(list(part.groupby(["network", "batch_size"])))
        names = [
            [winner(cells[network, batch]) if (network, batch) in cells else "" for batch in batches]
            for network in networks
        ]
        # one number for each contender, and one more for ties
        numbers = [
            [
                None if not name else contenders.index(name) if name in contenders else len(contenders)
                for name in row
            ]
            for row in names
        ]
        shades = [*(tint(looks[name]["color"], READABLE) for name in contenders), _TIE]
        steps = len(shades)
        trace: Trace = {
            "type": "heatmap",
            "x": [f"batch {batch}" for batch in batches],
            "y": networks,
            "z": numbers,
            "text": [[name.replace(" = ", "<br>= ") for name in row] for row in names],
            "texttemplate": "%{text}",
            "textfont": {"color": "#000000"},
            "meta": {"points": "fastest", "names": contenders},
            "customdata": [
                [_ahead(cells.get((network, batch))) for batch in batches] for network in networks
            ],
            "zmin": -0.5,
            "zmax": steps - 0.5,
            "colorscale": [
                [(number + side) / steps, shade] for number, shade in enumerate(shades) for side in (0, 1)
            ],
            "showscale": False,
            "xgap": 2,
            "ygap": 2,
            "hovertemplate": "%{y}, %{x}: %{text}<extra></extra>",
        }
        layout = {"meta": {"xaxis": "batch", "yaxis": "network"}}
        yield Chart("crossover", f"{title}: who is fastest", track(part), [trace], layout)


def _ahead(point: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return the workload of a point of a map, and who is fastest there."""
    if point is None:
        return None
    ahead = point[point["wins"]].sort_values("seconds")["contender"]
    return {"workload": str(point["workload"].iloc[0]), "fastest": list(ahead)}


def costs(records: Sequence[Record], looks: Mapping[str, Look]) -> Iterable[Chart]:
    """Draw the time for one example over the parameters, one chart for each batch of a map."""
    frame = tables.crossover(records)
    layout = {
        "xaxis": logarithmic("parameters"),
        "yaxis": logarithmic("seconds for one example", exponentformat="power"),
    }
    for title, part in maps(frame) if len(frame) else ():
        for batch, points in part.groupby("batch_size"):
            traces: list[Trace] = [
                {
                    "type": "scatter",
                    "x": list(rows["parameters"]),
                    "y": list(rows["seconds_per_example"]),
                    "text": list(rows["network"]),
                    "customdata": list(rows["workload"]),
                    "name": contender,
                    "mode": "lines+markers",
                    "marker": {**looks[str(contender)], "size": 8},
                    "line": {"color": looks[str(contender)]["color"]},
                    "hovertemplate": f"{contender}, %{{text}}: %{{y:.3g}} s<extra></extra>",
                }
                for contender, rows in points.sort_values("parameters").groupby("contender", sort=False)
            ]
            told = f"{title}, batch {batch}: what an example costs"
            yield Chart("crossover", told, track(part), traces, layout)
