"""Exact results: an element's formula from the catalogue, computed with as many digits as it takes.

SymPy reads the formula and differentiates it. FLINT computes it with balls (Johansson 2017, "Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic"): numbers that carry a proven bound of their error,
with more digits until the bound is small enough. Results come as a float64 and the rest that it does not
hold.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any

import numpy as np

from implementations import catalog
from implementations.errors import InvalidInput

_FIRST_BITS, _LAST_BITS, _ACCURATE_BITS = 160, 160 * 2**6, 90
_NOTHING = 1200
"""What is certainly below 2^-1200 is 0: half the smallest float64 is 2^-1075."""
_COMPARISONS = {
    "<": (operator.lt, operator.ge),
    "<=": (operator.le, operator.gt),
    ">": (operator.gt, operator.le),
    ">=": (operator.ge, operator.lt),
    "==": (operator.eq, operator.ne),
    "!=": (operator.ne, operator.eq),
}
_BEYOND = 1330
"""Infinity is taken as 2^1330, which no float64 holds, and once more as its square, to see what grows."""


Options = tuple[tuple[str, Any], ...]


def functions(element: catalog.Element, given: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return f and its derivative as functions of balls: of x, or of a loss's p and t."""
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
    printer, names = _printer(), _names()
    written = tuple(
        sympy.lambdify(arguments, each, [names], printer=printer, cse=True) for each in (expression, slope)
    )
    # of a name that it is not given, lambdify takes mpmath's, whose errors nobody bounds
    if strange := {name for each in written for name in each.__code__.co_names} - {*names, "abs"}:
        raise InvalidInput(
            f"exact formula {formula}",
            expected=f"functions of balls: {', '.join(names)}",
            got=", ".join(sorted(strange)),
            action="add it to `_names` in benchmarks/measures/exact.py",
        )
    return written


class _Undecided(ArithmeticError):
    """Two balls overlap, so that it takes more digits to say which number is less."""


def _printer() -> Any:
    """Return what writes formulas as Python: mpmath's way, in which each number is exact, but for balls."""
    from sympy.printing.pycode import MpmathPrinter

    class Printer(MpmathPrinter):  # type: ignore[misc]  # SymPy has no types
        def _print_Pi(self, _: Any) -> str:  # noqa: N802  SymPy asks for this name
            return "pi()"

        def _print_Relational(self, relation: Any) -> str:  # noqa: N802  and this
            left, right = self._print(relation.lhs), self._print(relation.rhs)
            return f"decided({left}, {relation.rel_op!r}, {right})"

        def _print_Pow(self, power: Any, rational: bool = False) -> str:  # noqa: N802  and this
            if not power.exp.is_Integer:
                written: str = super()._print_Pow(power, rational)
                return written
            return f"power({self._print(power.base)}, {power.exp})"

    return Printer({"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True})


def _names() -> dict[str, Any]:
    """Return what the printer's formulas name."""
    from flint import arb

    methods = ("exp", "log", "sqrt", "tanh", "erfc", "atan")
    functions = {name: partial(_apply, getattr(arb, name)) for name in methods}
    return {
        **functions,
        "max": lambda one, other: arb(one).max(arb(other)),
        "atan2": arb.atan2,
        "pi": arb.pi,
        "mpf": _ball,
        "power": _power,
        "decided": _decided,
    }


def _apply(method: Callable[[Any], Any], number: Any) -> Any:
    from flint import arb

    return method(arb(number))


def _ball(number: int | tuple[int, int, int, int]) -> Any:
    """Return an integer, or mpmath's sign, mantissa, exponent and bit count, as an exact ball."""
    from flint import arb

    if isinstance(number, int):
        return arb(number)
    negative, mantissa, exponent, _ = number
    return arb(-mantissa if negative else mantissa) * arb(2) ** exponent


def _power(base: Any, exponent: int) -> Any:
    """Return a product, which a ball around 0 has too; FLINT's own power takes its logarithm."""
    power = math.prod([base] * abs(exponent))
    return power if exponent > 0 else 1 / power


def _decided(left: Any, relation: str, right: Any) -> bool:
    """Return whether a comparison holds, which balls that overlap do not tell."""
    holds, fails = _COMPARISONS[relation]
    if holds(left, right):
        return True
    if fails(left, right):
        return False
    raise _Undecided


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
    from flint import arb

    if any(map(math.isnan, point)):
        return math.nan, 0.0
    value = _value(function, point, _BEYOND)
    if any(map(math.isinf, point)) and 1 < abs(value) < arb(2) ** 1024:
        again = _value(function, point, 2 * _BEYOND)
        if abs(again / value) > 1.5:
            value = again.sgn() * arb(2) ** 1024  # it grows without bound, however slowly
    nearest = float(value)
    return nearest, float(value - nearest) if math.isfinite(nearest) else 0.0


def _value(function: Callable[..., Any], point: tuple[float, ...], beyond: int) -> Any:
    """Return f with a proven relative error below 2^-90, or 0 where it is less than any float64."""
    from flint import arb, ctx

    numbers = [arb(value) if math.isfinite(value) else _infinity(value, beyond) for value in point]
    bits = _FIRST_BITS
    while bits <= _LAST_BITS:
        with ctx.workprec(bits), suppress(_Undecided):
            value = arb(function(*numbers))
            if value.rel_accuracy_bits() >= _ACCURATE_BITS:
                return value
            if abs(value) < arb(2) ** -_NOTHING:
                return arb(0)
        bits *= 2
    raise ArithmeticError(f"no {_ACCURATE_BITS} bits of a formula at {point}, even with {_LAST_BITS} bits")


def _infinity(value: float, beyond: int) -> Any:
    from flint import arb

    return arb(2) ** beyond * (1 if value > 0 else -1)
