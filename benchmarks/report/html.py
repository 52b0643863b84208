"""A run, or several, as one HTML page that works offline."""

from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from html import unescape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import tables
from benchmarks.once import Records
from benchmarks.report.charts import MOST_WORKLOADS, Chart, Drawn, charts, plain, ratio_charts
from benchmarks.report.data import FORMULA
from benchmarks.report.material import Material, Run
from benchmarks.report.optional import needed
from benchmarks.report.sections import (
    CHAPTERS,
    Cell,
    Section,
    Sentence,
    Table,
    relative_sections,
    sections,
)
from benchmarks.report.sections.parity import EVERY_ELEMENT, MATRIX
from benchmarks.report.sections.section import Place
from benchmarks.report.spared import spared
from benchmarks.report.styles import Look, styles
from benchmarks.result import Measure, Record

if TYPE_CHECKING:
    import jinja2
    import pandas as pd

MOST_RAW = 16_000_000
"""Characters of raw records that a page holds before it is compressed; of the rest it names the files."""
AT_ONCE = 6
"""Charts of a section that are shown; more are folded."""
FILTERS = ("run", "workload", "tier", "threads", "device")
"""What the page can be narrowed down to, one of each, besides contenders."""
PLACES = (*FILTERS, "contender", "experiment")
"""What rows, tables and charts can be about."""
NAMING = ("run", "workload", "contender", "element", "metric", "pair", "network", "stage")
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
    from markupsafe import Markup

    records = material.records
    library, script = _library(), _template("report.js")
    raw, held = _raw(records)
    layout = _Layout(material)
    return (
        _environment()
        .get_template("report.html")
        .render(
            material=material,
            chapters=layout.chapters(),
            charts=_packed(_json(layout.drawn)),
            choices=layout.choices,
            references=layout.references,
            filters=[kind for kind in FILTERS if len(layout.choices[kind]) > 1],
            styles=[layout.looks[contender] for contender in layout.choices["contender"]],
            most_workloads=MOST_WORKLOADS,
            css=Markup(_template("report.css")),
            script=Markup(script),
            policy=f"script-src {_hash(script)} {library.hash}",
            library=library.packed,
            raw=_packed(raw),
            sources=_packed(_sources(material)),
            facts=Markup(
                inert(
                    {
                        "choices": layout.choices,
                        "references": layout.references,
                        "formula": FORMULA.pattern,
                        "held": held,
                        "total": len(records),
                        "runs": [
                            {"folder": run.folder.name, "records": len(run.records)} for run in material.runs
                        ],
                    }
                )
            ),
            made=now.isoformat(timespec="seconds"),
        )
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
        runs = self.material.runs
        cases = [record.case for record in self.material.records]
        timed = self._frames(tables.speed)
        named = itertools.chain.from_iterable(tables.references(run.records) for run in runs)
        self.references = sorted(dict.fromkeys(named), key=lambda name: name != tables.REFERENCE)
        workloads = list(dict.fromkeys(case.workload for case in cases))
        if len(workloads) > MOST_WORKLOADS:  # a view for each reference would make the page slow
            self.references = self.references[:1]
        tiers = list(itertools.chain.from_iterable(frame["tier"] for frame in timed))
        if self._frames(tables.cold_start_ratios):
            tiers.append(tables.START_TIER)
        self.choices = {
            "run": [run.name for run in runs],
            "workload": workloads,
            "contender": self.material.contenders,
            "tier": list(dict.fromkeys(tiers)),
            "threads": list(dict.fromkeys(case.track for case in cases)),
            "device": list(dict.fromkeys(case.device for case in cases)),
            "experiment": list(dict.fromkeys(case.experiment for case in cases if case.experiment)),
        }
        self.looks = styles(self.choices["contender"])
        self._numbers = {
            kind: {name: number for number, name in enumerate(names)} for kind, names in self.choices.items()
        }
        self._elements: dict[str, int] = {}
        self._keys: Counter[str] = Counter()

    def _frames(self, make: Callable[[Records], pd.DataFrame]) -> list[pd.DataFrame]:
        """Return the tables of the runs that have something in them."""
        made = (spared(make, run.records)[0] for run in self.material.runs)
        return [frame for frame in made if frame is not None and len(frame)]

    def chapters(self) -> list[dict[str, Any]]:
        """Return each chapter's title and sections."""
        drawn = self._by_anchor(partial(charts, looks=self.looks))
        ratios = partial(ratio_charts, looks=self.looks)
        first, *others = self.references or [tables.REFERENCE]
        views = [(_by_name(sections(self.material, first)), self._ratios(ratios, first))]
        views += [
            (_by_name(relative_sections(self.material, other)), self._ratios(ratios, other))
            for other in others
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
                                _together(ratios.get(anchor), drawn.get(anchor)),
                            )
                            for section_of, ratios in views
                        ]
                    )
                )
            if parts:
                made.append({"title": title, "sections": parts})
        return made

    def _ratios(self, draw: Callable[..., Drawn], reference: str) -> dict[str, _Shown]:
        return self._by_anchor(partial(draw, reference=reference))

    def _section(self, views: Sequence[tuple[Section, _Shown]]) -> dict[str, Any]:
        """Return a section as the template wants it, once for each reference if it depends on that."""
        first = views[0][0]
        kept = views if first.relative else views[:1]
        return {
            "anchor": first.anchor,
            "title": first.title,
            "relative": first.relative and len(views) > 1,
            "views": [self._view(section, shown) for section, shown in kept],
        }

    def _view(self, section: Section, shown: _Shown) -> dict[str, Any]:
        # a table or chart has the same name in the views of all references, so that it stays open and sorted
        self._keys = Counter()
        found = [self._table(table, section) for table in section.tables]
        drawn = [self._chart(chart, run, section) for run, chart in shown.charts]
        text = [*section.text, *shown.notes]
        return {
            "text": [self._said(each) for each in text],
            "evidence": self._evidence(section.measures, section.source),
            "tables": found,
            "charts": drawn[:AT_ONCE],
            "more_charts": drawn[AT_ONCE:],
        }

    def _said(self, text: str) -> dict[str, Any]:
        """Return a paragraph, and what it rests on where that is not what its section does."""
        if not isinstance(text, Sentence):
            return {"text": text, "marks": {}, "evidence": None}
        found = self._evidence(text.measures, run=text.run)
        return {"text": text, "marks": self._marks({"run": text.run}), "evidence": found}

    def _evidence(
        self, measures: Sequence[Measure], source: str = "", run: str = ""
    ) -> dict[str, Any] | None:
        """Return where the raw samples of something are, and what repeats them."""
        if source:
            found = [_repeated(each) for each in self.material.runs] if source == "selfcheck" else []
            commands = [command for command in found if command] or self.material.commands(())
            return {"source": source, "measures": "", "marks": {}, "commands": list(dict.fromkeys(commands))}
        if not measures:
            return None
        return {
            "source": "",
            "measures": " ".join(measures),
            "marks": self._marks({"run": run}),
            "commands": self.material.commands(measures, run),
        }

    def _table(self, table: Table, section: Section) -> dict[str, Any]:
        columns = [self._numbers["contender"].get(header) for header in table.headers]
        at = {header: place for place, header in enumerate(table.headers)}
        element, measures = at.get("element"), table.measures or section.measures
        rows = []
        for cells in (list(map(_cell, row)) for row in table.rows):
            place: dict[str, str | tuple[str, ...]] = {name: cells[at[name]] for name in PLACES if name in at}
            for cell in cells:
                place |= cell.place
            marks = self._marks(place)
            if element is not None:
                number = self._elements.setdefault(cells[element], len(self._elements))
                marks["data-element"] = number
            parts = [[(part, self._marks(part.place)) for part in cell.parts] for cell in cells]
            rows.append({"marks": marks, "cells": list(zip(cells, columns, parts, strict=True))})
        return {
            "title": table.title or section.title,
            "headers": list(zip(table.headers, columns, strict=True)),
            "rows": rows,
            "detail": table.detail and not table.unfolded,
            "marks": self._marks(table.place)
            | {"data-key": self._key(section.anchor, table.key or table.title)},
            "evidence": self._evidence(measures, section.source),
            "raw": " ".join(measures) if set(at) & {*_OWN_RECORDS} else "",
            "kind": {MATRIX: "matrix", EVERY_ELEMENT: "elements"}.get(table.title, ""),
            "names": at.get("contender"),
            "naming": {0, *(at[name] for name in NAMING if name in at)},
        }

    def _chart(self, chart: Chart, run: str, section: Section) -> dict[str, Any]:
        several = len(self.material.runs) > 1
        title = f"Run {run}, {unescape(chart.title)}" if several else unescape(chart.title)
        place = {name: unescape(value) for name, value in chart.place.items()}
        content = chart.content()
        self.drawn.append({**content, "title": plain(title)})
        return {
            "title": title,
            "marks": self._marks({**place, "run": run} if several else place)
            | {"data-key": self._key(section.anchor, f"chart: {title}")},
            "evidence": self._evidence(section.measures, run=run if several else ""),
            "number": len(self.drawn) - 1,
            "height": content["layout"]["height"],
        }

    def _marks(self, place: Place) -> dict[str, Any]:
        """Return the attributes by which the script shows and hides: a number, or several with spaces."""
        marks: dict[str, Any] = {}
        for kind, names in place.items():
            known = self._numbers[kind]
            numbers = [
                known[name] for name in ((names,) if isinstance(names, str) else names) if name in known
            ]
            if numbers:
                marks[f"data-{kind}"] = numbers[0] if len(numbers) == 1 else " ".join(map(str, numbers))
        return marks

    def _key(self, anchor: str, name: str) -> str:
        """Return a name that stays the same in every page with this table or chart, for links."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        self._keys[digest] += 1
        count = self._keys[digest]
        return f"{anchor}.{digest}" + (f".{count}" if count > 1 else "")

    def _by_anchor(self, draw: Callable[[Records], Drawn]) -> dict[str, _Shown]:
        """Return each run's charts, and what had to be left out of them."""
        found: dict[str, _Shown] = {}
        for run in self.material.runs:
            drawn = draw(run.records)
            for chart in drawn.charts:
                found.setdefault(chart.anchor, _Shown()).charts.append((run.name, chart))
            for anchor, notes in drawn.left_out.items():
                found.setdefault(anchor, _Shown()).notes.extend(notes)
        return found


