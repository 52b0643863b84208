"""What can be made of records although it cannot be made of some of them.

A record that keeps to the schema can still hold what no figure can be computed from: a list without an entry,
a time of nothing. It is left out by name, with what went wrong, and the rest is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.once import Records
from benchmarks.result import Record

T = TypeVar("T")

MOST = 30
"""Records that are looked for and left out; with more of them nothing is made, for each costs ten tries."""


@dataclass(frozen=True)
class LeftOut:
    """A record of which something could not be made, and why; no record if the reason is none of them."""

    record: Record | None
    reason: str

    def __str__(self) -> str:
        if self.record is None:
            return f"Cannot be made: {self.reason}."
        return f"Made without the record {self.record.case.id}, with which it cannot be made: {self.reason}."


def spared(make: Callable[[Records], T], records: Records) -> tuple[T | None, list[LeftOut]]:
    """Return what is made of the records, or of those that are left, and which were left out.

    Examples
    --------
    >>> spared(len, Records())
    (0, [])
    """
    left_out: list[LeftOut] = []
    while True:
        made, reason = _tried(make, records)
        if reason is None:
            return made, left_out
        culprit = _culprit(make, records) if len(left_out) < MOST else None
        if culprit is None:
            return None, [*left_out, LeftOut(None, reason)]
        _, reason = _tried(make, Records(records[: culprit + 1]))
        left_out.append(LeftOut(records[culprit], reason or ""))
        records = Records(each for place, each in enumerate(records) if place != culprit)


def _culprit(make: Callable[[Records], T], records: Records) -> int | None:
    """Return the last record of the shortest beginning that fails; None if it takes no record to fail."""
    if _tried(make, Records())[1] is not None:
        return None
    made, failing = 0, len(records)
    while failing - made > 1:
        half = (made + failing) // 2
        if _tried(make, Records(records[:half]))[1] is None:
            made = half
        else:
            failing = half
    return failing - 1


def _tried(make: Callable[[Records], T], records: Records) -> tuple[T | None, str | None]:
    """Return what is made, or in one line why it cannot be."""
    try:
        return make(records), None
    except Exception as error:  # noqa: BLE001 - whatever a record causes, the rest of the report is shown
        return None, " ".join(f"{type(error).__name__}: {error}".split())
