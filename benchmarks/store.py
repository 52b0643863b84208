"""A run on disk: one folder with a manifest, one file for each finished case, and the workers' logs.

    results/local/20260131-120000-quick/
        manifest.json
        records/<case>.json
        logs/<contender>.log

Every file is written beside its place and moved there whole, so a reader never meets half a record.
"""

from __future__ import annotations

import datetime
import errno
import gc
import getpass
import json
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from benchmarks.result import SCHEMA_VERSION, Manifest, Record
from implementations.errors import VersusError

MANIFEST = "manifest.json"
LATEST = "latest"
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says where there is no space: it ends a run, and not one case alone."""


class StoreError(VersusError):
    """A run that cannot be found, read or written."""


@dataclass(frozen=True)
class Damaged:
    """A file that cannot be read, and why."""

    path: Path
    reason: str


@contextmanager
def no_collection() -> Iterator[None]:
    """Hold back the collector of cycles: records have none, and it would go through all of them each time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class RunStore:
    """The folder of one run.

    Made by `RunStore.create` or `RunStore.open`.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> RunStore:
        """Make the folder of a new run.

        Raises
        ------
        StoreError
            If a run is in it already or it cannot be written.
        """
        if (folder / MANIFEST).exists():
            raise StoreError(
                f"run folder {folder}", expected="no run in it", got="one", action="choose another name"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "records").mkdir()
            (folder / "logs").mkdir()
        except OSError as error:
            raise unwritable(f"results in {folder.parent}", error) from error
        store = cls(folder, manifest)
        write_whole(folder / MANIFEST, manifest.model_dump_json(indent=2))
        _flush_folder(folder.parent)
        return store

    @classmethod
    def open(cls, folder: Path) -> RunStore:
        """Open the folder of a run.

        Raises
        ------
        StoreError
            If it holds no manifest that this version can read.
        """
        path = folder / MANIFEST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            _check_version(_version(content))
            return cls(folder, Manifest.model_validate(content))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"run {folder}",
                expected=f"a readable {MANIFEST}",
                got=reason_of(error),
                action="`versus list runs` shows what there is",
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from working on this run; the kernel ends the lock with the process.

        Raises
        ------
        StoreError
            If another process works on it.
        """
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreError(
                f"run {self.manifest.run}",
                expected="no other process at work on it",
                got="one that is",
                action="wait until it has ended",
            ) from error
        except OSError as error:
            raise unwritable(f"results in {self.folder.parent}", error) from error
        try:
            self._remove_drafts()
            yield
        finally:
            lock.release()

    def _remove_drafts(self) -> None:
        """Remove what a kill has left of files that were being written."""
        for folder in (self.folder, self.folder / "records"):
            for draft in folder.glob(".*.json.*"):
                draft.unlink(missing_ok=True)

    def reload(self) -> None:
        """Read the manifest again: another process may have worked on the run meanwhile."""
        self.manifest = RunStore.open(self.folder).manifest

    def update_manifest(self, **changes: Any) -> None:
        """Replace fields of the manifest, on disk too."""
        self.manifest = self.manifest.model_copy(update=changes)
        write_whole(self.folder / MANIFEST, self.manifest.model_dump_json(indent=2))

    def write(self, record: Record) -> None:
        """Write a record; one of the same case is replaced.

        Raises
        ------
        StoreError
            If the disk is full or the folder cannot be written. The earlier record, if any, is untouched.
        """
        write_whole(self._path(record.case.id), record.model_dump_json(indent=1))

    def record(self, case_id: str) -> Record | None:
        """Return the record of a case, or None if it has none that can be read."""
        path = self._path(case_id)
        found = _parse(path) if path.exists() else None
        return found if isinstance(found, Record) else None

    def each(self) -> Iterator[Record]:
        """Yield the records that can be read, one at a time: all together they may be large."""
        return (found for found in map(_parse, self._files()) if isinstance(found, Record))

    @no_collection()
    def records(self) -> tuple[list[Record], list[Damaged]]:
        """Return all records by workload and contender as the manifest has them, and the unreadable ones."""
        found = [_parse(path) for path in self._files()]
        workloads = _places(workload["name"] for workload in self.manifest.settings.get("workloads", []))
        contenders = _places(self.manifest.contenders)
        readable = [each for each in found if isinstance(each, Record)]
        readable.sort(
            key=lambda record: (
                workloads.get(record.case.workload, len(workloads)),
                contenders.get(record.case.contender, len(contenders)),
            )
        )
        return readable, [each for each in found if isinstance(each, Damaged)]

    def log(self, contender: str) -> Path:
        """Return the file for what a contender's workers print."""
        return self.folder / "logs" / f"{contender}.log"

    def _path(self, case_id: str) -> Path:
        return self.folder / "records" / f"{case_id}.json"

    def _files(self) -> list[str]:
        """Return the files of records by name; as texts, since ten thousand paths take half a second."""
        with os.scandir(self.folder / "records") as entries:
            return sorted(entry.path for entry in entries if entry.name.endswith(".json"))


