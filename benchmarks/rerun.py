"""Two checkouts, or two sets of packages, against each other: both sides of each backend in one run.

Two saved runs differ in everything that changed on the machine in between. Two sides that take turns, chunk
by chunk, differ in their code or their packages alone.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import launch
from benchmarks.launch import Launch
from benchmarks.sides import Side
from implementations import InvalidInput

HERE = Path(__file__).parents[1]
"""The checkout that is running."""
BEFORE, AFTER = "@before", "@after"


@contextmanager
def begin(
    reference: str, suite: str, overrides: dict[str, Any], names: Sequence[str], results: Path
) -> Iterator[Launch]:
    """Begin a run in which each contender has a side from the reference and one from here.

    Parameters
    ----------
    reference
        A git revision; the folder of another checkout; the folder of a virtual environment; or requirements
        such as `torch==2.12.0,numpy==2.3.5`, for which an environment is made.

    Raises
    ------
    InvalidInput
        If it is none of these, or its environment cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="nn-versus-") as folder:
        before, what = _side(reference, Path(folder))
        begun = launch.begin(suite, {**overrides, "measures": ["parity", "speed"]}, names, results)
        sides = {}
        for name in begun.contenders:
            sides[name + BEFORE] = replace(before, backend=name)
            sides[name + AFTER] = Side(name, checkout=HERE)
        begun.store.update_manifest(
            contenders=list(sides),
            settings={**begun.store.manifest.settings, "sides": {"before": what, "after": "this checkout"}},
        )
        yield replace(begun, contenders=list(sides), sides=sides)


def _side(reference: str, folder: Path) -> tuple[Side, str]:
    """Return the side that a reference names, and what it is in words."""
    path = Path(reference)
    if python := _interpreter(path):
        return Side("", python=python, checkout=HERE), f"environment {path.name}"
    if (path / "benchmarks" / "worker.py").exists():
        return Side("", checkout=path.resolve()), f"checkout {path.resolve().name}"
    if "==" in reference:
        return Side("", python=_environment(reference.split(","), folder), checkout=HERE), reference
    return Side("", checkout=_checkout(reference, folder)), f"revision {reference}"


def _interpreter(environment: Path) -> str | None:
    python = environment / "bin" / "python"
    return str(python.absolute()) if (environment / "pyvenv.cfg").exists() and python.exists() else None


def _checkout(revision: str, folder: Path) -> Path:
    """Unpack the files of a revision."""
    done = subprocess.run(
        ["git", "-C", str(HERE), "archive", revision, "implementations", "benchmarks"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise InvalidInput(
            "--rerun",
            expected="a git revision, a checkout, a virtual environment, or requirements with ==",
            got=f"{revision!r} ({done.stderr.decode(errors='replace').strip()})",
            action="see `git log --oneline` for revisions",
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _environment(requirements: Sequence[str], folder: Path) -> str:
    """Make an environment that has these packages, and everything else from the one that is running."""
    venv.create(folder / "environment", with_pip=True)
    python = folder / "environment" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = folder / "environment" / "lib" / version / "site-packages"
    (own / "zz-running.pth").write_text(sysconfig.get_path("purelib") + os.linesep)
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", *requirements],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise InvalidInput(
            "--rerun",
            expected="requirements that can be installed",
            got=f"{', '.join(requirements)} ({done.stderr.strip().splitlines()[-1]})",
            action="correct them, or pass an environment that has them",
        )
    return str(python)
