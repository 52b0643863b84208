"""Answers compared with what should come out; known deviations excuse what they name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.deviations import Deviation, Region, deviations, refusal
from benchmarks.measures.elements.expected import Expected, Reference, instead
from benchmarks.measures.elements.variants import Computed, Key
from benchmarks.result import Agreement, ElementsData

BAD = 1e-3
"""Relative error from which on a result is called bad."""


def judge(contender: str, reference: Reference, candidate: Computed) -> ElementsData:
    """Compare a contender's results with what should have come out."""
    agreements = [_judge_one(contender, key, reference, value) for key, value in candidate.items()]
    return ElementsData(agreements=agreements, passed=all(agreement.passed for agreement in agreements))


@dataclass(frozen=True)
class Use:
    """That a known deviation has explained something.

    Parameters
    ----------
    points
        At which results it did.
    largest
        Their largest error, in units.
    """

    deviation: Deviation
    region: Region
    points: np.ndarray = field(repr=False)
    largest: float


def uses(contender: str, key: Key, reference: Reference, value: np.ndarray) -> list[Use]:
    """Return which known deviations of a contender explain errors beyond the tolerance, in which regions."""
    variant, quantity, dtype = key
    expected, found = reference[key], value.astype(np.float64).ravel()
    errors = errors_of(expected, value)
    beyond = ~(errors <= expected.tolerance)
    used = []
    for known in deviations(contender):
        if not known.names(variant.element, variant.name, quantity, dtype):
            continue
        wrong = beyond
        if known.instead:
            other = reference[instead(variant, known), quantity, dtype]
            wrong = beyond & (errors_of(other, value) <= other.tolerance)
        for region in known.regions:
            points = wrong & known.covers(region, expected, errors, found, dtype)
            if points.any():
                used.append(Use(known, region, points, float(errors[points].max())))
    return used


def errors_of(expected: Expected, value: np.ndarray) -> np.ndarray:
    """Return the error of each result in units; infinite where one is finite or NaN and should not be."""
    found = value.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        errors = np.abs((found - expected.nearest) - expected.rest) / expected.unit
    alike = (found == expected.nearest) | (np.isnan(found) & np.isnan(expected.nearest))
    errors[alike & ~np.isfinite(expected.nearest)] = 0.0
    errors[~alike & ~(np.isfinite(found) & np.isfinite(expected.nearest))] = np.inf
    errors[np.isinf(expected.unit)] = 0.0
    return errors


def _judge_one(contender: str, key: Key, reference: Reference, value: np.ndarray | str) -> Agreement:
    (variant, quantity, dtype), expected = key, reference[key]
    told: dict[str, Any] = {
        "kind": variant.kind,
        "name": variant.name,
        "quantity": quantity,
        "dtype": dtype,
        "tolerance": expected.tolerance,
    }
    if isinstance(value, str):
        known = refusal(contender, variant.element, variant.name)
        return Agreement(**told, error=float("nan"), passed=known is not None, deviation=known or value)
    errors, found = errors_of(expected, value), value.astype(np.float64).ravel()
    beyond = ~(errors <= expected.tolerance)
    used = uses(contender, key, reference, value)
    left = beyond & ~np.any([np.zeros_like(beyond), *(use.points for use in used)], axis=0)
    shown = np.where(left, errors, -1.0) if left.any() else errors
    worst = int(np.argmax(np.where(np.isnan(shown), np.inf, shown)))
    with np.errstate(all="ignore"):
        relative = np.abs(found - expected.nearest) / np.abs(expected.nearest)
    # NaN and infinity, where they should not be, are no smaller errors than others
    far = ~(relative <= BAD) & (errors > 0) & ~(np.abs(expected.nearest) <= np.finfo(dtype).tiny)
    bad = expected.where[far & ~np.isnan(expected.where)]
    return Agreement(
        **told,
        error=float(errors[worst]),
        median=float(np.median(errors)),
        worst_input=float(expected.where[worst]),
        bad_from=float(bad[np.argmin(np.abs(bad))]) if len(bad) else None,
        bad_step=int(expected.steps[beyond].min()) if expected.steps is not None and beyond.any() else None,
        special=_special(expected.where, found) if variant.kind in ("activation", "loss") else {},
        passed=not left.any(),
        deviation="; ".join(dict.fromkeys(use.deviation.told for use in used)) or None,
    )


def _special(where: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Return the results at zeros, infinities and NaN; the first, where several are asked for."""
    negative = np.signbit(where)
    places = {
        "0": (where == 0) & ~negative,
        "-0": (where == 0) & negative,
        "inf": where == np.inf,
        "-inf": where == -np.inf,
        "nan": np.isnan(where),
    }
    return {name: float(found[place][0]) for name, place in places.items() if place.any()}
