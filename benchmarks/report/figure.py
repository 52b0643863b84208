"""A chart as plotly.js takes it: plain values.

plotly's own figures check each property of each line when it is drawn, which took most of the time of a report
with many lines; here a test has them check what is drawn.
"""

from __future__ import annotations

import math
from typing import Any


class Figure:
    """Data and layout, built by the calls that plotly's figures have too."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []
        self.layout: dict[str, Any] = {}

    def add_scatter(self, **properties: Any) -> None:
        """Add points, or a line through them."""
        self._add("scatter", properties)

    def add_bar(self, **properties: Any) -> None:
        """Add bars."""
        self._add("bar", properties)

    def add_heatmap(self, **properties: Any) -> None:
        """Add a matrix of coloured cells."""
        self._add("heatmap", properties)

    def add_hline(self, y: float, **properties: Any) -> None:
        """Add a line from the left to the right edge."""
        ends = {"x0": 0, "x1": 1, "xref": "x domain", "y0": y, "y1": y, "yref": "y"}
        self._put("shapes", {"type": "line", **ends, **properties})

    def add_vrect(self, x0: float, x1: float, **properties: Any) -> None:
        """Add a band from the lower to the upper edge."""
        corners = {"x0": x0, "x1": x1, "xref": "x", "y0": 0, "y1": 1, "yref": "y domain"}
        self._put("shapes", {"type": "rect", **corners, **properties})

    def add_annotation(self, **properties: Any) -> None:
        """Add a text."""
        self._put("annotations", properties)

    def update_xaxes(self, **properties: Any) -> None:
        """Set properties of the axis to the right."""
        self._update("xaxis", properties)

    def update_yaxes(self, **properties: Any) -> None:
        """Set properties of the upright axis."""
        self._update("yaxis", properties)

    def update_layout(self, **properties: Any) -> None:
        """Set properties of the whole, such as its title."""
        self.layout |= _titled(properties)

    def _add(self, kind: str, properties: dict[str, Any]) -> None:
        self.data.append({**_plain(properties), "type": kind})

    def _put(self, name: str, properties: dict[str, Any]) -> None:
        self.layout.setdefault(name, []).append(_plain(properties))

    def _update(self, axis: str, properties: dict[str, Any]) -> None:
        self.layout.setdefault(axis, {}).update(_titled(properties))


def _titled(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: {"text": value} if name == "title" else value for name, value in properties.items()}


def _plain(value: Any) -> Any:
    """Return what JSON can hold, with names in their order: it has no infinity, and nothing that is no number."""
    if isinstance(value, dict):
        return {name: _plain(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
