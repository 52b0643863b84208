"""Faults at random moments: what was finished stays as it was, and taking the run up ends it."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from benchmarks import launch, sides, store, tables
from benchmarks.keeping import INTERRUPTED, is_final
from benchmarks.measures import COMMANDS
from benchmarks.report.material import of
from benchmarks.report.sections import sections
from benchmarks.result import CardData, Record
from benchmarks.sides import Side
from benchmarks.store import MANIFEST, RunStore, StoreError, runs_in
from benchmarks.temporary import among
from benchmarks.worker import Worker, WorkerDied, WorkerFailed
from implementations import InvalidInput
from implementations.errors import VersusError
from tests import small_suite, synthetic_run
from tests.survival import __main__ as survival
from tests.survival.__main__ import MEASURES, Tally, changed, disturb, is_whole, unpaired_blocks
from tests.test_runner import Watcher

WRITES = ("disk", "interrupt", "interrupt after")
TWINS = ("numpy", "twin")
"""NumPy under two names: two contenders whose workers start in a tenth of the time that a framework takes."""
HOWS = ("dies", "raises", "hangs")
"""What a worker may do: end by itself, tell an error and go on, or be silent until it is ended."""
FAULTS = st.one_of(
    st.tuples(st.sampled_from(WRITES), st.just(""), st.integers(1, 16)),
    st.tuples(st.sampled_from(TWINS), st.sampled_from(HOWS), st.integers(1, 20)),
    st.tuples(st.just("data"), st.sampled_from(HOWS), st.just(1)),  # which reads them only once
)


def twins(begun):
    """Return the run with both as its contenders."""
    if begun.store.manifest.contenders != list(TWINS):  # no write that a fault could strike
        begun.store.update_manifest(contenders=list(TWINS))
    return replace(begun, contenders=list(TWINS), sides={name: Side("numpy") for name in TWINS})


class Lodger:
    """A worker in this process: it starts at once, and what it was doing is lost when it is killed."""

    spawn_seconds = interpreter_seconds = 1e-3

    def __init__(self, contender, _environment, log, *_limits):
        self.contender, self._log, self._session, self._process, self._dead = contender, log, {}, self, False

    def call(self, command, **arguments):
        try:
            answer = None if self._dead else COMMANDS[command](self._session, lambda: None, **copy(arguments))
        except VersusError as error:
            raise WorkerFailed(**vars(error)) from error
        if self._dead:
            raise WorkerDied(self.contender, expected="a result", got="its end", action="none")
        return copy(answer)

    def kill(self):
        self._dead = True

    close = kill

    def freeze(self): ...

    def thaw(self): ...

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def lodgers(monkeypatch):
    for module in (launch, sides):
        monkeypatch.setattr(module, "Worker", Lodger)


def copy(content):
    """Return what arrives at the other end of a pipe."""
    return pickle.loads(pickle.dumps(content))


@contextmanager
def planted(kind, how, moment, worker):
    """Have a write fail, or a worker with that log do so, at the call with that number, and not again.

    Gives a function that tells whether it has happened.
    """
    calls = [0]

    def due():
        calls[0] += 1
        return calls[0] == moment

    write, call = store.write_whole, worker.call

    def failing_write(path, text):
        if due():
            if kind == "interrupt after":
                write(path, text)
            if kind.startswith("interrupt"):
                raise KeyboardInterrupt
            raise store.unwritable(path, OSError(errno.ENOSPC, "No space left on device"))
        write(path, text)

    def failing_call(self, command, **arguments):
        if self._log.stem == kind and due():
            if how != "raises":
                self._process.kill()
            if how != "dies":
                raise WorkerFailed(f"worker of {kind}", expected="a result", got=how, action="none")
        return call(self, command, **arguments)

    target = (store, "write_whole", failing_write) if kind in WRITES else (worker, "call", failing_call)
    with mock.patch.object(*target):
        yield lambda: calls[0] >= moment


def final(folder):
    records, damaged = RunStore.open(folder).records()
    assert not damaged
    return {record.case.id: record for record in records if is_final(record)}


@pytest.mark.parametrize(
    "fault", [("interrupt", "", 6), ("interrupt after", "", 12), ("twin", "dies", 7)], ids=str
)
def test_nothing_finished_is_lost_or_repeated(fault):
    assert carry_out([fault], Worker) == 1


def test_nothing_is_lost_or_repeated_by_one_fault_after_another(lodgers):
    assert carry_out([("data", "raises", 1), ("interrupt", "", 6), ("numpy", "raises", 9)], Lodger) == 3


EXAMPLES = int(os.environ.get("VERSUS_EXAMPLES", "6"))
"""Runs that are struck by drawn faults; more of them make a long test."""


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
)
@given(faults=st.lists(FAULTS, min_size=1, max_size=3))
def test_nothing_finished_is_lost_or_repeated_whatever_happens(faults):
    """With workers in this process, which the logic around them cannot tell from others."""
    with mock.patch.object(launch, "Worker", Lodger), mock.patch.object(sides, "Worker", Lodger):
        assume(carry_out(faults, Lodger))  # later moments than there are calls strike nothing


def carry_out(faults, worker):
    """Begin a run, take it up after each fault, and compare what it has with what it had.

    Returns how many of the faults have happened.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "small.toml").write_text(small_suite.TIMED)
        begun = twins(launch.begin(str(folder / "small.toml"), {}, [], folder / "results"))
        before: dict[str, Record] = {}
        happened = 0
        for kind, how, moment in faults:
            # as the command would end; the run is taken up below
            with planted(kind, how, moment, worker) as has_happened:
                with suppress(KeyboardInterrupt, StoreError, InvalidInput):
                    begun = twins(launch.resume(begun.store.folder.name, folder / "results"))
                    launch.carry_out(begun, Watcher())
                happened += has_happened()
            now = final(begun.store.folder)
            assert before.items() <= now.items()
            before = now
        begun = twins(launch.resume(begun.store.folder.name, folder / "results"))
        launch.carry_out(begun, Watcher())
        now = final(begun.store.folder)
        assert before.items() <= now.items()
        missing = {(contender, measure) for contender in TWINS for measure in ("card", "parity", "speed")} - {
            (record.case.contender, record.case.measure) for record in now.values()
        }
        # whoever could not show its parity while the other was timed has no partner any more, be it
        # because NumPy, which judges both, was struck
        struck = {kind for kind, how, _ in faults if how in ("raises", "hangs")}
        struck |= set(TWINS) if "numpy" in struck else set()
        assert missing <= {(name, "speed") for name in struck}
        times = [record for record in now.values() if record.case.measure == "speed"]
        assert times
        assert not unpaired_blocks(times)
        assert all(record.data.blocks[0].stages for record in times)
        shared = set.intersection(*({block.index for block in record.data.blocks} for record in times))
        assert len(shared) == 2
    return happened


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder with a file system of its own, of 4 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here, which takes root on Linux")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)  # a log may still be open