@dataclass
class _Shown:
    """Charts of a section with their runs, and what had to be left out of them."""

    charts: list[tuple[str, Chart]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _together(*parts: _Shown | None) -> _Shown:
    made = _Shown()
    for part in parts:
        if part:
            made.charts.extend(part.charts)
            made.notes.extend(part.notes)
    return made


_OWN_RECORDS = ("workload", "contender", "element", "experiment")
"""Columns by which the raw samples of a row can be told from those of its table."""


def _cell(text: str) -> Cell:
    return text if isinstance(text, Cell) else Cell(text)


def _repeated(run: Run) -> str:
    """Return the command that repeats the self-check of a run's machine."""
    return f"versus selfcheck --effort {run.checked.effort}" if run.checked else ""


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


def _sources(material: Material) -> str:
    """Return what else the page rests on, as JSON: manifests and self-checks, each with its runs."""
    manifests = [(run.name, run.manifest.model_dump_json()) for run in material.runs]
    checks = [
        (", ".join(run.name for run in runs), checked.model_dump_json())
        for checked, runs in material.self_checks
        if checked
    ]
    listed = {
        kind: ",".join(f'{{"of":{json.dumps(name)},"content":{text}}}' for name, text in found)
        for kind, found in (("manifest", manifests), ("selfcheck", checks))
    }
    return "{" + ",".join(f'"{kind}":[{text}]' for kind, text in listed.items()) + "}"


@dataclass(frozen=True)
class _Library:
    """Plotly's script, packed, and the hash by which the page's policy allows it."""

    packed: str
    hash: str


@cache
def _library() -> _Library:
    from plotly.offline import get_plotlyjs

    text = _read_once(get_plotlyjs())
    return _Library(_packed(text), _hash(text))


def _read_once(script: str) -> str:
    """Return plotly's script with the function that all of it is in between parentheses.

    By these V8 knows that it is called at once: without them it reads the megabytes within to skip them, and
    once more to run them, a fifth of the time until charts can be drawn. A script of another form stays as
    it is.
    """
    begin, end = ": this, () => {\n", "return Plotly;\n}));"
    head, found, rest = script.partition(begin)
    if not found or not rest.rstrip().endswith(end):
        return script
    body = rest.rstrip().removesuffix(end)
    return f"{head}{begin.replace('() =>', '(() =>')}{body}{end.replace('}));', '})));')}\n"


def _packed(text: str) -> str:
    """Return text compressed, in letters and digits; the browser unpacks it when it is asked for."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@cache
def _environment() -> jinja2.Environment:
    """Return what makes text of the templates; kept, as it also keeps them compiled."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.DictLoader(
            {name: _template(name) for name in ("report.html", "table.html", "evidence.html")}
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> str:
    return (resources.files("benchmarks.report") / "templates" / name).read_text("utf-8")