def new_run_folder(results: Path, suite: str, now: datetime.datetime) -> Path:
    """Make a folder that no other run has: results/local/<date>-<time>-<suite>.

    Raises
    ------
    StoreError
        If it cannot be made.
    """
    name, count = f"{now:%Y%m%d-%H%M%S}-{suite}", 0
    while True:
        folder = results / "local" / (f"{name}-{count}" if count else name)
        try:
            folder.mkdir(parents=True, exist_ok=False)
        except FileExistsError:  # of a run that was started in the same second
            count += 1
        except OSError as error:
            raise unwritable(f"results in {folder.parent}", error) from error
        else:
            return folder


@contextmanager
def timing_lock() -> Iterator[None]:
    """Wait until no other run of this user is at work here: each would be the other's noise.

    A thread that has the lock may take it again. Each user has a file of their own, because one user's file
    in a shared folder is closed to the others.

    Raises
    ------
    StoreError
        If the file cannot be made.
    """
    try:
        lock = FileLock(_lock_file(), is_singleton=True)
        lock.acquire()
    except OSError as error:
        raise StoreError(
            "lock of this user's runs",
            expected="a file that can be written",
            got=error.strerror or str(error),
            action="set TMPDIR to a folder of your own that has space",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _lock_file() -> Path:
    return Path(tempfile.gettempdir()) / f"nn-versus-{getpass.getuser()}.lock"


def runs_in(results: Path) -> list[Path]:
    """Return the folders of all runs below the results folder, latest last."""
    found = [*results.glob(f"*/{MANIFEST}"), *results.glob(f"*/*/{MANIFEST}")]
    return sorted((path.parent for path in found), key=lambda folder: (folder / MANIFEST).stat().st_mtime)


def find_run(name: str, results: Path) -> Path:
    """Return a run's folder by path, by name, or the one written last for `latest`.

    Raises
    ------
    StoreError
        If there is none.
    """
    if (Path(name) / MANIFEST).exists():
        return Path(name)
    runs = runs_in(results)
    named = [folder for folder in runs if folder.name == name]
    if named or (name == LATEST and runs):
        return (named or runs)[-1]
    raise StoreError(
        f"run {name}",
        expected=f"a run's folder, or the name of a run under {results}",
        got=f"{len(runs)} runs there, none of that name" if runs else "no run there",
        action="`versus list runs` shows what there is; --results names another folder",
    )


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(dict.fromkeys(names))}


def _parse(path: str | Path) -> Record | Damaged:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  see _files
            content = file.read()
        try:
            record = Record.model_validate_json(content)
        except ValidationError:
            _check_version(_version(json.loads(content.decode())))  # what explains more than a field
            raise
        _check_version(record.schema_version)
        return record
    except (OSError, ValueError) as error:
        return Damaged(Path(path), reason_of(error))


def _version(content: Any) -> Any:
    return content.get("schema_version") if isinstance(content, dict) else None


def _check_version(version: Any) -> None:
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ValueError(
            f"written by a newer versus (schema {version}, this one reads up to {SCHEMA_VERSION}); upgrade"
        )


def reason_of(error: Exception) -> str:
    """Return in a few words why a file cannot be read."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'content'}: {first['msg']}"
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON: {error}"
    return str(error)


def write_whole(path: Path, text: str) -> None:
    """Write beside the place, flush to the disk, and move into place."""
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # it cannot even have begun where the folder is none
            draft.unlink()
        raise unwritable(f"results in {path.parent}", error) from error


def _flush_folder(folder: Path) -> None:
    """Have the disk know the new name too, so that it survives a loss of power (POSIX)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell what the system has against writing a file or making a folder as an error of this project."""
    try:
        yield
    except OSError as error:
        raise unwritable(f"results in {path.parent}", error) from error


def unwritable(subject: str, error: OSError, otherwise: str = "--results") -> StoreError:
    """Return the error for what cannot be written, and how another folder is named."""
    return StoreError(
        subject,
        expected="a folder that can be written",
        got=error.strerror or str(error),
        action=f"free space or permissions, or name another folder with {otherwise}",
    )
