"""Temporary folders go with their owners, however those end."""

from __future__ import annotations

import errno
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.store import StoreError
from benchmarks.temporary import TemporaryFolder

OWNER = """
import sys, time
from pathlib import Path
from benchmarks.temporary import TemporaryFolder
folder = TemporaryFolder(Path(sys.argv[1]))
(folder.path / "deep").mkdir()
(folder.path / "deep" / "file").write_text("content")
print(folder.path, flush=True)
time.sleep(float(sys.argv[2]))
"""


def owner(where, seconds=60):
    """Start a process with a folder; return both."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(where), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    return process, Path(process.stdout.readline().strip())


def test_a_folder_goes_when_it_is_removed_or_forgotten(tmp_path):
    with TemporaryFolder(tmp_path) as folder:
        (folder / "file").write_text("content")
        forgotten = TemporaryFolder(tmp_path)
        assert {path for path in tmp_path.iterdir() if path.is_dir()} == {folder, forgotten.path}
        del forgotten
        assert {path for path in tmp_path.iterdir() if path.is_dir()} == {folder}
    assert not list(tmp_path.iterdir())


def test_a_folder_goes_at_the_end_of_its_process(tmp_path):
    process, folder = owner(tmp_path, seconds=0)
    with process:
        assert folder.parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_one_and_what_a_living_one_has_stays(tmp_path):
    process, folder = owner(tmp_path)
    with process:
        try:
            with TemporaryFolder(tmp_path):
                assert (folder / "deep" / "file").exists()
        finally:
            process.kill()
    assert (folder / "deep" / "file").exists()
    with TemporaryFolder(tmp_path):
        assert not folder.exists()
    assert not list(tmp_path.iterdir())


def test_without_a_place_it_is_among_the_system_s_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with TemporaryFolder() as folder:
        assert folder.parent.parent == tmp_path


def test_a_place_that_cannot_be_written_is_one_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"temporary files in .*file/place: .*can be written"):
        TemporaryFolder(tmp_path / "file" / "place")

    def full(self, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(StoreError, match="No space left on device"):
        TemporaryFolder(tmp_path)
