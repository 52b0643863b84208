"""Faults at random moments: what was finished stays as it was, and taking the run up ends it."""

from __future__ import annotations

import errno
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from benchmarks import launch, store
from benchmarks.result import Record
from benchmarks.runner import is_final
from benchmarks.store import RunStore, StoreError
from benchmarks.worker import Worker
from tests import small_suite
from tests.survival.__main__ import unpaired_blocks
from tests.test_runner import Watcher

WRITES = ("disk", "interrupt")
FAULTS = st.one_of(
    st.tuples(st.sampled_from(WRITES), st.integers(1, 16)),
    st.tuples(st.sampled_from(["numpy", small_suite.SECOND, "the data sets"]), st.integers(1, 20)),
)


@contextmanager
def planted(kind, moment):
    """Have a write fail, or that worker be killed, at the call with that number, and not again."""
    calls = [0]

    def due():
        calls[0] += 1
        return calls[0] == moment

    write, call = store.write_whole, Worker.call

    def failing_write(path, text):
        if due():
            if kind == "interrupt":
                raise KeyboardInterrupt
            raise store._unwritable(path, OSError(errno.ENOSPC, "No space left on device"))
        write(path, text)

    def killed(self, command, **arguments):
        if self.contender == kind and due():
            self._process.kill()
        return call(self, command, **arguments)

    target = (store, "write_whole", failing_write) if kind in WRITES else (Worker, "call", killed)
    with mock.patch.object(*target):
        yield


def final(folder):
    records, damaged = RunStore.open(folder).records()
    assert not damaged
    return {record.case.id: record for record in records if is_final(record)}


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@example(faults=[("interrupt", 6)])
@example(faults=[("interrupt", 12)])
@example(faults=[(small_suite.SECOND, 7)])
@given(faults=st.lists(FAULTS, min_size=1, max_size=2))
def test_nothing_finished_is_lost_or_repeated(faults):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "small.toml").write_text(small_suite.TIMED_PAIR)
        begun = launch.begin(str(folder / "small.toml"), {}, [], folder / "results")
        before: dict[str, Record] = {}
        for kind, moment in faults:
            with planted(kind, moment):
                # as the command would end; the run is taken up below
                with suppress(KeyboardInterrupt, StoreError):
                    launch.carry_out(begun, Watcher())
                now = final(begun.store.folder)
                assert before.items() <= now.items()
                before = now
                begun = launch.resume(begun.store.folder.name, folder / "results")
        launch.carry_out(begun, Watcher())
        now = final(begun.store.folder)
        assert before.items() <= now.items()
        assert {(record.case.contender, record.case.measure) for record in now.values()} == {
            (contender, measure) for contender in begun.contenders for measure in ("card", "parity", "speed")
        }
        times = [record for record in now.values() if record.case.measure == "speed"]
        assert not unpaired_blocks(times)
        assert all(record.data.blocks[0].stages for record in times)
        shared = set.intersection(*({block.index for block in record.data.blocks} for record in times))
        assert len(shared) == 2


def test_two_processes_do_not_work_on_one_run(tmp_path):
    (tmp_path / "small.toml").write_text(small_suite.TIMED_PAIR)
    begun = launch.begin(str(tmp_path / "small.toml"), {}, [], tmp_path / "results")
    with begun.store.locked(), pytest.raises(StoreError, match="no other process"):
        launch.carry_out(begun, Watcher())


def test_two_runs_of_one_second_get_folders_of_their_own(tmp_path):
    (tmp_path / "small.toml").write_text(small_suite.TIMED_PAIR)
    runs = [launch.begin(str(tmp_path / "small.toml"), {}, [], tmp_path / "results") for _ in range(2)]
    assert runs[0].store.folder != runs[1].store.folder
