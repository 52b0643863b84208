"""What a report is made of: the records of one run or several, and the self-check of their machine."""

from __future__ import annotations

import itertools
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import tables
from benchmarks.once import Records
from benchmarks.report.spared import spared
from benchmarks.result import Manifest, Measure
from benchmarks.selfcheck.result import EFFORTS, SelfCheck
from benchmarks.store import Damaged, RunStore, StoreError, reason_of
from benchmarks.surroundings import same_machine

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Run:
    """A run as a report shows it.

    Parameters
    ----------
    name
        By which the report tells it from the others.
    damaged
        Its records, and self-checks beside it, that could not be read, and why.
    checked
        The longest self-check of its machine, if one is kept beside it.
    """

    name: str
    folder: Path
    manifest: Manifest
    records: Records
    damaged: list[Damaged] = field(default_factory=list)
    checked: SelfCheck | None = None

    @cached_property
    def measures(self) -> frozenset[Measure]:
        """Those that it has records of."""
        return frozenset(record.case.measure for record in self.records)

    def command(self, measures: Sequence[Measure]) -> str | None:
        """Return what repeats the run, narrowed down to some measures; None if it has none of them."""
        if not measures or self.measures <= set(measures):
            return command(self.manifest, ())
        return command(self.manifest, measures) if self.measures & set(measures) else None


@dataclass(frozen=True)
class Material:
    """What a report shows: one run or several, and the runs that could not be read."""

    runs: list[Run]
    unreadable: list[Damaged] = field(default_factory=list)

    @cached_property
    def records(self) -> Records:
        """Those of all runs."""
        if len(self.runs) == 1:
            return self.runs[0].records
        return Records(itertools.chain.from_iterable(run.records for run in self.runs))

    @property
    def damaged(self) -> list[Damaged]:
        """What could not be read, and why."""
        return [*self.unreadable, *itertools.chain.from_iterable(run.damaged for run in self.runs)]

    @property
    def self_checks(self) -> list[tuple[SelfCheck | None, list[Run]]]:
        """Self-checks of the runs' machines, each with its runs."""
        found: list[tuple[SelfCheck | None, list[Run]]] = []
        for run in self.runs:
            same = next((runs for checked, runs in found if checked == run.checked), None)
            if same is None:
                found.append((run.checked, [run]))
            else:
                same.append(run)
        return found

    @property
    def title(self) -> str:
        """Names of the runs."""
        return ", ".join(run.name for run in self.runs)

    @property
    def contenders(self) -> list[str]:
        """Names of all contenders, in the runs' order; those that only records name come last."""
        named = [name for run in self.runs for name in run.manifest.contenders]
        return list(dict.fromkeys([*named, *(record.case.contender for record in self.records)]))

    def commands(self, measures: Sequence[Measure], only: str = "") -> list[str]:
        """Return what repeats the runs that have these measures, narrowed down to them.

        Parameters
        ----------
        only
            Name of the run that is asked about; by default all are.
        """
        found = (run.command(measures) for run in self.runs if only in ("", run.name))
        return list(dict.fromkeys(command for command in found if command))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by name, with a column for the run where there are several.

        Records that a table cannot be made of are in one of their own, `left_out`.
        """
        import pandas as pd

        found: dict[str, list[pd.DataFrame]] = defaultdict(list)
        left_out = []
        for run in self.runs:
            for name, make in tables.TABLES.items():
                frame, without = spared(make, run.records)
                left_out += [
                    {"run": run.name, "table": name, "record": each.record and each.record.case.id}
                    | {"reason": each.reason}
                    for each in without
                ]
                if frame is not None and len(frame):
                    found[name].append(frame.assign(run=run.name) if len(self.runs) > 1 else frame)
        made = {name: pd.concat(found[name], ignore_index=True) for name in tables.TABLES if name in found}
        if len(self.runs) > 1:
            made = {name: frame[["run", *frame.columns.drop("run")]] for name, frame in made.items()}
        return {**made, "left_out": pd.DataFrame(left_out)} if left_out else made


def of(store: RunStore) -> Material:
    """Return the material of one run."""
    return gather([store.folder])


def gather(folders: Iterable[Path]) -> Material:
    """Read runs for one report; a run that cannot be read is told among what is damaged.

    Raises
    ------
    StoreError
        If none can be read.
    """
    stores: list[RunStore] = []
    unreadable: list[Damaged] = []
    problems: list[StoreError] = []
    for folder in folders:
        try:
            stores.append(RunStore.open(folder))
        except StoreError as error:
            problems.append(error)
            unreadable.append(Damaged(folder, str(error)))
    if not stores:
        raise problems[0]
    runs = []
    for name, store in zip(_names(stores), stores, strict=True):
        records, damaged = store.records()
        checked, unread = _self_check(store)
        runs.append(Run(name, store.folder, store.manifest, Records(records), [*damaged, *unread], checked))
    return Material(runs, unreadable)


def _names(stores: Sequence[RunStore]) -> list[str]:
    """Return names that tell the runs apart: those of two with the same name are numbered."""
    given = [store.manifest.run for store in stores]
    return [
        name if given.count(name) == 1 else f"{name} ({given[: place + 1].count(name)})"
        for place, name in enumerate(given)
    ]


def command(manifest: Manifest, measures: Sequence[Measure]) -> str:
    r"""Return what repeats a run, narrowed down to some measures where its command can be.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> command(SimpleNamespace(command=["versus", "run"]), ["parity", "curves"])
    'versus run --set \'measures=["parity", "curves"]\''
    """
    words = list(manifest.command)
    if measures and words[1:2] == ["run"] and not any(word.startswith("measures=") for word in words):
        words += ["--set", f"measures={json.dumps(list(dict.fromkeys(measures)))}"]
    return shlex.join(words)


def _self_check(store: RunStore) -> tuple[SelfCheck | None, list[Damaged]]:
    """Return the longest self-check of the run's machine that is kept beside the run, and unreadable ones."""
    machine = store.manifest.environment.get("machine")
    beside = store.folder.resolve().parent
    kept, unread = [], []
    for path in sorted([*beside.glob("selfcheck.json"), *(beside / "selfcheck").glob("*.json")]):
        try:
            found = SelfCheck.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            unread.append(Damaged(path, reason_of(error)))
            continue
        known = isinstance(machine, dict) and machine and same_machine(found.machine, machine)
        if known and found.effort in EFFORTS and not found.interrupted:
            kept.append(found)
    return max(kept, key=lambda found: (EFFORTS.index(found.effort), found.taken), default=None), unread
