"""Backend name -> module, imported on demand.

The only place that knows which backends there are. Another package adds one by the entry-point group
`nn_versus.backends`: the entry point's name is the backend's name, its value a module with a function
`load(name) -> AbstractBackend`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from implementations.errors import BackendUnavailable, unknown_name
from implementations.interface import AbstractBackend, Support

GROUP = "nn_versus.backends"


@dataclass(frozen=True)
class Entry:
    """Where a backend lives and what it needs.

    Parameters
    ----------
    module
        Has `load(name)`, or `load(name, runtime)` when a runtime is given.
    runtime
        Framework below the framework: Keras's backend.
    packages
        Import names that must be found.
    extra
        Extra of `nn-versus` that installs them.
    compiled
        Whether there is a compiled mode (`Placement.compiled`).
    compiler
        Command of the C++ compiler that this mode needs, or None.
    compiles
        Whether it traces or compiles each program before it runs it, in its usual mode too.
    by_default
        Whether it takes part where neither a suite nor a command names its contenders.
    """

    module: str
    packages: tuple[str, ...]
    runtime: str | None = None
    extra: str | None = None
    compiled: bool = False
    compiler: str | None = None
    compiles: bool = False
    by_default: bool = True


_CXX = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
"""What torch's compiler calls (torch/_inductor/config.py, `cpp.cxx`)."""

_BUILT_IN = {
    "numpy": Entry("implementations.numpy", ("numpy",)),
    "torch": Entry("implementations.torch", ("torch",), extra="torch", compiled=True, compiler=_CXX),
    "keras-tensorflow": Entry(
        "implementations.keras",
        ("keras", "tensorflow"),
        "tensorflow",
        "tensorflow",
        compiled=True,
        compiles=True,
    ),
    "keras-jax": Entry("implementations.keras", ("keras", "jax"), "jax", "jax", compiles=True),
    "keras-torch": Entry("implementations.keras", ("keras", "torch"), "torch", "torch"),
    "jax": Entry("implementations.jax", ("jax",), extra="jax", compiles=True, by_default=False),
    "tensorflow": Entry(
        "implementations.tensorflow",
        ("tensorflow",),
        extra="tensorflow",
        compiled=True,
        compiles=True,
        by_default=False,
    ),
}


@cache
def _entries() -> dict[str, Entry]:
    found = {point.name: Entry(point.value, ()) for point in entry_points(group=GROUP)}
    return {**found, **_BUILT_IN}


def backend_names() -> tuple[str, ...]:
    """Return the names of all known backends, installed or not, built-in ones first.

    Examples
    --------
    >>> backend_names()[:2]
    ('numpy', 'torch')
    """
    return (*_BUILT_IN, *(name for name in _entries() if name not in _BUILT_IN))


def takes_part_by_default(name: str) -> bool:
    """Return whether the backend takes part where no contenders are named.

    Examples
    --------
    >>> [name for name in backend_names() if not takes_part_by_default(name)]
    ['jax', 'tensorflow']
    """
    return _entry(name).by_default


def compiles(name: str) -> bool:
    """Return whether a backend traces or compiles each program before it runs it, which takes long.

    Of another package's backend nothing is known.

    Examples
    --------
    >>> compiles("jax"), compiles("torch")
    (True, False)
    """
    return _entry(name).compiles


def _entry(name: str) -> Entry:
    if name not in _entries():
        raise unknown_name("backend", name, backend_names(), "`versus list contenders` explains them")
    return _entries()[name]


def support(name: str, *, compiled: bool = False) -> Support:
    """Return whether the backend's packages are installed, without importing them.

    Parameters
    ----------
    compiled
        Whether its compiled mode is asked for, which some backends lack and which may need a C++ compiler.

    Raises
    ------
    InvalidInput
        For an unknown name.

    Examples
    --------
    >>> support("numpy").available
    True
    """
    entry = _entry(name)
    missing = [package for package in entry.packages if importlib.util.find_spec(package) is None]
    if missing:
        return Support(False, f"{' and '.join(missing)} not installed; {install_command(name)}")
    if compiled and not entry.compiled:
        return Support(False, f"{name} has no compiled mode")
    if compiled and entry.compiler and not shutil.which(entry.compiler):
        return Support(False, f"no C++ compiler {entry.compiler}; install it, or name another one in CXX")
    return Support(True)


def install_command(name: str) -> str:
    """Return the command that installs what the backend needs.

    Examples
    --------
    >>> install_command("keras-jax")
    'pip install -c constraints.txt -e ".[jax]"'
    """
    extra = _entry(name).extra
    return (
        f'pip install -c constraints.txt -e ".[{extra}]"' if extra else "pip install -c constraints.txt -e ."
    )


def load_backend(name: str) -> AbstractBackend:
    """Import and return the backend of that name.

    Raises
    ------
    InvalidInput
        For an unknown name.
    BackendUnavailable
        If a package is missing or cannot be imported; names the extra that installs it.
    BackendConflict
        If Keras already runs on another runtime in this process.
    """
    entry = _entry(name)
    available = support(name)
    if not available.available:
        raise BackendUnavailable(
            f"backend {name}",
            expected="its packages",
            got=available.reason,
            action="or leave this backend out",
        )
    try:
        module: Any = importlib.import_module(entry.module)
        backend = module.load(name, entry.runtime) if entry.runtime else module.load(name)
    except ImportError as error:
        raise BackendUnavailable(
            f"backend {name}",
            expected="packages that can be imported",
            got=f"{type(error).__name__}: {error}",
            action=f"reinstall them: {install_command(name)}",
        ) from error
    assert isinstance(backend, AbstractBackend)
    return backend
