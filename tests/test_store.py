from __future__ import annotations

import datetime
import errno
import json
import os
import stat
import weakref
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import pytest

from benchmarks.store import RunStore, StoreError, find_run, new_run_folder, runs_in
from tests import synthetic_run

NOW = datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture
def store(tmp_path):
    return RunStore.create(tmp_path / "run", synthetic_run.manifest())


def test_what_is_written_is_read_back(store):
    for data in (
        synthetic_run.parity(),
        synthetic_run.curves(),
        synthetic_run.speed(1e-4),
        synthetic_run.memory(),
        synthetic_run.elements(),
    ):
        written = synthetic_run.record(data, "torch")
        store.write(written)
        assert RunStore.open(store.folder).record(written.case.id) == written


def test_infinite_and_missing_numbers_survive(store):
    written = synthetic_run.record(
        synthetic_run.elements(error=float("inf"), passed=False), "torch", "elements"
    )
    store.write(written)
    assert RunStore.open(store.folder).records()[0][0].data.agreements[0].error == float("inf")


def test_records_come_in_the_order_of_the_manifest(tmp_path):
    records, damaged = synthetic_run.write(tmp_path / "run").records()
    order = [record.case.contender for record in records if record.case.measure == "parity"]
    assert order == [*synthetic_run.CONTENDERS, *synthetic_run.CONTENDERS]
    assert not damaged


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no JSON"),
        ('{"schema_version": 1', "no JSON"),
        ("[]", "content"),
        ('{"schema_version": 1}', "case: Field required"),
        ('{"schema_version": 99}', "newer versus"),
    ],
)
def test_damaged_record_is_reported_and_the_rest_is_read(store, content, reason):
    store.write(synthetic_run.record(synthetic_run.parity(), "torch"))
    (store.folder / "records" / "broken.json").write_text(content)
    records, damaged = store.records()
    assert len(records) == 1
    assert damaged[0].path.name == "broken.json"
    assert reason in damaged[0].reason


def test_newer_record_is_refused_even_if_it_looks_like_this_one(store):
    newer = synthetic_run.record(synthetic_run.parity(), "torch").model_copy(update={"schema_version": 99})
    store.write(newer)
    assert store.record(newer.case.id) is None
    assert "newer versus" in store.records()[1][0].reason


def test_record_is_replaced_whole(store):
    for passed in (True, False):
        store.write(synthetic_run.record(synthetic_run.parity(passed=passed), "torch"))
    assert [record.data.passed for record in store.records()[0]] == [False]
    assert [path.suffix for path in (store.folder / "records").iterdir()] == [".json"]


def test_full_disk_leaves_the_earlier_record(store, monkeypatch):
    store.write(synthetic_run.record(synthetic_run.parity(), "torch"))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.write(synthetic_run.record(synthetic_run.parity(passed=False), "torch"))
    assert [record.data.passed for record in store.records()[0]] == [True]
    assert len(list((store.folder / "records").iterdir())) == 1


class Killed(BaseException):
    """Nothing runs after it that a kill would not leave undone."""


FAILURES = {"full disk": OSError(errno.ENOSPC, "No space left on device"), "kill": Killed()}


