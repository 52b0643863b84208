"""Known deviations: where a contender differs from exact results beyond the tolerance, how much, and why.

They stand in one file for each backend, are shown in every report, and cover no more than the regions and
sizes that they name. A test fails when one no longer occurs in one of its regions, or is larger than what
occurs.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.modes import mode_of
from implementations.errors import InvalidInput

if TYPE_CHECKING:
    from benchmarks.measures.elements.expected import Expected

Region = tuple[float, float]
_SHARED = ("element", "reason", "link", "version")
_NEEDED = {
    "deviation": (*_SHARED, "at_most", "quantity", "regions"),
    "training": (*_SHARED, "at_most"),
    "refusal": _SHARED,
}
_OPTIONAL = ("at", "but_not", "gives", "instead", "steps", "targets", "varies")
_PERMITTED = {**_NEEDED, "deviation": (*_NEEDED["deviation"], *_OPTIONAL)}


@dataclass(frozen=True, eq=False)
class Deviation:
    """One known difference of one contender.

    Parameters
    ----------
    element
        Names of elements, or of variants such as `tversky alpha=0.3 beta=0.7`.
    quantity
        Those of `benchmarks.result.Agreement`; `training` for whole trainings that use the element;
        `refusal` where the contender refuses it.
    regions
        Closed intervals of the points at which it occurs: of x, of a prediction, of the size of an
        optimizer's gradients; (nan, nan) is the point NaN. None for others than elements.
    at_most
        For each dtype concerned the largest error that it explains, in the units in which the report counts
        errors (of trainings: the relative drift). Infinite only where `gives` says what comes out.
    at
        For each dtype points where it shows and where `versus parity` would look with `--full` only; now it
        always does.
    but_not
        Variants of the element in which it is not found, or is far smaller.
    gives
        What comes out instead, where that can be named.
    instead
        Options of the element with which the exact result is what comes out.
    targets
        Of a loss of single predictions: for which targets; by default for all.
    steps
        Of an optimizer: after which of its steps, first and last; by default after all.
    varies
        Whether it depends on the processor, as where an element multiplies its rounding errors: then
        `at_most` is the largest that was seen on any, and on some it may not occur.
    reason, link, version
        Why, where one can read more, and what it was seen in.
    """

    element: tuple[str, ...]
    quantity: tuple[str, ...]
    regions: tuple[Region, ...]
    at_most: Mapping[str, float]
    reason: str
    link: str
    version: str
    at: Mapping[str, list[float]] = field(default_factory=dict)
    but_not: tuple[str, ...] = ()
    gives: tuple[float, ...] = ()
    instead: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    varies: bool = False

    def names(self, element: str, variant: str, quantity: str, dtype: str) -> bool:
        """Return whether this is about that element, quantity and dtype."""
        return (
            (element in self.element or variant in self.element)
            and variant not in self.but_not
            and quantity in self.quantity
            and dtype in self.at_most
        )

    def covers(
        self, region: Region, expected: Expected, errors: np.ndarray, found: np.ndarray, dtype: str
    ) -> np.ndarray:
        """Return for each point whether it is in the region and this explains its error."""
        (low, high), where = region, expected.where
        inside = np.isnan(where) if math.isnan(low) else (low <= where) & (where <= high)
        inside &= errors <= self.at_most[dtype]
        if self.targets:
            inside &= False if expected.targets is None else np.isin(expected.targets, self.targets)
        if self.steps:
            (first, last), steps = self.steps, expected.steps
            inside &= False if steps is None else (first <= steps) & (steps <= last)
        if self.gives:
            inside &= np.any(
                [np.isnan(found) if value != value else found == value for value in self.gives], axis=0
            )
        return inside

    @property
    def told(self) -> str:
        """Reason, version and link."""
        return f"{self.reason} ({self.version}; {self.link})"


@cache
def deviations(contender: str) -> tuple[Deviation, ...]:
    """Return the known deviations of a contender: none, where it has no file.

    In its compiled mode a backend has its usual ones and those in a file of its mode's name.

    Raises
    ------
    InvalidInput
        For an entry that lacks something, names something unknown, or explains errors of any size.
    """
    mode = mode_of(contender)
    usual = deviations(mode.backend) if mode.compiled else ()
    file = resources.files("benchmarks.deviations") / f"{contender}.toml"
    if not file.is_file():
        return usual
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    return usual + tuple(read(contender, kind, entry) for kind in _NEEDED for entry in told.get(kind, ()))


def read(contender: str, kind: str, entry: Mapping[str, Any]) -> Deviation:
    """Return an entry of a contender's file; its kind is `deviation`, `training` or `refusal`."""
    subject = f"{kind} {entry.get('element', '')} of {contender}.toml"
    missing = [name for name in _NEEDED[kind] if not entry.get(name)]
    if missing:
        raise InvalidInput(
            subject,
            expected=", ".join(_NEEDED[kind]),
            got=f"no {', '.join(missing)}",
            action="say where it occurs and how large it is, so that it hides nothing else",
        )
    unknown = [name for name in entry if name not in _PERMITTED[kind]]
    if unknown:
        raise InvalidInput(
            subject,
            expected=", ".join(_PERMITTED[kind]),
            got=", ".join(unknown),
            action="correct or remove it",
        )
    names = _listed(entry["element"])
    if len(set(names)) < len(names):
        raise InvalidInput(
            subject, expected="each name once", got=", ".join(names), action="remove the repeated ones"
        )
    if math.inf in entry.get("at_most", {}).values() and not entry.get("gives"):
        raise InvalidInput(
            subject,
            expected="a finite at_most, or gives",
            got="at_most = inf",
            action="say how large it is, or what comes out instead",
        )
    return Deviation(
        element=names,
        quantity=_listed(entry.get("quantity", kind)),
        regions=tuple((low, high) for low, high in entry.get("regions", ())),
        at_most=entry.get("at_most", {}),
        reason=entry["reason"],
        link=entry["link"],
        version=entry["version"],
        at=entry.get("at", {}),
        but_not=_listed(entry.get("but_not", [])),
        gives=tuple(entry.get("gives", ())),
        instead=entry.get("instead", {}),
        targets=tuple(entry.get("targets", ())),
        steps=tuple(entry.get("steps", ())),
        varies=entry.get("varies", False),
    )


def _listed(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def refusal(contender: str, element: str, variant: str) -> str | None:
    """Return reason, version and link of a known refusal of an element or variant."""
    for known in deviations(contender):
        if "refusal" in known.quantity and {element, variant} & set(known.element):
            return known.told
    return None


def explanation(contender: str, elements: list[str], quantity: str, dtype: str, error: float) -> str | None:
    """Return reason, version and link of a known deviation of one of these elements in whole trainings."""
    for known in deviations(contender):
        mentioned = any(known.names(each, each, quantity, dtype) for each in elements)
        if mentioned and error <= known.at_most[dtype]:
            return known.told
    return None
