"""Exact results: an element's formula from the catalogue, computed with as many digits as it takes.

SymPy reads the formula and differentiates it; mpmath computes it twice, the second time with twice the
digits, until both agree. Results come as a float64 and the rest that it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

_FIRST_BITS, _LAST_BITS, _AGREEING_BITS = 160, 16384, 90
_LARGE = 40.0
_BEYOND = 400
"""Infinity is taken as 10^400, which no float64 holds."""


@cache
def functions(formula: str, options: tuple[tuple[str, Any], ...], variable: str) -> tuple[Any, Any]:
    """Return f and its derivative by the variable as functions of mpmath numbers (x), or (p, t)."""
    import sympy

    names = ("x",) if variable == "x" else ("p", "t")
    symbols = {name: sympy.Symbol(name, real=True) for name in names}
    given = {name: sympy.Rational(value) for name, value in options if isinstance(value, float)}
    expression = sympy.sympify(formula, locals={**symbols, **given})
    arguments = [symbols[name] for name in names]
    return tuple(
        sympy.lambdify(arguments, each, "mpmath")
        for each in (expression, sympy.diff(expression, symbols[variable]))
    )


def evaluate(
    function: Callable[..., Any], *points: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return f at each point: the nearest float64, and what is left of it.

    Where f is above all float64 numbers the result is infinite; where a point is NaN it is NaN.
    """
    pairs = [_one(function, tuple(map(float, point))) for point in zip(*points, strict=True)]
    nearest, rest = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return nearest, rest


def _one(function: Callable[..., Any], point: tuple[float, ...]) -> tuple[float, float]:
    import mpmath

    if any(np.isnan(point)):
        return np.nan, 0.0
    # exp(x) - 1 of a tiny x and 1 - tanh(x)^2 of a large one leave nothing unless there are digits for it
    sizes = [abs(value) for value in point if value and np.isfinite(value)]
    lost = max((max(-np.log2(size), 3 * min(size, _LARGE)) for size in sizes), default=0.0)
    before, bits = None, _FIRST_BITS + int(lost)
    while True:
        with mpmath.workprec(bits):
            arguments = [_number(mpmath, value) for value in point]
            now = mpmath.mpf(function(*arguments))
            if before is not None and (
                now == before
                or abs(now - before) <= abs(now) * mpmath.mpf(2) ** -_AGREEING_BITS
                or bits > _LAST_BITS
            ):
                nearest = float(now) if abs(now) < mpmath.mpf(2) ** 1024 else float(mpmath.sign(now)) * np.inf
                return nearest, float(now - nearest) if np.isfinite(nearest) else 0.0
        before, bits = now, 2 * bits


def _number(mpmath: Any, value: float) -> Any:
    if np.isinf(value):
        return mpmath.mpf(10) ** _BEYOND * (1 if value > 0 else -1)
    return mpmath.mpf(value)


def options_of(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return options in a form that can be remembered."""
    return tuple(sorted((name, value) for name, value in options.items() if isinstance(value, float)))
