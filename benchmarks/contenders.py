"""Contenders: which are installed, which of them work here, and how to get the rest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import environment
from benchmarks.modes import Mode, contender_names, mode_of
from benchmarks.temporary import TemporaryFolder
from benchmarks.worker import Worker, WorkerFailed
from implementations import BackendUnavailable, Support, backend_names, install_command
from implementations.errors import unknown_name

START_SECONDS = 120.0
"""How long a framework may take to be imported on a slow machine."""


@dataclass(frozen=True)
class Contender:
    """What is known about a backend in one of its modes on this machine.

    Parameters
    ----------
    compiled
        Whether it is the backend's compiled mode.
    reason
        Why it is not usable; empty if it is.
    install
        Command that installs its packages.
    versions, devices, threads
        As the loaded framework reports them; empty and None until it was loaded.
    """

    name: str
    usable: bool
    reason: str
    install: str
    compiled: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    devices: dict[str, Support] = field(default_factory=dict)
    threads: int | None = None


def installed(names: Sequence[str] | None = None) -> list[Contender]:
    """Return whether what each contender needs is installed, without importing any of it.

    Parameters
    ----------
    names
        By default all, compiled modes too.

    Raises
    ------
    InvalidInput
        For an unknown name.

    Examples
    --------
    >>> installed(["numpy"])[0].usable
    True
    """
    names = contender_names() if names is None else names
    if unknown := next((name for name in names if name not in contender_names()), None):
        raise unknown_name("contender", unknown, contender_names(), "`versus list contenders` explains them")
    return [_described(name, mode_of(name)) for name in names]


def _described(name: str, mode: Mode) -> Contender:
    needs = mode.support
    return Contender(name, needs.available, needs.reason, install_command(mode.backend), mode.compiled)


def loaded(names: Sequence[str] | None = None, threads: int | None = None) -> list[Contender]:
    """Load each installed contender in a process of its own and return what it reports."""
    with TemporaryFolder() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda each: _load(each, threads, folder), installed(names)))


def cards(names: Sequence[str] | None = None) -> dict[str, dict[str, str]]:
    """Return the semantics card of each installed contender, or why there is none, by its name.

    By default of backends alone: compiling changes what is called when, and not what it means.
    """

    def card(contender: Contender) -> dict[str, str]:
        try:
            with Worker(
                contender.name,
                environment.worker_environment(1),
                folder / f"{contender.name}.log",
                START_SECONDS,
            ) as worker:
                versions = worker.call("load", contender=contender.name, threads=1)["versions"]
                told = {"versions": ", ".join(f"{name} {version}" for name, version in versions.items())}
                return told | worker.call("card")
        except WorkerFailed as error:
            return {"failed": str(error)}

    here = [each for each in installed(backend_names() if names is None else names) if each.usable]
    with TemporaryFolder() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip([each.name for each in here], pool.map(card, here), strict=True))


def usable(names: Sequence[str], device: str) -> tuple[list[str], dict[str, str]]:
    """Return the contenders that can take part in a run on this device, and the others with the reason.

    For the CPU it is enough to be installed; for another device each framework is loaded and asked.

    Raises
    ------
    InvalidInput
        For an unknown name.
    """
    here = loaded(names) if device != "cpu" else installed(names)
    absent = {each.name: each.reason for each in here if not each.usable}
    for each in here:
        offered = each.devices.get(device)
        if each.usable and offered and not offered.available:
            absent[each.name] = offered.reason
    return [each.name for each in here if each.name not in absent], absent


def require(names: Sequence[str]) -> None:
    """Check that contenders which were asked for by name are installed.

    Raises
    ------
    InvalidInput
        For an unknown name.
    BackendUnavailable
        For one that lacks packages or a compiler; says how to get them.
    """
    for each in installed(names):
        if not each.usable:
            raise BackendUnavailable(
                f"contender {each.name}", expected="what it needs", got=each.reason, action="or leave it out"
            )


def _load(contender: Contender, threads: int | None, folder: Path) -> Contender:
    if not contender.usable:
        return contender
    log = folder / f"{contender.name}.log"
    try:
        with Worker(contender.name, environment.worker_environment(threads), log, START_SECONDS) as worker:
            report = worker.call("load", contender=contender.name, threads=threads)
    except WorkerFailed as error:
        return replace(contender, usable=False, reason=str(error))
    devices = {name: Support(*each) for name, each in report["devices"].items()}
    return replace(contender, versions=report["versions"], devices=devices, threads=report["threads"])