@pytest.mark.parametrize(("free", "kept"), [(0, False), (24, True)])
def test_a_disk_that_fills_up_loses_nothing(small_disk, free, kept):
    """With so many KiB left a run ends before or after its first records."""
    (small_disk / "small.toml").write_text(small_suite.TIMED)
    begun = twins(launch.begin(str(small_disk / "small.toml"), {}, [], small_disk / "results"))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - free * 1024))
    with pytest.raises(StoreError, match="No space left on device"):
        launch.carry_out(begun, Watcher())
    before = final(begun.store.folder)
    assert bool(before) is kept
    ballast.unlink()
    begun = twins(launch.resume(begun.store.folder.name, small_disk / "results"))
    launch.carry_out(begun, Watcher())
    now = final(begun.store.folder)
    assert before.items() <= now.items()
    assert {(record.case.contender, record.case.measure) for record in now.values()} >= {
        (contender, measure) for contender in TWINS for measure in ("card", "parity", "speed")
    }


DRIVER = """
import signal
import sys
from pathlib import Path
from benchmarks import launch
from tests.test_runner import Watcher
from tests.test_survival import twins
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
launch.carry_out(twins(launch.begin(sys.argv[1], {}, [], Path(sys.argv[2]))), Watcher())
"""
FIXED = ("elements", "parity", "card", "learning", "course", "troubles")
"""Sections that say nothing of time."""


