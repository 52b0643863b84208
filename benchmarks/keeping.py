"""What a run keeps: a record for each case, whole or not at all, and which cases are done."""

from __future__ import annotations

import datetime
import time
from typing import Protocol

from benchmarks.result import (
    CardData,
    Case,
    CurvesData,
    ElementsData,
    LimitData,
    Measure,
    MemoryData,
    ParityData,
    ProfileData,
    Record,
    SpeedData,
    Status,
)
from benchmarks.store import RunStore
from benchmarks.suite import Suite, Workload

INTERRUPTED = "interrupted"
"""What ended a timing that did not come to its end."""


Data = CardData | ElementsData | ParityData | CurvesData | SpeedData | LimitData | ProfileData | MemoryData


class Watcher(Protocol):
    """Whoever shows how far a run has come."""

    def begin(self, phase: str, total: int) -> None:
        """A phase of that many units begins."""

    def advance(self, what: str) -> None:
        """One unit of the phase is done."""


class Keeper:
    """Writes the records of a run, and knows what is left to do.

    Parameters
    ----------
    store
        Where records go; cases that it already holds are not run again.
    """

    def __init__(self, suite: Suite, store: RunStore, watcher: Watcher) -> None:
        self.suite, self.store, self.watcher = suite, store, watcher
        self.interrupted = False
        self._done = {record.case.id for record in store.each() if is_final(record)}

    def interrupt(self) -> None:
        """Keep nothing more: cases that are broken off leave no records."""
        self.interrupted = True

    def is_done(self, case: Case) -> bool:
        """Return whether a case has a final record."""
        return case.id in self._done

    def finish(self, case: Case) -> None:
        """Note that a case has its final record."""
        self._done.add(case.id)

    def left(self, contender: str, *measures: Measure) -> list[tuple[Workload, Case]]:
        """Return what is left to do for a contender."""
        cases = [
            (workload, self.suite.case(workload, measure, contender))
            for measure in measures
            if measure == "card" or measure in self.suite.measures
            for workload in self.suite.having(measure)
        ]
        return [(workload, case) for workload, case in cases if not self.is_done(case)]

    def keep(
        self,
        case: Case,
        workload: Workload,
        began: float,
        status: Status,
        reason: str | None = None,
        data: Data | None = None,
    ) -> None:
        """Write a record and report progress; a case that an interruption broke off leaves none."""
        if not self.interrupted:
            self.write(case, workload, began, status, reason, data)
            self.watcher.advance(f"{case.workload} {case.contender}")

    def write(
        self,
        case: Case,
        workload: Workload,
        began: float,
        status: Status,
        reason: str | None = None,
        data: Data | None = None,
    ) -> None:
        """Write a record of what began at that time of the monotonic clock."""
        seconds = time.monotonic() - began
        started = datetime.datetime.now().astimezone() - datetime.timedelta(seconds=seconds)
        self.store.write(
            Record(
                case=case,
                status=status,
                reason=reason,
                started=started.isoformat(timespec="seconds"),
                seconds=seconds,
                spec={
                    "dataset": workload.dataset,
                    "model": workload.model,
                    "early_stopping": workload.early_stopping,
                    "target_accuracy": workload.target_accuracy,
                },
                data=data,
            )
        )


def is_final(record: Record) -> bool:
    """Return whether a resumed run may leave this case as it is."""
    broken_off = isinstance(record.data, SpeedData) and record.data.stopped_by == INTERRUPTED
    return record.status == "finished" and not broken_off
