"""Charts for the HTML page. Each contender has one colour and one marker everywhere."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks import tables
from benchmarks.once import Records, kept, once
from benchmarks.report.charts import crossover, learning, limit, memory, parity, speed
from benchmarks.report.charts.chart import MOST_WORKLOADS, Chart
from benchmarks.report.spared import spared
from benchmarks.report.styles import Look
from benchmarks.result import Case, Record

__all__ = ["MOST_WORKLOADS", "Chart", "Drawn", "charts", "plain", "ratio_charts"]


@dataclass(frozen=True)
class Drawn:
    """Charts, and by anchor what had to be left out of them, and why."""

    charts: list[Chart]
    left_out: dict[str, list[str]]


def charts(records: Iterable[Record], looks: Mapping[str, Look]) -> Drawn:
    """Return all charts that the records have data for and that no contender is a reference of.

    Parameters
    ----------
    looks
        Colour and marker of each contender in the records.
    """
    looks = _harmless_looks(looks)
    return _drawn(
        kept(records),
        (
            ("parity", partial(parity.drifts, looks=looks)),
            ("parity", partial(parity.pairs, looks=looks)),
            ("learning", partial(learning.curves, looks=looks)),
            ("learning", partial(learning.confusion, looks=looks)),
            ("limit", partial(limit.rooflines, looks=looks)),
            ("crossover", partial(crossover.fastest, looks=looks)),
            ("crossover", partial(crossover.costs, looks=looks)),
            ("cold-start", speed.cold_starts),
            ("memory", partial(memory.memory, looks=looks)),
            ("course", partial(learning.course, looks=looks)),
        ),
    )


def ratio_charts(
    records: Iterable[Record], looks: Mapping[str, Look], reference: str = tables.REFERENCE
) -> Drawn:
    """Return the charts of times ÷ the reference's."""
    draw = partial(speed.ratios, looks=_harmless_looks(looks), reference=plain(reference))
    return _drawn(kept(records), (("speed", draw),))


def _drawn(records: Records, drawings: Iterable[tuple[str, Callable[[Records], Iterable[Chart]]]]) -> Drawn:
    found: list[Chart] = []
    notes: dict[str, list[str]] = {}
    for anchor, draw in drawings:
        made, left_out = spared(partial(_listed, draw), _harmless(records))
        found += made or []
        if left_out:
            notes.setdefault(anchor, []).extend(f"Charts: {html.unescape(str(each))}" for each in left_out)
    return Drawn(found, notes)


def _listed(draw: Callable[[Records], Iterable[Chart]], records: Records) -> list[Chart]:
    return list(draw(records))


def plain(text: str) -> str:
    """Return text that plotly, which reads some HTML, shows as it is.

    Examples
    --------
    >>> plain("<b>")
    '&lt;b&gt;'
    """
    return html.escape(text, quote=False)


@once
def _harmless(records: Records) -> Records:
    """Return records whose names may be drawn: those in files are not to be trusted."""
    cases = [_harmless_case(record.case) for record in records]
    if all(case is record.case for case, record in zip(cases, records, strict=True)):
        return records
    return Records(
        record.model_copy(update={"case": case}) for record, case in zip(records, cases, strict=True)
    )


def _harmless_looks(looks: Mapping[str, Look]) -> dict[str, Look]:
    return {plain(contender): look for contender, look in looks.items()}


def _harmless_case(case: Case) -> Case:
    names = ("workload", "contender", "device", "experiment", "level")
    texts = {name: text for name in names if (text := getattr(case, name)) is not None}
    changed = {name: plain(text) for name, text in texts.items() if plain(text) != text}
    return case.model_copy(update=changed) if changed else case
