"""Runs: begin one or take one up again, carry it out, and leave its folder complete."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import contenders, environment, surroundings
from benchmarks.datasets import Dataset
from benchmarks.datasets.mapped import mapped
from benchmarks.keeping import Watcher
from benchmarks.result import Manifest
from benchmarks.runner import Runner
from benchmarks.selfcheck.result import margin
from benchmarks.sides import Side
from benchmarks.store import RunStore, find_run, new_run_folder, timing_lock
from benchmarks.suite import Suite, load_suite
from benchmarks.temporary import TemporaryFolder, among
from benchmarks.worker import Worker, WorkerDied, WorkerFailed
from implementations import InvalidInput


@dataclass(frozen=True)
class Launch:
    """A run that is ready to go: what is measured, who takes part, and where it is kept."""

    suite: Suite
    contenders: list[str]
    data: dict[str, Dataset]
    store: RunStore
    sides: Mapping[str, Side] = field(default_factory=dict)


def begin(suite_name: str, overrides: dict[str, Any], names: Sequence[str], results: Path) -> Launch:
    """Check everything that can be checked beforehand, and make the run's folder.

    Parameters
    ----------
    overrides
        As in `benchmarks.suite.load_suite`.
    names
        Contenders; by default the suite's, else those that take part by default and are installed.

    Raises
    ------
    InvalidInput
        For an unknown suite, setting or contender, or if no contender can take part.
    BackendUnavailable
        If a contender was asked for by name and is not installed.
    StoreError
        If the folder cannot be written.
    """
    suite = load_suite(suite_name, overrides)
    contenders.require(names)
    present, absent = contenders.usable(names or suite.entrants, suite.device)
    if not present:
        raise InvalidInput(
            "contenders",
            expected=f"at least one that computes on {suite.device} here",
            got="; ".join(f"{name}: {reason}" for name, reason in absent.items()),
            action=f"see `versus doctor`; where they can, this measures {_intended(suite, absent)}",
        )
    data = read_data(suite, among(results / "local"))
    now = datetime.datetime.now().astimezone()
    folder = new_run_folder(results, suite.name, now)
    snapshot = environment.snapshot()
    floor = margin(results, snapshot["fingerprint"])
    suite = suite.model_copy(
        update={"speed": suite.speed.model_copy(update={"margin": max(suite.speed.margin, floor)})}
    )
    manifest = Manifest(
        run=folder.name,
        suite=suite.name,
        command=snapshot["command"],
        started=now.isoformat(timespec="seconds"),
        contenders=present,
        absent=absent,
        seed=suite.seed,
        settings=suite.model_dump(mode="json"),
        environment=snapshot,
    )
    return Launch(suite, present, data, RunStore.create(folder, manifest))


def _intended(suite: Suite, names: Iterable[str]) -> str:
    """Describe a run of a suite by those contenders."""
    workloads = ", ".join(workload.name for workload in suite.workloads)
    return f"{', '.join(suite.measures)} of {workloads}, by {', '.join(names)}"


def resume(run: str, results: Path) -> Launch:
    """Take up a run that was broken off; what it has finished is not repeated.

    Raises
    ------
    InvalidInput
        If machine, versions or code have changed since: one run has one of each.
    StoreError
        If there is no such run.
    """
    store = RunStore.open(find_run(run, results))
    if store.manifest.sides:
        raise InvalidInput(
            f"run {store.manifest.run}",
            expected="a run of what is installed here",
            got="two sides of something",
            action=f"take it up with: versus compare --resume {store.folder}",
        )
    return take_up(store)


def take_up(store: RunStore) -> Launch:
    """Return what is left of a run, if it would go on where and with what it began.

    Raises
    ------
    InvalidInput
        As in `resume`.
    """
    snapshots = store.manifest.environment, environment.snapshot()
    changed = surroundings.differences(*map(_constant, snapshots))
    if changed:
        raise InvalidInput(
            f"run {store.manifest.run}",
            expected="the machine, versions and code that it began with",
            got=", ".join(changed),
            action="go back to those, or begin a new run",
        )
    with store.locked():  # or refuse at once, before waiting for whoever works on it
        suite = Suite.model_validate(store.manifest.settings)
    return Launch(suite, store.manifest.contenders, read_data(suite, among(store.folder.parent)), store)


def _constant(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return what may not change in the middle of a run; a new kernel may come with a reboot."""
    facts = surroundings.deciding(snapshot)
    facts["machine"] = snapshot.get("fingerprint")
    return {**facts, "code": snapshot.get("code")}


def read_data(suite: Suite, where: Path | None = None) -> dict[str, Dataset]:
    """Return the data set of each workload by the workload's name.

    They are read in a process of their own, which leaves them in files, so that the parent stays small. The
    files last as long as the data sets. Waits for other runs: what they time would be disturbed.

    Parameters
    ----------
    where
        For the files, as in `benchmarks.temporary.TemporaryFolder`.

    Raises
    ------
    InvalidInput
        If one cannot be read: not downloaded, damaged, with NaN, too small to be split.
    StoreError
        If there is no place for the files.
    """
    with timing_lock():
        try:
            return _read_data(suite, where)
        except WorkerDied:  # perhaps by no fault of the data's
            return _read_data(suite, where)


def _read_data(suite: Suite, where: Path | None) -> dict[str, Dataset]:
    data: dict[str, Dataset] = {}
    files = TemporaryFolder(where)
    log, variables = files.path / "data.log", environment.worker_environment(suite.threads)
    try:
        with Worker("the data sets", variables, log, suite.timeout_seconds) as worker:
            for workload in suite.workloads:
                # the points of a grid share one copy
                same = next((each for each in suite.workloads if each.dataset == workload.dataset), workload)
                if same.name in data:
                    data[workload.name] = data[same.name]
                    continue
                folder = files.path / workload.name
                facts = worker.call("read", dataset=workload.dataset, seed=suite.seed, folder=folder)
                data[workload.name] = mapped(folder, facts, files)
    except BaseException as error:
        files.remove()
        if isinstance(error, WorkerFailed) and not isinstance(error, WorkerDied):
            raise InvalidInput(
                error.subject, expected=error.expected, got=error.got, action=error.action
            ) from error
        raise
    return data


def carry_out(launch: Launch, watcher: Watcher) -> None:
    """Run what is left to do, and note in the manifest how it ended.

    Raises
    ------
    KeyboardInterrupt
        After workers were ended and the manifest was written.
    StoreError
        If another process works on the run, or its folder cannot be written any more.
    """
    finished = False
    watcher.begin("other runs", 1)
    with launch.store.locked(), timing_lock():
        watcher.advance("over")
        launch.store.reload()
        try:
            Runner(
                launch.suite, launch.contenders, launch.data, launch.store, watcher, sides=launch.sides
            ).run()
            finished = True
        finally:
            launch.store.update_manifest(
                outcome="finished" if finished else "interrupted",
                finished=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                parent_peak_bytes=_largest(launch.store.manifest.parent_peak_bytes, environment.peak_bytes()),
            )


def _largest(*sizes: int | None) -> int | None:
    return max((size for size in sizes if size is not None), default=None)
