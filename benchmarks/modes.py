"""Modes: a contender is a backend as it is, or in its compiled mode.

Light, because a worker imports it while its start is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from implementations import Support, backend_names, support

COMPILED: Mapping[str, str] = {"torch-compile": "torch", "keras-tensorflow-xla": "keras-tensorflow"}
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


def contender_names(*, compiled: bool = True) -> tuple[str, ...]:
    """Return the names of all contenders, or only of the backends as they are.

    Examples
    --------
    >>> contender_names()[-1]
    'keras-tensorflow-xla'
    """
    return (*backend_names(), *(COMPILED if compiled else ()))
