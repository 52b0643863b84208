"""A run as one HTML page that works offline."""

from __future__ import annotations

import datetime
from importlib import resources
from pathlib import Path
from typing import Any

from benchmarks.report.optional import needed
from benchmarks.report.sections import sections
from benchmarks.store import RunStore


def write(store: RunStore, into: Path, now: datetime.datetime) -> Path:
    """Write report.html and return its path."""
    path = into / "report.html"
    path.write_text(page(store, now), encoding="utf-8")
    return path


def page(store: RunStore, now: datetime.datetime) -> str:
    """Return the page; it asks nothing of any server.

    Raises
    ------
    ReportUnavailable
        If jinja2 or plotly is not installed.
    """
    needed("jinja2", "HTML")
    needed("plotly", "HTML")
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    from benchmarks.report.charts import charts

    drawn: dict[str, list[Markup]] = {}
    for number, (anchor, figure) in enumerate(charts(store.records()[0])):
        drawn.setdefault(anchor, []).append(Markup(_drawing(figure, f"chart-{number}")))
    template = (resources.files("benchmarks.report") / "templates" / "report.html").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(
        manifest=store.manifest,
        sections=sections(store),
        charts=drawn,
        plotly=Markup(get_plotlyjs()),
        made=now.isoformat(timespec="seconds"),
    )


def _drawing(figure: Any, name: str) -> str:
    """Return a chart without the library; plotly escapes <, > and / in texts: none is read as HTML."""
    drawing: str = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        default_height="24rem",
        config={"responsive": True, "displaylogo": False, "toImageButtonOptions": {"format": "svg"}},
    )
    return drawing
