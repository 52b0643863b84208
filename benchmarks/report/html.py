"""A run, or several, as one HTML page that works offline."""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from html import unescape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import tables
from benchmarks.report.data import FORMULA
from benchmarks.report.material import Material
from benchmarks.report.optional import needed
from benchmarks.report.sections import CHAPTERS, Section, Table, relative_sections, sections
from benchmarks.report.sections.parity import EVERY_ELEMENT, MATRIX
from benchmarks.report.styles import Look, styles
from benchmarks.result import Record

if TYPE_CHECKING:
    from benchmarks.report.charts import Chart

MOST_RAW = 16_000_000
"""Characters of raw records that a page holds before it is compressed; of the rest it names the files."""
AT_ONCE = 6
"""Charts of a section that are shown; more are folded."""
PLACES = ("workload", "contender", "tier", "threads", "device")
"""What the page can be narrowed down to."""
NAMING = ("workload", "contender", "element", "metric", "pair", "network", "stage")
"""Columns that say what a row is about; they are its headers, beside its first."""


def write(material: Material, into: Path, now: datetime.datetime) -> Path:
    """Write report.html and return its path."""
    path = into / "report.html"
    path.write_text(page(material, now), encoding="utf-8")
    return path


def page(material: Material, now: datetime.datetime) -> str:
    """Return the page; it asks nothing of any server.

    Its policy allows only its own two scripts, by their hashes: should a text from a result file ever get
    past the escaping, the browser refuses to run it.

    Raises
    ------
    ReportUnavailable
        If jinja2 or plotly is not installed.
    """
    needed("jinja2", "HTML")
    needed("plotly", "HTML")
    import jinja2
    from markupsafe import Markup

    from benchmarks.report.charts import MOST_WORKLOADS

    records = material.records
    library, script = _library(), _template("report.js")
    raw, held = _raw(records)
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({name: _template(name) for name in ("report.html", "table.html")}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    layout = _Layout(material)
    return environment.get_template("report.html").render(
        material=material,
        chapters=layout.chapters(),
        charts=_packed(_json(layout.drawn)),
        choices=layout.choices,
        references=layout.references,
        styles=[layout.looks[contender] for contender in layout.choices["contender"]],
        most_workloads=MOST_WORKLOADS,
        css=Markup(_template("report.css")),
        script=Markup(script),
        policy=f"script-src {_hash(script)} {library.hash}",
        library=library.packed,
        raw=_packed(raw),
        facts=Markup(
            inert(
                {
                    "choices": layout.choices,
                    "references": layout.references,
                    "formula": FORMULA.pattern,
                    "held": held,
                    "total": len(records),
                    "folders": [folder.name for folder, _ in material.runs],
                }
            )
        ),
        made=now.isoformat(timespec="seconds"),
    )


@dataclass
class _Layout:
    """The page's parts in their order, and the numbers by which the script knows names."""

    material: Material
    choices: dict[str, list[str]] = field(init=False)
    references: list[str] = field(init=False)
    looks: dict[str, Look] = field(init=False)
    drawn: list[dict[str, Any]] = field(init=False, default_factory=list)
    """Data and layout of every chart, by the numbers that figures have."""

    def __post_init__(self) -> None:
        from benchmarks.report.charts import MOST_WORKLOADS

        cases = [record.case for record in self.material.records]
        timed = tables.speed(self.material.records)
        workloads = list(dict.fromkeys(case.workload for case in cases))
        self.references = tables.references(self.material.records)
        if len(workloads) > MOST_WORKLOADS:  # a view for each reference would make the page slow
            self.references = self.references[:1]
        self.choices = {
            "workload": workloads,
            "contender": self.material.contenders,
            "tier": list(dict.fromkeys(timed["tier"])) if len(timed) else [],
            "threads": list(dict.fromkeys(case.track for case in cases)),
            "device": list(dict.fromkeys(case.device for case in cases)),
        }
        self.looks = styles(self.choices["contender"])
        self._numbers = {
            kind: {name: number for number, name in enumerate(names)} for kind, names in self.choices.items()
        }
        self._elements: dict[str, int] = {}

    def chapters(self) -> list[dict[str, Any]]:
        """Return each chapter's title and sections."""
        from benchmarks.report.charts import charts, ratio_charts

        records = self.material.records
        drawn = self._by_anchor(charts(records, self.looks))
        first, *others = self.references or [tables.REFERENCE]
        found = _by_name(sections(self.material, first))
        views = [
            (found, self._by_anchor(ratio_charts(records, self.looks, first))),
            *(
                (
                    _by_name(relative_sections(records, other)),
                    self._by_anchor(ratio_charts(records, self.looks, other)),
                )
                for other in others
            ),
        ]
        made = []
        for title, anchors in CHAPTERS.items():
            parts = []
            for anchor in anchors:
                told = next((section_of[anchor] for section_of, _ in views if anchor in section_of), None)
                if told is None:
                    continue
                nothing = replace(told, text=["Nothing, relative to this contender."], tables=[])
                parts.append(
                    self._section(
                        [
                            (
                                section_of.get(anchor, nothing),
                                [*ratios.get(anchor, []), *drawn.get(anchor, [])],
                            )
                            for section_of, ratios in views
                        ]
                    )
                )
            if parts:
                made.append({"title": title, "sections": parts})
        return made

    def _section(self, views: Sequence[tuple[Section, Sequence[Chart]]]) -> dict[str, Any]:
        """Return a section as the template wants it, once for each reference if it depends on that."""
        first = views[0][0]
        kept = views if first.relative else views[:1]
        return {
            "anchor": first.anchor,
            "title": first.title,
            "relative": first.relative and len(views) > 1,
            "views": [
                {
                    "text": section.text,
                    "tables": [self._table(table, section) for table in section.tables],
                    "charts": [self._chart(chart) for chart in shown[:AT_ONCE]],
                    "more_charts": [self._chart(chart) for chart in shown[AT_ONCE:]],
                }
                for section, shown in kept
            ],
            "commands": self.material.commands(first.measures) if first.measures else [],
        }

    def _table(self, table: Table, section: Section) -> dict[str, Any]:
        columns = [self._numbers["contender"].get(header) for header in table.headers]
        at = {header: place for place, header in enumerate(table.headers)}
        shared = self._marks({name: getattr(table, name) for name in ("tier", "threads", "device")})
        element = at.get("element")
        rows = []
        for cells in table.rows:
            marks = self._marks({name: cells[at[name]] for name in PLACES if name in at})
            if element is not None:
                number = self._elements.setdefault(cells[element], len(self._elements))
                marks["data-element"] = number
            rows.append({"marks": marks, "cells": list(zip(cells, columns, strict=True))})
        return {
            "title": table.title or section.title,
            "headers": list(zip(table.headers, columns, strict=True)),
            "rows": rows,
            "detail": table.detail,
            "marks": shared,
            "raw": " ".join(section.measures) if set(at) & {"workload", "contender", "element"} else "",
            "kind": {MATRIX: "matrix", EVERY_ELEMENT: "elements"}.get(table.title, ""),
            "names": at.get("contender"),
            "naming": {0, *(at[name] for name in NAMING if name in at)},
        }

    def _chart(self, chart: Chart) -> dict[str, Any]:
        self.drawn.append({**chart.content(), "title": chart.title})
        return {
            "title": unescape(chart.title),
            "marks": self._marks({name: unescape(getattr(chart, name)) for name in PLACES}),
            "number": len(self.drawn) - 1,
        }

    def _marks(self, facts: dict[str, str]) -> dict[str, int]:
        """Return the attributes by which the script shows and hides."""
        return {
            f"data-{kind}": self._numbers[kind][name]
            for kind, name in facts.items()
            if name in self._numbers[kind]
        }

    @staticmethod
    def _by_anchor(made: Iterable[Chart]) -> dict[str, list[Chart]]:
        found: dict[str, list[Chart]] = {}
        for chart in made:
            found.setdefault(chart.anchor, []).append(chart)
        return found


def _by_name(made: Iterable[Section]) -> dict[str, Section]:
    return {section.anchor: section for section in made if section.text or section.tables}


def inert(content: Any) -> str:
    r"""Return JSON for a script block: nothing in it ends the block or begins another.

    Examples
    --------
    >>> inert("</script><!--")
    '"\\u003c/script\\u003e\\u003c!--"'
    """
    text = _json(content)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def _raw(records: Iterable[Record]) -> tuple[str, int]:
    """Return the records as JSON, as many as a page holds, and how many they are."""
    kept: list[str] = []
    size = 0
    for record in records:
        text = record.model_dump_json()
        size += len(text)
        if size > MOST_RAW:
            break
        kept.append(text)
    return f"[{','.join(kept)}]", len(kept)


@dataclass(frozen=True)
class _Library:
    """Plotly's script, packed, and the hash by which the page's policy allows it."""

    packed: str
    hash: str


@cache
def _library() -> _Library:
    from plotly.offline import get_plotlyjs

    text = get_plotlyjs()
    return _Library(_packed(text), _hash(text))


def _packed(text: str) -> str:
    """Return text compressed, in letters and digits; the browser unpacks it when it is asked for."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _template(name: str) -> str:
    return (resources.files("benchmarks.report") / "templates" / name).read_text("utf-8")
