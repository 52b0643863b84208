"""Modes: a contender is a backend as it is, or in its compiled mode.

Light, because a worker imports it while its start is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from implementations import Support, backend_names, compiles, support, takes_part_by_default

COMPILED: Mapping[str, str] = {
    "torch-compile": "torch",
    "keras-tensorflow-xla": "keras-tensorflow",
    "tensorflow-xla": "tensorflow",
}
"""Contender -> the backend whose compiled mode it is."""


@dataclass(frozen=True)
class Mode:
    """What stands behind a contender's name."""

    backend: str
    compiled: bool = False

    @property
    def support(self) -> Support:
        """Whether packages, and for a compiled mode its compiler, are installed; imports none of them."""
        return support(self.backend, compiled=self.compiled)

    @property
    def compiles(self) -> bool:
        """Whether it traces or compiles a program before it runs it, which takes long."""
        return self.compiled or compiles(self.backend)


def mode_of(contender: str) -> Mode:
    """Return the backend and the mode that a contender's name stands for.

    Examples
    --------
    >>> mode_of("torch-compile")
    Mode(backend='torch', compiled=True)
    >>> mode_of("torch")
    Mode(backend='torch', compiled=False)
    """
    return Mode(COMPILED.get(contender, contender), contender in COMPILED)


def contender_names() -> tuple[str, ...]:
    """Return the names of all contenders.

    Examples
    --------
    >>> contender_names()[-1]
    'tensorflow-xla'
    """
    return (*backend_names(), *COMPILED)


def default_contenders(*, compiled: bool) -> tuple[str, ...]:
    """Return the names of those that take part where none is named, with compiled modes or without.

    Examples
    --------
    >>> default_contenders(compiled=False)
    ('numpy', 'torch', 'keras-tensorflow', 'keras-jax', 'keras-torch')
    """
    return tuple(
        name
        for name in contender_names()
        if takes_part_by_default(mode_of(name).backend) and (compiled or not mode_of(name).compiled)
    )
