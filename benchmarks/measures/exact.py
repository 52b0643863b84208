"""Exact results: an element's formula from the catalogue, computed with as many digits as it takes.

SymPy reads the formula and differentiates it; mpmath computes it twice, the second time with twice the
digits, until both agree. Results come as a float64 and the rest that it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from implementations import catalog

_FIRST_BITS, _ZERO_BITS, _LAST_BITS, _AGREEING_BITS = 160, 1280, 16384, 90
_LARGE, _UNDERFLOW = 375.0, 750.0
_BEYOND = 1330
"""Infinity is taken as 2^1330, which no float64 holds, and once more as its square, to see what grows."""


Options = tuple[tuple[str, Any], ...]


def functions(element: catalog.Element, given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return f and its derivative as functions of mpmath numbers: of x, or of a loss's p and t."""
    return _functions(element.exact, element.exact_derivative, element.kind, _told(element, given))


@cache
def _functions(formula: str, derivative: str, kind: str, options: Options) -> tuple[Any, Any]:
    import sympy

    arguments = [sympy.Symbol(name, real=True) for name in (("p", "t") if kind == "loss" else ("x",))]
    known: dict[str, Any] = {symbol.name: symbol for symbol in arguments}
    for name, value in options:
        known[name] = sympy.sympify(value) if isinstance(value, bool) else sympy.Rational(value)
    expression = sympy.sympify(formula, locals=known)
    slope = sympy.diff(expression, arguments[0])
    if derivative:
        slope = sympy.sympify(derivative, locals={**known, "derivative": slope})
    return tuple(sympy.lambdify(arguments, each, "mpmath") for each in (expression, slope))


def _told(element: catalog.Element, given: Mapping[str, Any]) -> Options:
    """Return options as formulas know them, in a form that can be remembered."""
    told: dict[str, Any] = {}
    for option in element.options:
        value = given[option.name]
        if option.choices:
            told |= {choice: choice == value for choice in option.choices}
        elif isinstance(value, tuple):
            told |= {f"{option.name}_{place}": each for place, each in enumerate(value or (1.0, 1.0))}
        else:
            told[option.name] = value
    return tuple(sorted(told.items()))


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
    value = _limit(mpmath, function, point, _BEYOND)
    if (
        any(np.isinf(point))
        and 1 < abs(value) < mpmath.mpf(2) ** 1024
        and abs(_limit(mpmath, function, point, 2 * _BEYOND) / value) > 1.5
    ):
        value = mpmath.sign(value) * mpmath.mpf(2) ** 1024  # it grows without bound, however slowly
    nearest = float(value) if abs(value) < mpmath.mpf(2) ** 1024 else float(mpmath.sign(value)) * np.inf
    return nearest, float(value - nearest) if np.isfinite(nearest) else 0.0


def _limit(mpmath: Any, function: Callable[..., Any], point: tuple[float, ...], beyond: int) -> Any:
    # exp(x) - 1 of a tiny x and 1 - tanh(x)^2 of a large one leave nothing unless there are digits for it
    sizes = [abs(value) for value in point if value and np.isfinite(value)]
    lost = max((max(-np.log2(size), _digits_for_tails(size)) for size in sizes), default=0.0)
    before, bits = None, _FIRST_BITS + int(lost)
    while True:
        with mpmath.workprec(bits):
            now = mpmath.mpf(function(*(_number(mpmath, value, beyond) for value in point)))
            if before is not None and abs(now - before) <= abs(now) * mpmath.mpf(2) ** -_AGREEING_BITS:
                if now or bits >= _ZERO_BITS:
                    return now
                bits = _ZERO_BITS // 2  # all digits may have cancelled
            elif bits > _LAST_BITS:
                return now
        before, bits = now, 2 * bits


def _digits_for_tails(size: float) -> float:
    """Return how many bits exp(-2 size) lies below 1, as long as a float64 holds exp(-size)."""
    return 3 * min(size, _LARGE) if size < _UNDERFLOW else 0.0


def _number(mpmath: Any, value: float, beyond: int) -> Any:
    if np.isinf(value):
        return mpmath.mpf(2) ** beyond * (1 if value > 0 else -1)
    return mpmath.mpf(value)
