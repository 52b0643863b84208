"""The timing of a run: who takes part, what an earlier part of the run has left, and what is written when."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from benchmarks.datasets import Dataset
from benchmarks.interleaving import FAILURES, Hire, Outcome, interleave
from benchmarks.keeping import INTERRUPTED, Keeper
from benchmarks.packed import Packed
from benchmarks.result import ParityData, SpeedData
from benchmarks.suite import Workload

NO_PARTNER = "not timed: the others' timing had ended, and only times taken in turns can be compared"


class Timing:
    """All contenders that have passed parity, in turns.

    Parameters
    ----------
    data
        Workload name -> its data set.
    hire
        Starts a worker that is timed.
    references
        Contender -> the one whose times its own are divided by; by default the first one.
    """

    def __init__(
        self,
        contenders: Sequence[str],
        data: Mapping[str, Dataset],
        keeper: Keeper,
        hire: Hire,
        references: Mapping[str, str],
    ) -> None:
        self._suite, self._contenders, self._data = keeper.suite, contenders, data
        self._keeper, self._hire, self._references = keeper, hire, references

    def run(self) -> None:
        """Time what is left, and write a record for each contender and workload."""
        participants: dict[str, list[str]] = {}
        left = {
            workload.name for name in self._contenders for workload, _ in self._keeper.left(name, "speed")
        }
        for workload in self._suite.having("speed"):
            # all of them, even if one's record was written before the run was broken off: they are paired
            for contender in self._contenders if workload.name in left else ():
                if reason := self._no_parity(workload, contender):
                    case = self._suite.case(workload, "speed", contender)
                    self._keeper.keep(case, workload, time.monotonic(), "skipped", reason)
                else:
                    participants.setdefault(workload.name, []).append(contender)
        workloads = [workload for workload in self._suite.workloads if workload.name in participants]
        if not workloads:
            return
        outcome, began = self._times_so_far(workloads, participants), time.monotonic()

        def keep() -> None:
            self._keep_times(workloads, participants, outcome, began)

        interleave(
            self._suite,
            workloads,
            participants,
            self._data,
            self._hire,
            outcome,
            lambda index, turns: self._keeper.watcher.begin(f"speed, block {index + 1}", turns),
            self._keeper.watcher.advance,
            keep,
            self._references,
        )
        keep()

    def _times_so_far(
        self, workloads: Sequence[Workload], participants: Mapping[str, Sequence[str]]
    ) -> Outcome:
        """Return what an earlier part of the run has left: blocks, and why a workload needed no more."""
        done = self._keeper.store.manifest
        outcome = Outcome(next_index=done.blocks_done, seconds=done.timing_seconds)
        for workload in workloads:
            if reason := done.stopped_by.get(workload.name):
                outcome.stopped_by[workload.name] = reason
            for contender in participants[workload.name]:
                record = self._keeper.store.record(self._suite.case(workload, "speed", contender).id)
                if record is None:
                    continue
                pair = workload.name, contender
                if record.status == "failed" and reason:
                    outcome.failures[pair] = str(record.reason)
                if isinstance(record.data, SpeedData):
                    # a later one was being written when the run was broken off, and others may lack it
                    outcome.blocks[pair] = Packed(
                        block for block in record.data.blocks if block.index < done.blocks_done
                    )
                    outcome.lost[pair] = {
                        index: why
                        for index, why in record.data.lost_blocks.items()
                        if index < done.blocks_done
                    }
        return outcome

    def _keep_times(
        self,
        workloads: Sequence[Workload],
        participants: Mapping[str, Sequence[str]],
        outcome: Outcome,
        began: float,
    ) -> None:
        """Write what timing has brought: blocks first, then that all have them, and last what is final.

        A kill between two writes then leaves no contender with a block that another lacks, and no record
        changes after it is final.
        """
        left = [
            (workload, contender)
            for workload in workloads
            for contender in participants[workload.name]
            if not self._keeper.is_done(self._suite.case(workload, "speed", contender))
        ]
        for workload, contender in left:
            if workload.name not in self._keeper.store.manifest.stopped_by:
                self._write_times(workload, contender, outcome, began, INTERRUPTED)
        # whoever failed has another chance when the run is taken up, where no partner is done by then
        ended = {name: reason for name, reason in outcome.stopped_by.items() if reason != FAILURES}
        self._keeper.store.update_manifest(
            blocks_done=outcome.next_index,
            timing_seconds=outcome.seconds,
            stopped_by={**self._keeper.store.manifest.stopped_by, **ended},
        )
        for workload, contender in left:
            if reason := outcome.stopped_by.get(workload.name):
                self._write_times(workload, contender, outcome, began, reason)
                self._keeper.finish(self._suite.case(workload, "speed", contender))

    def _write_times(
        self, workload: Workload, contender: str, outcome: Outcome, began: float, stopped_by: str
    ) -> None:
        case, pair = self._suite.case(workload, "speed", contender), (workload.name, contender)
        blocks, lost, data = list(outcome.blocks[pair]), outcome.lost[pair], None
        if blocks or lost:
            data = SpeedData(
                blocks=blocks,
                stopped_by=stopped_by,
                lost_blocks=lost,
                preset=self._suite.speed.preset,
                margin=self._suite.speed.margin,
            )
        if pair in outcome.failures or (lost and not blocks):
            reason = outcome.failures.get(pair) or list(lost.values())[-1]
            self._keeper.write(case, workload, began, "failed", reason, data)
        elif blocks:
            self._keeper.write(case, workload, began, "finished", data=data)
        elif stopped_by != INTERRUPTED:
            self._keeper.write(case, workload, began, "skipped", NO_PARTNER)

    def _no_parity(self, workload: Workload, contender: str) -> str | None:
        """Return why a contender may not be timed on a workload: no parity, no time."""
        case = self._suite.case(workload, "parity", contender)
        record = self._keeper.store.record(case.id)
        if record is None or not isinstance(record.data, ParityData):
            return "not timed: its parity could not be checked"
        return None if record.data.passed else "not timed: not the same computation"
