"""The parent: which case when, and in which worker. It imports no framework.

Order: elements, parity and curves, contender by contender, as many side by side as there are cores; then
speed, all contenders interleaved and nothing else running; then the limit, in one process that holds NumPy;
then profiles and memory, in processes that are never timed.
A contender that fails parity on a workload is not timed on it.

What a worker was doing when it died is tried once more, by a fresh one; what that cannot do either fails its
case alone.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

import psutil

from benchmarks import environment
from benchmarks.datasets import Dataset
from benchmarks.keeping import Data, Keeper, Watcher
from benchmarks.measures import memory, parity
from benchmarks.modes import Mode, mode_of
from benchmarks.result import (
    CardData,
    Case,
    Curve,
    CurvesData,
    ElementsData,
    LimitData,
    Measure,
    MemoryData,
    ParityData,
    ProfileData,
)
from benchmarks.sides import Side, standing_for_themselves
from benchmarks.store import RunStore, writing
from benchmarks.suite import ELEMENTS, Suite, Workload
from benchmarks.temporary import TemporaryFolder, among
from benchmarks.timing import Timing
from benchmarks.worker import Worker, WorkerDied, WorkerFailed
from implementations import ModelSpec

REFERENCE = "numpy"
"""The contender whose float64 training judges all others."""

AS_ITS_BACKEND = "not repeated: element by element it computes as {} does; its trainings are compared"
"""Why a compiled mode is asked neither for its card nor for its elements."""

Result = TypeVar("Result")


class Runner:
    """One run of a suite by the given contenders, into a run folder.

    Parameters
    ----------
    contenders
        Names of usable backends, in the order of the tables.
    data
        Workload name -> its data set, from `read_data`.
    store
        Where records go; cases that it already holds are not run again.
    jobs
        Workers side by side while nothing is timed; by default one for each core.
    sides
        Where each contender's code comes from; by default it is what is installed here.
    """

    def __init__(
        self,
        suite: Suite,
        contenders: Sequence[str],
        data: Mapping[str, Dataset],
        store: RunStore,
        watcher: Watcher,
        jobs: int | None = None,
        sides: Mapping[str, Side] | None = None,
    ) -> None:
        self._sides = {
            REFERENCE: Side(REFERENCE),
            **standing_for_themselves(list(contenders)),
            **(sides or {}),
        }
        self._suite, self._contenders, self._data = suite, list(contenders), data
        self._keeper = Keeper(suite, store, watcher)
        self._jobs = jobs or os.cpu_count() or 1
        self._workers: WeakSet[Worker] = WeakSet()
        self._reference_pool = ThreadPoolExecutor(1)
        self._references: dict[str, Future[tuple[parity.Path, parity.Floors]]] = {}
        self._ended = False

    def run(self) -> None:
        """Run every case that is not done yet.

        Raises
        ------
        KeyboardInterrupt
            After all workers have been ended; what was finished is kept.
        """
        folder = TemporaryFolder(among(self._keeper.store.folder.parent))
        self._folder = folder.path
        try:
            # at the same time as the contenders, who need each only when they are judged
            self._ask_references()
            self._side_by_side("parity and learning", self._check, "card", "elements", "parity", "curves")
            for each in self._references.values():
                with suppress(WorkerFailed):  # which is told by the cases that it was for
                    each.result()
            if "speed" in self._suite.measures:
                references = {name: side.against for name, side in self._sides.items() if side.against}
                Timing(self._contenders, self._data, self._keeper, self._hire, references).run()
            self._calibrate()
            # one after the other, so that they do not wait for each other's cores
            self._side_by_side("profile", self._watch, "profile", jobs=1)
            self._side_by_side("memory", self._weigh, "memory")
        except KeyboardInterrupt:
            self._keeper.interrupt()
            raise
        finally:
            self._end_workers()
            self._reference_pool.shutdown()
            folder.remove()

    def _end_workers(self) -> None:
        """End every worker, and begin nothing anew."""
        self._ended = True
        self._reference_pool.shutdown(wait=False, cancel_futures=True)
        for worker in list(self._workers):
            worker.close()

    def _side_by_side(
        self,
        phase: str,
        work: Callable[[str, list[tuple[Workload, Case]]], None],
        *measures: Measure,
        jobs: int | None = None,
    ) -> None:
        """Do what is left of these measures, each contender's in one worker."""
        # the longest begin first, so that no core is left with one of them: those that compile, then the
        # last ones of the table, which stand on others
        ordered = self._contenders[::-1]
        ordered.sort(key=lambda name: not self._mode(name).compiles)
        left = [
            (contender, cases) for contender in ordered if (cases := self._keeper.left(contender, *measures))
        ]
        if not left:
            return
        self._keeper.watcher.begin(phase, sum(len(cases) for _, cases in left))
        pool = ThreadPoolExecutor(jobs or self._jobs)
        try:
            futures = [pool.submit(work, *task) for task in left]
            for future in futures:
                future.result()
        except KeyboardInterrupt:
            self._keeper.interrupt()
            self._end_workers()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _mode(self, contender: str) -> Mode:
        return mode_of(self._sides[contender].contender)

    def _ask_references(self) -> None:
        """Begin to compute what the contenders are compared with, as far as it is still to be compared."""
        wanted = [self._keeper.left(contender, "elements", "parity") for contender in self._contenders]
        left = [workload for cases in wanted for workload, _ in cases]
        submit, patiently = self._reference_pool.submit, self._with_a_second_chance
        if ELEMENTS in left:
            self._expected = submit(patiently, self._expect_elements)
        self._references = {
            workload.name: submit(patiently, partial(self._train_reference, workload))
            for workload in self._suite.workloads
            if workload in left
        }

    def _expect_elements(self) -> Path:
        """Have what should come out of every element written to a file."""
        file = self._folder / "expected"
        with self._hired(REFERENCE) as worker:
            worker.call("expect", file=file, full=self._suite.elements.full)
        return file

    def _train_reference(self, workload: Workload) -> tuple[parity.Path, parity.Floors]:
        """Train the reference in float64, and find how far it drifts from itself."""
        settings = self._suite.parity
        steps = max(settings.float64_steps, settings.float32_steps)
        kept = self._folder / workload.name
        with writing(kept):
            kept.mkdir(exist_ok=True)
        with self._hired(REFERENCE) as worker, self._passing() as folder:
            path = self._path(worker, workload, kept, "float64", steps)
            train = partial(self._path, worker, workload, folder)
            noise = parity.noise(train, settings.float32_steps, settings.float64_steps)
            return path, parity.floors(path, noise)

    def _with_a_second_chance(self, work: Callable[[], Result]) -> Result:
        """Do something again if a worker dies the first time, unless this has ended it."""
        try:
            return work()
        except WorkerDied:
            if self._ended:
                raise
            return work()

    @contextmanager
    def _passing(self) -> Iterator[Path]:
        """Make a folder for trainings that are compared and forgotten."""
        folder = self._folder / uuid.uuid4().hex
        with writing(folder):
            folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _path(
        self,
        worker: Worker,
        workload: Workload,
        folder: Path,
        dtype: str,
        steps: int,
        perturbation: int = 0,
        variation: str = "",
    ) -> parity.Path:
        """Have a worker train, and leave its parameters in the folder."""
        place = self._place(workload) | ({"device": "cpu"} if worker.contender == REFERENCE else {})
        path: parity.Path = worker.call(
            "trajectory",
            **place,
            file=folder / f"{dtype} {perturbation} {variation}.npy",
            dtype=dtype,
            steps=steps,
            perturbation=perturbation,
            variation=variation,
        )
        return path

    def _place(self, workload: Workload) -> dict[str, Any]:
        """Return the arguments that say what is trained where."""
        return {
            "data": self._data[workload.name],
            "model": workload.model,
            "device": self._suite.device,
        }

    def _check(self, contender: str, cases: list[tuple[Workload, Case]]) -> None:
        """Compare a contender's elements and trainings, and let it learn, in one worker."""
        mode = self._mode(contender)
        if mode.compiled:
            began, reason = time.monotonic(), AS_ITS_BACKEND.format(mode.backend)
            for workload, case in cases:
                if case.measure in ("card", "elements"):
                    self._keeper.keep(case, workload, began, "skipped", reason)
            cases = [(workload, case) for workload, case in cases if case.measure in ("parity", "curves")]

        def work(worker: Worker, workload: Workload, case: Case) -> Data:
            if case.measure == "card":
                return CardData(facts=worker.call("card"))
            if case.measure == "elements":
                return self._compare_elements(worker)
            return (
                self._compare_training(worker, workload)
                if case.measure == "parity"
                else self._learn(worker, workload)
            )

        self._work_through(contender, cases, work)

    def _compare_elements(self, worker: Worker) -> ElementsData:
        worker.call("elements", full=self._suite.elements.full)
        file = self._expected.result()
        judged: ElementsData = worker.call("judge", contender=worker.contender, file=file)
        return judged

    def _compare_training(self, worker: Worker, workload: Workload) -> ParityData:
        settings = self._suite.parity
        with self._passing() as folder:
            float64 = self._path(worker, workload, folder, "float64", settings.float64_steps)
            float32 = self._path(worker, workload, folder, "float32", settings.float32_steps)
            reference, floors = self._references[workload.name].result()
            model = ModelSpec.from_dict({"inputs": [1], **workload.model})
            return parity.judge(worker.contender, model, reference, float64, float32, floors)

    def _learn(self, worker: Worker, workload: Workload) -> CurvesData:
        settings = self._suite.curves
        curves: list[Curve] = []
        for dtype, seeds in (("float32", settings.seeds), ("float64", settings.float64_seeds)):
            curves += worker.call(
                "curves",
                **self._place(workload),
                dtype=dtype,
                seeds=seeds,
                early_stopping=workload.early_stopping,
            )
        classifies = curves[0].train_accuracy is not None
        return CurvesData(task="classification" if classifies else "regression", curves=curves)

    def _calibrate(self) -> None:
        """Find the limit of each workload, in one worker and with nothing else running."""
        if cases := self._keeper.left(REFERENCE, "limit"):
            self._keeper.watcher.begin("limit", len(cases))
            self._work_through(REFERENCE, cases, self._limit)

    def _limit(self, worker: Worker, workload: Workload, _: Case) -> LimitData:
        return LimitData(**worker.call("limit", **self._place(workload)))

    def _watch(self, contender: str, cases: list[tuple[Workload, Case]]) -> None:
        """Profile a contender's steps, in a worker that has timed nothing."""

        def work(worker: Worker, workload: Workload, _: Case) -> ProfileData:
            return ProfileData(**worker.call("profile", **self._place(workload)))

        self._work_through(contender, cases, work)

    def _weigh(self, contender: str, cases: list[tuple[Workload, Case]]) -> None:
        """Measure memory, each case in a fresh process."""
        for workload, case in cases:
            began = time.monotonic()
            if not memory.supported():
                self._keeper.keep(
                    case, workload, began, "skipped", "this system does not tell the peak of one stage"
                )
                continue
            try:
                found = self._with_a_second_chance(partial(self._peaks, contender, workload))
            except WorkerFailed as error:
                self._keeper.keep(case, workload, began, "failed", str(error))
            else:
                self._keeper.keep(case, workload, began, "finished", data=found)

    def _peaks(self, contender: str, workload: Workload) -> MemoryData:
        with self._hired(contender, load=False) as worker:
            place = self._place(workload)
            device = place.pop("device")
            worker.call("memory_baseline", **place)
            self._sides[contender].load(worker, self._suite.threads)
            return MemoryData(**worker.call("memory_stages", device=device))

    def _work_through(
        self,
        contender: str,
        cases: list[tuple[Workload, Case]],
        work: Callable[[Worker, Workload, Case], Data],
    ) -> None:
        """Do the cases in one worker; one that fails fails its case alone, and the next gets a fresh one."""
        left, died_at = list(cases), ""
        while left and not self._keeper.interrupted:
            began = time.monotonic()
            try:
                with self._hired(contender, kept=True) as worker:
                    while left:
                        workload, case = left[0]
                        began = time.monotonic()
                        data = work(worker, workload, case)
                        self._keeper.keep(case, workload, began, "finished", data=data)
                        del left[0]
            except WorkerFailed as error:
                workload, case = left[0]
                if isinstance(error, WorkerDied) and case.id != died_at:
                    died_at = case.id
                    continue
                self._keeper.keep(case, workload, began, "failed", str(error))
                del left[0]

    def _hire(
        self, contender: str, load: bool = True, *, kept: bool = False
    ) -> tuple[Worker, dict[str, Any]]:
        """Start a worker; `kept` for what is not timed, which reads compiled programs of earlier runs."""
        side, suite = self._sides[contender], self._suite
        memory_bytes = int(suite.memory_share * psutil.virtual_memory().total)
        programs = environment.kept_compilations(self._keeper.store.folder.parent / "compilations")
        worker = side.start(
            suite.threads,
            self._keeper.store.log(contender),
            suite.timeout_seconds,
            memory_bytes,
            programs if kept else None,
        )
        self._workers.add(worker)
        if not load:
            return worker, {}
        try:
            loaded = side.load(worker, suite.threads)
        except WorkerFailed:
            worker.close()
            raise
        return worker, loaded

    @contextmanager
    def _hired(self, contender: str, load: bool = True, *, kept: bool = False) -> Iterator[Worker]:
        worker, _ = self._hire(contender, load, kept=kept)
        try:
            yield worker
        finally:
            worker.close()