def cases(records):
    return {(record.case.id, record.status) for record in records}


def told(folder):
    """Return what a report tells of a run as far as no clock has a part in it."""
    material = of(RunStore.open(folder))
    frames = tables.tables(material.records)
    shown = {section.anchor: section for section in sections(material)}
    return {
        "cases": cases(material.records),
        "tables": {name: len(frame) for name, frame in frames.items()},
        "fixed": {name: frames[name].to_csv() for name in ("parity", "pairs", "curves")},
        "sections": {anchor: section for anchor, section in shown.items() if anchor in FIXED},
        "anchors": set(shown) - {"inconclusive"},
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "small.toml").write_text(small_suite.TEXT)
    begun = twins(launch.begin(str(folder / "small.toml"), {}, [], folder / "results"))
    launch.carry_out(begun, Watcher())
    return told(begun.store.folder)


@pytest.mark.parametrize(("ending", "after"), [(signal.SIGINT, 3), (signal.SIGKILL, 3), (signal.SIGKILL, 7)])
def test_a_run_that_was_taken_up_tells_the_same(undisturbed, tmp_path, ending, after):
    """It is ended once it has so many of its records; two contenders have five each."""
    (tmp_path / "small.toml").write_text(small_suite.TEXT)
    arguments = [str(tmp_path / "small.toml"), str(tmp_path / "results")]
    with subprocess.Popen([sys.executable, "-c", DRIVER, *arguments], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and len([*tmp_path.glob("results/local/*/records/*.json")]) < after:
            time.sleep(0.01)
        process.send_signal(ending)
    (folder,) = runs_in(tmp_path / "results")
    assert cases(RunStore.open(folder).records()[0]) < undisturbed["cases"]
    left = [path for path in among(folder.parent).iterdir() if path.is_dir()]
    assert bool(left) is (ending is signal.SIGKILL)
    launch.carry_out(twins(launch.resume(folder.name, tmp_path / "results")), Watcher())
    assert told(folder) == undisturbed
    gc.collect()
    assert not list(among(folder.parent).iterdir())


def test_two_processes_do_not_work_on_one_run(tmp_path):
    (tmp_path / "small.toml").write_text(small_suite.TIMED_PAIR)
    begun = launch.begin(str(tmp_path / "small.toml"), {}, [], tmp_path / "results")
    with begun.store.locked(), pytest.raises(StoreError, match="no other process"):
        launch.carry_out(begun, Watcher())


def test_what_a_kill_left_half_written_goes_when_the_run_is_taken_up(tmp_path):
    (tmp_path / "small.toml").write_text(small_suite.TIMED_PAIR)
    store = launch.begin(str(tmp_path / "small.toml"), {}, [], tmp_path / "results").store
    drafts = [store.folder / ".manifest.json.1-2", store.folder / "records" / ".case.json.1-2"]
    for draft in drafts:
        draft.write_text("{")
    with store.locked():
        assert not any(draft.exists() for draft in drafts)
    assert RunStore.open(store.folder).manifest == store.manifest


def test_two_runs_of_one_second_get_folders_of_their_own(tmp_path):
    (tmp_path / "small.toml").write_text(small_suite.TIMED_PAIR)
    runs = [launch.begin(str(tmp_path / "small.toml"), {}, [], tmp_path / "results") for _ in range(2)]
    assert runs[0].store.folder != runs[1].store.folder


@pytest.mark.parametrize(("begun", "ends", "kills"), [(False, False, 0), (True, False, 1), (True, True, 0)])
def test_only_kills_of_a_run_with_a_folder_count(tmp_path, monkeypatch, begun, ends, kills):
    monkeypatch.setattr(survival, "LONGEST", 0.2)
    if begun:
        (tmp_path / "local" / "run").mkdir(parents=True)
        (tmp_path / "local" / "run" / MANIFEST).write_text("{}")
    tally, command = Tally(), "" if ends else "import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-S", "-c", command]) as process:
        if ends:
            process.wait()
        assert disturb(process, tmp_path, random.Random(0), tally) == (None if ends else "run")
    assert tally.kills == {"run": kills, "worker": 0}


