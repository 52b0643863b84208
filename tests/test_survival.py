"""Faults at random moments: what was finished stays as it was, and taking the run up ends it."""

from __future__ import annotations

import errno
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import launch, store
from benchmarks.result import Record
from benchmarks.runner import is_final
from benchmarks.store import RunStore, StoreError
from benchmarks.worker import Worker, WorkerFailed
from tests import small_suite
from tests.test_runner import Watcher

TEXT = small_suite.TEXT.replace('"parity", "curves", "speed", "memory"', '"parity", "speed"')
FAULTS = st.tuples(st.sampled_from(["disk", "interrupt", "worker"]), st.integers(1, 12))


@contextmanager
def planted(kind, moment):
    """Have the chosen fault happen at that call of the kind, and not again."""
    calls = [0]

    def due():
        calls[0] += 1
        return calls[0] == moment

    write, call = store.write_whole, Worker.call

    def failing_write(path, text):
        if path.parent.name == "records" and due():
            if kind == "interrupt":
                raise KeyboardInterrupt
            raise store._unwritable(path, OSError(errno.ENOSPC, "No space left on device"))
        write(path, text)

    def failing_call(self, command, **arguments):
        if self.contender == "numpy" and due():
            self._process.kill()
            raise WorkerFailed(command, expected="a result", got="signal SIGKILL", action="none")
        return call(self, command, **arguments)

    target = (Worker, "call", failing_call) if kind == "worker" else (store, "write_whole", failing_write)
    with mock.patch.object(*target):
        yield


def final(folder):
    records, damaged = RunStore.open(folder).records()
    assert not damaged
    return {record.case.id: record for record in records if is_final(record)}


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(faults=st.lists(FAULTS, min_size=1, max_size=3))
def test_nothing_finished_is_lost_or_repeated(faults):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "small.toml").write_text(TEXT)
        begun = launch.begin(str(folder / "small.toml"), {}, [], folder / "results")
        before: dict[str, Record] = {}
        for kind, moment in faults:
            # as the command would end; the run is taken up below
            with planted(kind, moment), suppress(KeyboardInterrupt, StoreError):
                launch.carry_out(begun, Watcher())
            now = final(begun.store.folder)
            assert before.items() <= now.items()
            before = now
            begun = launch.resume(begun.store.folder.name, folder / "results")
        launch.carry_out(begun, Watcher())
        now = final(begun.store.folder)
        assert before.items() <= now.items()
        assert {record.case.measure for record in now.values()} == {"card", "parity", "speed"}


def test_two_processes_do_not_work_on_one_run(tmp_path):
    (tmp_path / "small.toml").write_text(TEXT)
    begun = launch.begin(str(tmp_path / "small.toml"), {}, [], tmp_path / "results")
    with begun.store.locked(), pytest.raises(StoreError, match="no other process"):
        launch.carry_out(begun, Watcher())


def test_two_runs_of_one_second_get_folders_of_their_own(tmp_path):
    (tmp_path / "small.toml").write_text(TEXT)
    runs = [launch.begin(str(tmp_path / "small.toml"), {}, [], tmp_path / "results") for _ in range(2)]
    assert runs[0].store.folder != runs[1].store.folder
