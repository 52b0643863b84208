"""What a chart is: traces and a layout, as dictionaries that plotly.js reads.

Plotly's own classes for them check and copy every number, which for a thousand cases takes longer than all
the rest of the page; the tests have them check the charts of a made-up run instead.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.report.styles import rgb
from benchmarks.result import Record

Trace = dict[str, Any]
"""What is drawn together: https://plotly.com/javascript/reference/ names every entry."""

LEVELS = ("#3838f8", "#48b8e8", "#486020", "#a88000", "#d8a058", "#d01068", "#8858b0", "#a098a0")
"""Of levels and stages, which are no contenders: seen on light and on dark ground, and no two nearer than 0.1
in Oklab, also with protanopia, deuteranopia or tritanopia."""
NEUTRAL = "#888888"
MOST_WORKLOADS = 100
"""Workloads that are drawn; of a run with more the tables have the rest."""

_LOOK = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
    "height": 450,  # plotly's own, but where it is not given a chart that is drawn again has none
}
"""Readable on light and dark ground and on a phone."""
_AXIS = {"gridcolor": "rgba(136,136,136,0.2)", "zeroline": False, "automargin": True}


@dataclass(frozen=True)
class Chart:
    """A chart and what it is about.

    What is filtered within it stands in its traces. `meta` holds the contenders of a whole trace
    (`contenders`, by default that of its name) and its `workload`, and says what `customdata` holds of each
    point (`points`): its workload (by default), its `contender`, or on a map its workload and who is
    `fastest`. Its numbers are shown as a table too: there `series` is the trace's name, and of an axis
    without a title the layout's `meta` has the name.

    Parameters
    ----------
    anchor
        Of the section that it belongs to.
    title
        What it shows, as plotly would show it.
    place
        What all of it shares: some of workload, tier, threads, device, contender, experiment.
    traces, layout
        For plotly.js.
    """

    anchor: str
    title: str
    place: Mapping[str, str]
    traces: Sequence[Trace]
    layout: Mapping[str, Any]

    def content(self) -> dict[str, Any]:
        """Return data and layout as JSON can hold them, the same look for all."""
        from plotly.io.json import to_json_plotly

        axes = {axis: {**_AXIS, **self.layout.get(axis, {})} for axis in ("xaxis", "yaxis")}
        text = to_json_plotly({"data": self.traces, "layout": {**_LOOK, **self.layout, **axes}})
        content: dict[str, Any] = json.loads(text, parse_float=_rounded)
        return content


def _rounded(number: str) -> float:
    """Return a number to six digits, more than a chart shows; the records in the page have all of them."""
    return float(f"{float(number):.6g}")


def linear(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis."""
    return {"title": {"text": title}, **more}


def logarithmic(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis of decades."""
    return {"title": {"text": title}, "type": "log", **more}


def dash(dtype: str) -> str:
    """Return the line of a dtype."""
    return "solid" if dtype == "float32" else "dash"


def part_dash(part: str) -> str:
    """Return the line of what a loss is of: the data trained on, or those for validation."""
    return "solid" if part == "train" else "dash"


def transparent(colour: str) -> str:
    """Return a colour through which lines are seen.

    Examples
    --------
    >>> transparent("#888888")
    'rgba(136,136,136,0.2)'
    """
    red, green, blue = rgb(colour)
    return f"rgba({red},{green},{blue},0.2)"


def by_place(
    records: Iterable[Record], kind: type[Any]
) -> Iterable[tuple[dict[str, str], str, dict[str, Any]]]:
    """Return for each workload on each device and thread track its name and the contenders' data."""
    found: dict[tuple[str, str, str], dict[str, Any]] = defaultdict(dict)
    for record in records:
        if isinstance(record.data, kind):
            case = record.case
            found[case.workload, case.track, case.device][case.contender] = record.data
    several = len({(threads, device) for _, threads, device in found}) > 1
    drawn = set(first_workloads(workload for workload, _, _ in found))
    return [
        (
            {"workload": workload, "threads": threads, "device": device},
            f"{workload}, threads {threads}, {device}" if several else workload,
            data,
        )
        for (workload, threads, device), data in found.items()
        if workload in drawn
    ]


def first_workloads(workloads: Iterable[str]) -> list[str]:
    """Return those that are drawn."""
    return list(dict.fromkeys(workloads))[:MOST_WORKLOADS]
