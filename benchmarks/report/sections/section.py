"""What sections and tables are."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.result import Measure


@dataclass(frozen=True)
class Table:
    """Cells as text.

    Parameters
    ----------
    title
        What the table shows; may be empty.
    detail
        Whether it only repeats more precisely what another table says; the terminal leaves it out.
    tier, threads, device
        What all rows share, where the table is about times: they are never mixed.
    """

    title: str
    headers: list[str]
    rows: list[list[str]]
    detail: bool = False
    tier: str = ""
    threads: str = ""
    device: str = ""


@dataclass(frozen=True)
class Section:
    """One answer.

    Parameters
    ----------
    anchor
        Name for links and for the charts that belong to it.
    text
        Paragraphs.
    measures
        The measures whose records it is computed from.
    relative
        Whether it depends on the contender that ratios are relative to.
    """

    anchor: str
    title: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    measures: tuple[Measure, ...] = ()
    relative: bool = False
