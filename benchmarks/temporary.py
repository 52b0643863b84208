"""Folders for what does not outlast its process: data sets, parameters of trainings, environments.

What a process that was killed has left there is cleared when the next folder is made at its place.
"""

from __future__ import annotations

import getpass
import shutil
import tempfile
import uuid
import weakref
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.store import unwritable


class TemporaryFolder:
    """A folder that goes when it is removed, when nobody refers to it any more, or with its process.

    It belongs to whoever holds the lock beside it, and the kernel ends a lock with its process.

    Parameters
    ----------
    where
        The folder in which it is made; by default one of this user's among the system's temporary files.

    Raises
    ------
    StoreError
        If it cannot be made.
    """

    def __init__(self, where: Path | None = None) -> None:
        try:
            where = (where or _of_the_system()).resolve()
            where.mkdir(parents=True, exist_ok=True)
            _clear(where)
            self.path = where / uuid.uuid4().hex
            lock = _lock(self.path)
            lock.acquire()  # before there is a folder that others might take for an abandoned one
            self.path.mkdir()
        except OSError as error:
            subject = f"temporary files in {where or 'TMPDIR'}"
            raise unwritable(subject, error, "--results or TMPDIR") from error
        self.remove = weakref.finalize(self, _remove, self.path, lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def among(runs: Path) -> Path:
    """Return where the temporary files of runs lie: beside their folders, where there must be space."""
    return runs / "temporary"


def _of_the_system() -> Path:
    return Path(tempfile.gettempdir()) / f"nn-versus-{getpass.getuser()}"


def _lock(folder: Path) -> FileLock:
    return FileLock(folder.with_suffix(".lock"), thread_local=False)  # a finalizer may run in any thread


def _clear(where: Path) -> None:
    """Remove the folders whose owners have ended without doing so."""
    for folder in where.iterdir():
        if folder.is_dir():
            lock = _lock(folder)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            _remove(folder, lock)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