def test_tallies_add_up():
    """What several jobs have seen is what one would have."""
    tally = Tally(kills={"run": 1, "worker": 2}, runs=3)
    tally.add(Tally(kills={"run": 4, "worker": 0}, runs=1, lost=2))
    assert (tally.kills, tally.total, tally.runs, tally.lost) == ({"run": 5, "worker": 2}, 7, 4, 2)
    assert not tally.passed


def test_a_record_that_is_gone_or_another_is_counted():
    """The experiment with kills finds nothing; this is what it would have found."""
    records = [synthetic_run.record(synthetic_run.parity(), name) for name in ("a", "b", "c")]
    kept = {record.case.id: record.model_dump_json() for record in records}
    assert changed(kept, records) == (0, 0)
    assert changed({}, records) == (0, 0)
    assert changed(kept, records[1:]) == (1, 0)
    again = records[0].model_copy(update={"seconds": 2.0})
    assert changed(kept, [again, *records[1:]]) == (0, 1)
    assert changed(kept, [again]) == (2, 1)


def test_a_run_without_a_finished_record_of_everything_is_not_whole():
    made = [
        synthetic_run.parity(),
        synthetic_run.curves(),
        synthetic_run.speed(1e-4),
        synthetic_run.memory(),
        CardData(facts={}),
    ]
    records = [synthetic_run.record(data, name) for name in ("a", "b") for data in made]
    assert {record.case.measure for record in records} == MEASURES
    assert is_whole(records, ["a", "b"])
    assert not is_whole(records, ["a", "b", "c"])
    assert not is_whole(records[1:], ["a", "b"])
    assert not is_whole([*records, records[0]], ["a", "b"])
    timed = next(record for record in records if record.case.measure == "speed")
    broken_off = timed.model_copy(update={"data": timed.data.model_copy(update={"stopped_by": INTERRUPTED})})
    assert not is_whole([broken_off if record is timed else record for record in records], ["a", "b"])


def test_an_experiment_tells_what_a_run_has_lost(tmp_path, monkeypatch):
    """A run that drops a record and changes another between two resumes, and then says that it has ended."""
    taken_up = []

    class Run:
        def __init__(self, command, **_):
            taken_up.append("--resume" in command)
            self.returncode = 0 if len(taken_up) == 2 else 1
            self.pid = 0

        def wait(self, _=None):
            folder = tmp_path / "results" / "local" / "run"
            if len(taken_up) == 1:
                store = RunStore.create(folder, synthetic_run.manifest("run", outcome="interrupted"))
                for name in ("numpy", "torch"):
                    store.write(synthetic_run.record(synthetic_run.parity(), name))
                return
            store = RunStore.open(folder)
            gone, other = store.records()[0]
            (folder / "records" / f"{gone.case.id}.json").unlink()
            store.write(other.model_copy(update={"seconds": 2.0}))
            store.update_manifest(outcome="finished")

    monkeypatch.setattr(subprocess, "Popen", Run)
    tally = Tally()
    survival.try_once(tmp_path, random.Random(0), tally, 0, "user")
    assert taken_up == [False, True]
    assert (tally.lost, tally.repeated, tally.unfinished, tally.resumes_that_failed) == (1, 1, 1, 1)
    assert not tally.passed
