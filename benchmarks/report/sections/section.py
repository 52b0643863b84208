"""What sections, tables and their cells are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from benchmarks.result import Measure

if TYPE_CHECKING:
    import pandas as pd

Outcome = Literal["", "failed", "known deviation"]
Place = Mapping[str, str | tuple[str, ...]]
"""What something is about (`workload`, `contender`, `tier`, ...): one name of each kind, or several.

Filters hide what is about a contender that is not shown, and what is about none but others than the chosen
workload, tier and so on.
"""


class Cell(str):
    """A cell's text, which knows what it is sorted by, what it says of a check, and what it is about.

    Parameters
    ----------
    order
        Numbers, the first of which decides; without any the text itself is sorted by.
    place
        What its row is about, besides what stands in columns of these names; of a part, what that is about.
    parts
        Pieces of the text of which filters hide some; the cell itself stays, as a row has one in each column.

    Examples
    --------
    >>> cell = Cell("FAILED 12", order=(1.0, 12.0), outcome="failed")
    >>> cell, cell.order, cell.outcome
    ('FAILED 12', (1.0, 12.0), 'failed')
    """

    order: tuple[float, ...]
    outcome: Outcome
    place: Place
    parts: tuple[Cell, ...]

    def __new__(
        cls,
        text: str,
        order: tuple[float, ...] = (),
        outcome: Outcome = "",
        *,
        place: Place | None = None,
        parts: tuple[Cell, ...] = (),
    ) -> Cell:
        """Make the text and remember the rest."""
        made = super().__new__(cls, text)
        made.order, made.outcome, made.place, made.parts = order, outcome, place or {}, parts
        return made

    @classmethod
    def of(cls, parts: Iterable[Cell]) -> Cell:
        """Return a cell of parts.

        Examples
        --------
        >>> Cell.of(Cell(name, place={"contender": name.strip("= ")}) for name in ("torch", " = numpy"))
        'torch = numpy'
        """
        found = tuple(parts)
        return cls("".join(found), parts=found)


class Sentence(str):
    """A sentence that rests on other records than the rest of its section.

    Parameters
    ----------
    measures
        The measures whose records it is computed from.
    run
        The run that it is about, where a report has several.
    """

    measures: tuple[Measure, ...]
    run: str

    def __new__(cls, text: str, measures: tuple[Measure, ...], run: str = "") -> Sentence:
        """Make the text and remember the rest."""
        made = super().__new__(cls, text)
        made.measures, made.run = measures, run
        return made


@dataclass(frozen=True)
class Table:
    """Cells as text.

    Parameters
    ----------
    title
        What the table shows; may be empty.
    detail
        Whether it only repeats more precisely what another table says; the terminal leaves it out.
    unfolded
        Whether the page shows it at once all the same.
    place
        What all rows share (`tier`, `threads`, `device`, `workload`, ...): tiers and tracks are never mixed.
    key
        Its name among the section's tables where the title depends on the reference.
    measures
        The measures whose records it is computed from; by default the section's.
    """

    title: str
    headers: list[str]
    rows: Sequence[Sequence[str]]
    detail: bool = False
    unfolded: bool = False
    place: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    measures: tuple[Measure, ...] = ()


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
    source
        What else it is computed from: a run's manifest, or the self-check of its machine.
    relative
        Whether it depends on the contender that ratios are relative to.
    """

    anchor: str
    title: str
    text: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    measures: tuple[Measure, ...] = ()
    source: Literal["", "manifest", "selfcheck"] = ""
    relative: bool = False


PLACES = ("threads", "device")


def varying(frame: pd.DataFrame) -> list[str]:
    """Return in which of thread track and device the rows differ: only then a table has columns for them."""
    return [name for name in PLACES if frame[name].nunique() > 1]


def shared(frame: pd.DataFrame) -> dict[str, str]:
    """Return thread track and device where all rows have the same."""
    return {name: str(frame[name].iloc[0]) for name in PLACES if frame[name].nunique() == 1}
