"""What a report is made of: the records of one run or several, and the self-check of their machine."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.once import Records
from benchmarks.result import Manifest, Measure, Record
from benchmarks.selfcheck.result import EFFORTS, SelfCheck
from benchmarks.store import Damaged, RunStore, StoreError
from benchmarks.surroundings import same_machine


@dataclass(frozen=True)
class Material:
    """Records as a report shows them.

    Parameters
    ----------
    runs
        Manifests with their folders.
    records
        Of all runs; a workload that several of them have is told apart by the run's name.
    damaged
        What could not be read, and why.
    checked
        The longest self-check of the first run's machine, if one is kept beside the runs.
    """

    runs: list[tuple[Path, Manifest]]
    records: Records
    damaged: list[Damaged]
    checked: SelfCheck | None = None

    @property
    def title(self) -> str:
        """Names of the runs."""
        return ", ".join(manifest.run for _, manifest in self.runs)

    @property
    def contenders(self) -> list[str]:
        """Names of all contenders, in the runs' order; those that only records name come last."""
        named = [name for _, manifest in self.runs for name in manifest.contenders]
        return list(dict.fromkeys([*named, *(record.case.contender for record in self.records)]))

    def commands(self, measures: Sequence[Measure]) -> list[str]:
        """Return what repeats the runs that asked for these measures, narrowed down to them."""
        return list(
            dict.fromkeys(
                command(manifest, measures)
                for _, manifest in self.runs
                if not measures or _asked(manifest, measures, self.records)
            )
        )


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
    damaged: list[Damaged] = []
    problems: list[StoreError] = []
    for folder in folders:
        try:
            stores.append(RunStore.open(folder))
        except StoreError as error:
            problems.append(error)
            damaged.append(Damaged(folder, str(error)))
    if not stores:
        raise problems[0]
    records: list[Record] = []
    found = [(store, *store.records()) for store in stores]
    shared = Counter(name for _, own, _ in found for name in {record.case.workload for record in own})
    for store, own, broken in found:
        damaged += broken
        for record in own:
            if shared[record.case.workload] > 1:
                name = f"{record.case.workload} ({store.manifest.run})"
                case = record.case.model_copy(update={"workload": name})
                records.append(record.model_copy(update={"case": case}))
            else:
                records.append(record)
    return Material(
        [(store.folder, store.manifest) for store in stores],
        Records(records),
        damaged,
        _self_check(stores[0]),
    )


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


def _asked(manifest: Manifest, measures: Sequence[Measure], records: Sequence[Record]) -> bool:
    """Return whether a run's suite has records of the measures."""
    return any(record.case.suite == manifest.suite and record.case.measure in measures for record in records)


def _self_check(store: RunStore) -> SelfCheck | None:
    """Return the longest self-check of the run's machine that is kept beside the run."""
    machine = store.manifest.environment.get("machine") or {}
    beside = store.folder.resolve().parent
    kept = []
    for path in sorted([beside / "selfcheck.json", *(beside / "selfcheck").glob("*.json")]):
        try:
            found = SelfCheck.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none, or one of another version
            continue
        if machine and same_machine(found.machine, machine) and found.effort in EFFORTS:
            kept.append(found)
    return max(kept, key=lambda found: (EFFORTS.index(found.effort), found.taken), default=None)
