"""Elements: everything in the catalogue, compared one by one with exact results."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from benchmarks.measures import Alive, Session
from benchmarks.measures.elements.answers import QUANTITIES
from benchmarks.measures.elements.expected import Expected, Reference, exact_answer, others
from benchmarks.measures.elements.judgement import errors_of, judge, uses
from benchmarks.measures.elements.questions import asked
from benchmarks.measures.elements.variants import DTYPES, Computed, Key, Variant, variants
from benchmarks.result import ElementsData
from implementations import AbstractBackend, UnsupportedConvention

__all__ = [
    "DTYPES",
    "Computed",
    "Expected",
    "Key",
    "Reference",
    "Variant",
    "ask",
    "asked",
    "compare",
    "compute",
    "errors_of",
    "expect",
    "judge",
    "uses",
    "variants",
    "write_expected",
]


def compute(session: Session, alive: Alive, *, full: bool = False) -> Computed:
    """Compute everything that is asked in the worker; a refused convention is given as its reason."""
    backend: AbstractBackend = session["backend"]
    computed: Computed = {}
    for variant, dtype in asked(full):
        for quantity, function in QUANTITIES[variant.kind].items():
            try:
                with np.errstate(all="ignore"):  # overflow and 0 / 0 are among the questions
                    value: np.ndarray | str = function(backend, variant, dtype, full)
            except UnsupportedConvention as error:
                value = str(error)
            computed[variant, quantity, dtype] = value
        alive()
    return computed


def expect(session: Session, alive: Alive, *, full: bool = False) -> Reference:
    """Compute what should come out, in a worker that has the NumPy backend.

    Where a known deviation is that a framework takes other options, also what comes out with those.
    """
    backend: AbstractBackend = session["backend"]
    expected: Reference = {}
    for variant, dtype in asked(full):
        for each in (variant, *others(variant)):
            for quantity in QUANTITIES[each.kind]:
                with np.errstate(all="ignore"):
                    expected[each, quantity, dtype] = exact_answer(backend, each, quantity, dtype, full)
        alive()
    return expected


def write_expected(session: Session, alive: Alive, *, file: Path, full: bool = False) -> None:
    """Write what should come out to a file, for the workers that judge: the parent stays small."""
    file.write_bytes(pickle.dumps(expect(session, alive, full=full)))


def ask(session: Session, alive: Alive, *, full: bool = False) -> None:
    """Compute every variant, and keep the results until `compare` is asked for."""
    session["computed"] = compute(session, alive, full=full)


def compare(session: Session, alive: Alive, *, contender: str, file: Path) -> ElementsData:
    """Compare what `ask` has kept with a file of `write_expected`."""
    return judge(contender, pickle.loads(file.read_bytes()), session.pop("computed"))
