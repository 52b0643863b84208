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
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import environment, launch, surroundings
from benchmarks.launch import Launch
from benchmarks.sides import Side
from benchmarks.store import RunStore, find_run, timing_lock, writing
from benchmarks.temporary import TemporaryFolder, among
from implementations import InvalidInput

HERE = Path(__file__).parents[1]
"""The checkout that is running."""
BEFORE, AFTER = "@before", "@after"
SUITE, PRESET = "quick", "quick"
"""What is measured if nothing else is said: the suite's workloads, but as many blocks as the preset has. The
suite itself ends after two minutes, which are too few of them to conclude anything."""


@dataclass(frozen=True)
class _Made:
    """A side that is ready to take turns."""

    side: Side
    what: str
    git: dict[str, Any] | None
    """Commit of its code, and whether it was changed since."""

    def told(self) -> dict[str, Any]:
        """Return what a manifest says of it."""
        code = environment.code_of(self.side.checkout or HERE)
        packages = environment.versions(self.side.python)
        return {"what": self.what, "git": self.git, "code": code, "packages": packages}


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
    with TemporaryFolder(among(results / "local")) as folder:
        before, after = _before(reference, folder), _after()
        enough = {"speed.preset": PRESET} if suite == SUITE else {}
        asked = {**enough, **overrides, "measures": ["parity", "speed"]}
        begun = launch.begin(suite, asked, names, results)
        contenders = [name + side for name in begun.contenders for side in (BEFORE, AFTER)]
        lasting = str(Path(reference).resolve()) if Path(reference).is_dir() else reference
        begun.store.update_manifest(
            contenders=contenders,
            sides={
                "reference": environment.without_home(lasting),
                "before": before.told(),
                "after": after.told(),
            },
        )
        yield _with_sides(replace(begun, contenders=contenders), before, after)


@contextmanager
def resume(run: str, results: Path) -> Iterator[Launch]:
    """Take up such a run, with the side of the reference made again.

    Raises
    ------
    InvalidInput
        If it is an ordinary run, or one of its sides, or the machine, is not what it was.
    StoreError
        If there is no such run.
    """
    store = RunStore.open(find_run(run, results))
    sides = store.manifest.sides
    if not sides:
        raise InvalidInput(
            f"run {store.manifest.run}",
            expected="a run of `versus compare --rerun`",
            got="another one",
            action=f"take it up with: versus run --resume {store.folder}",
        )
    with TemporaryFolder(among(store.folder.parent)) as folder:
        commit = (sides["before"]["git"] or {}).get("commit")
        before = _before(os.path.expanduser(sides["reference"]), folder, commit)  # noqa: PTH111
        after = _after()
        begun, now = {name: sides[name] for name in ("before", "after")}, {"before": before, "after": after}
        told = begun, {name: made.told() for name, made in now.items()}
        if changed := surroundings.differences(*map(_constant, told)):
            raise InvalidInput(
                f"run {store.manifest.run}",
                expected="the two sides that it began with",
                got=", ".join(changed),
                action="go back to those, or begin a new run",
            )
        yield _with_sides(launch.take_up(store), before, after)


def _constant(sides: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what may not change in the middle of a run: the code and the packages, and not the commit."""
    return {
        name: {what: fact for what, fact in side.items() if what != "git"} for name, side in sides.items()
    }


def _with_sides(begun: Launch, before: _Made, after: _Made) -> Launch:
    """Return the run with a side for each contender; what is here is measured against the reference."""
    sides = {}
    for contender in begun.contenders:
        name, _, side = contender.rpartition("@")
        made = before if f"@{side}" == BEFORE else after
        against = None if made is before else name + BEFORE
        sides[contender] = replace(made.side, contender=name, against=against)
    return replace(begun, sides=sides)


def _after() -> _Made:
    return _Made(Side("", checkout=HERE), "this checkout", environment.commit_of(HERE))


def _before(reference: str, folder: Path, commit: str | None = None) -> _Made:
    """Make the side that a reference names; a revision that may have moved is pinned by its commit."""
    path = Path(reference)
    if python := _interpreter(path):
        side = Side("", python=python, checkout=HERE)
        return _Made(side, f"environment {path.name}", environment.commit_of(HERE))
    if (path / "benchmarks" / "worker.py").exists():
        checkout = path.resolve()
        return _Made(
            Side("", checkout=checkout), f"checkout {checkout.name}", environment.commit_of(checkout)
        )
    if "==" in reference:
        with timing_lock():  # it takes the machine for a while
            side = Side("", python=_environment(reference.split(","), folder), checkout=HERE)
        return _Made(side, reference, environment.commit_of(HERE))
    commit = commit or _commit(reference)
    git = {"commit": commit, "dirty": False}
    return _Made(Side("", checkout=_checkout(commit, folder)), f"revision {reference} ({commit[:12]})", git)


def _interpreter(environment: Path) -> str | None:
    python = environment / "bin" / "python"
    return str(python.absolute()) if (environment / "pyvenv.cfg").exists() and python.exists() else None


def _commit(revision: str) -> str:
    """Return the commit that a revision names now."""
    return _git("rev-parse", "--verify", f"{revision}^{{commit}}", asked=revision).decode().strip()


def _checkout(commit: str, folder: Path) -> Path:
    """Unpack the files of a commit."""
    archived = _git("archive", commit, *environment.CODE, asked=commit)
    with writing(folder), tarfile.open(fileobj=io.BytesIO(archived)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*arguments: str, asked: str) -> bytes:
    done = subprocess.run(["git", "-C", str(HERE), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise InvalidInput(
            "--rerun",
            expected="a git revision, a checkout, a virtual environment, or requirements with ==",
            got=f"{asked!r} ({done.stderr.decode(errors='replace').strip()})",
            action="see `git log --oneline` for revisions",
        )
    return done.stdout


def _last_line(output: str | bytes | None) -> str:
    text = output.decode(errors="replace") if isinstance(output, bytes) else output or ""
    return (text.strip().splitlines() or ["no word"])[-1]


def _environment(requirements: Sequence[str], folder: Path) -> str:
    """Make an environment that has these packages, and everything else from the one that is running."""
    python = folder / "environment" / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = folder / "environment" / "lib" / version / "site-packages"
    try:
        with writing(own):
            venv.create(folder / "environment", with_pip=True)
            (own / "zz-running.pth").write_text(sysconfig.get_path("purelib") + os.linesep)
    except subprocess.CalledProcessError as error:  # from `ensurepip`, whose last line says why
        raise InvalidInput(
            "--rerun",
            expected="a virtual environment with pip, which can be made",
            got=_last_line(error.output),
            action="free space, or pass an environment that has the packages",
        ) from error
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
            got=f"{', '.join(requirements)} ({_last_line(done.stderr)})",
            action="correct them, or pass an environment that has them",
        )
    return str(python)