class Torn:
    """A file of which only half of a text arrives, where that operation is struck."""

    def __init__(self, file, strike):
        self._file, self._strike = file, strike

    def write(self, text):
        self._file.write(text[: len(text) // 2])
        self._file.flush()
        self._strike("write")
        self._file.write(text[len(text) // 2 :])

    def flush(self):
        self._strike("flush")
        self._file.flush()

    def fileno(self):
        return self._file.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


@contextmanager
def struck(moment, failure):
    """Have the operation on files with that number fail; gives the names of those that were asked for."""
    asked: list[str] = []

    def strike(name):
        asked.append(name)
        if len(asked) == moment:
            raise failure

    def before(name, function):
        def struck_function(*arguments, **options):
            strike(name)
            return function(*arguments, **options)

        return struck_function

    begin = Path.open

    def opened(path, *arguments, **options):
        strike("begin")
        return Torn(begin(path, *arguments, **options), strike)

    with ExitStack() as stack:
        for owner, name in ((os, "fsync"), (os, "open"), (Path, "replace")):
            stack.enter_context(mock.patch.object(owner, name, before(name, getattr(owner, name))))
        stack.enter_context(mock.patch.object(Path, "open", opened))
        yield asked


OPERATIONS = ["begin", "write", "flush", "fsync", "replace", "open", "fsync"]
"""What writing a record asks of the system; the last two are about its folder."""


@pytest.mark.skipif(os.name != "posix", reason="folders are flushed on POSIX alone")
@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("moment", range(1, len(OPERATIONS) + 1))
def test_a_record_is_as_it_was_or_as_it_should_be_whatever_fails(store, earlier, failure, moment):
    if earlier:
        store.write(synthetic_run.record(synthetic_run.parity(), "torch"))
    with struck(moment, FAILURES[failure]) as asked, pytest.raises((StoreError, Killed)):
        store.write(synthetic_run.record(synthetic_run.parity(passed=False), "torch"))
    assert asked == OPERATIONS[:moment]
    with store.locked():  # as whoever takes the run up
        records, damaged = RunStore.open(store.folder).records()
    moved = moment > 1 + OPERATIONS.index("replace")
    assert [record.data.passed for record in records] == ([False] if moved else [True] if earlier else [])
    assert not damaged
    assert {path.suffix for path in (store.folder / "records").iterdir()} <= {".json"}


@pytest.mark.skipif(os.name != "posix", reason="folders are flushed on POSIX alone")
def test_a_record_is_on_the_disk_before_it_has_its_name_and_then_its_name_is(store, monkeypatch):
    done = []
    flush, move = os.fsync, Path.replace

    def flushed(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        flush(descriptor)

    def moved(draft, path):
        done.append("name")
        return move(draft, path)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", moved)
    store.write(synthetic_run.record(synthetic_run.parity(), "torch"))
    assert done == ["file", "name", "folder"]
    done.clear()
    RunStore.create(store.folder.parent / "another", synthetic_run.manifest("another"))
    assert done == ["file", "name", "folder", "folder"]  # the last has the run's own name


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can be written"):
        RunStore.create(tmp_path / "file" / "run", synthetic_run.manifest())


def test_existing_run_is_not_overwritten(store):
    with pytest.raises(StoreError):
        RunStore.create(store.folder, synthetic_run.manifest())


def test_manifest_is_updated_on_disk(store):
    store.update_manifest(outcome="interrupted")
    assert RunStore.open(store.folder).manifest.outcome == "interrupted"


@pytest.mark.parametrize("content", ["", "{}", json.dumps({"schema_version": 99})])
def test_damaged_manifest(store, content):
    (store.folder / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match=r"readable manifest\.json"):
        RunStore.open(store.folder)


def test_records_can_be_read_one_by_one_and_are_not_kept(store):
    for contender in synthetic_run.CONTENDERS:
        store.write(synthetic_run.record(synthetic_run.parity(), contender))
    (store.folder / "records" / "broken.json").write_text("{")
    found, seen = [], []
    for record in store.each():
        found.append(record.case.contender)
        seen.append(weakref.ref(record))
        assert [each for each in seen if each() is not None] == seen[-1:]
    assert sorted(found) == sorted(synthetic_run.CONTENDERS)


def test_new_folders_never_collide(tmp_path):
    first = new_run_folder(tmp_path, "quick", NOW)
    assert new_run_folder(tmp_path, "quick", NOW) != first
    assert first.name == "20260131-120000-quick"


def test_find_run_by_path_by_name_and_latest(tmp_path):
    for number, name in enumerate(("old", "new")):
        folder = tmp_path / "local" / name
        RunStore.create(folder, synthetic_run.manifest(name))
        os.utime(folder / "manifest.json", (number, number))
    assert [folder.name for folder in runs_in(tmp_path)] == ["old", "new"]
    assert find_run(str(tmp_path / "local" / "old"), tmp_path).name == "old"
    assert find_run("old", tmp_path).name == "old"
    assert find_run("latest", tmp_path).name == "new"
    with pytest.raises(StoreError, match="none of that name"):
        find_run("other", tmp_path)
    with pytest.raises(StoreError, match="no run there"):
        find_run("latest", tmp_path / "empty")
