"""Exact results: against values known in closed form, where float64 has lost all digits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.measures import exact
from implementations import InvalidInput, catalog


def functions(name, **options):
    element = catalog.activation(name)
    return exact.functions(element, element.resolve(options))


@pytest.mark.parametrize(
    ("name", "x", "value", "derivative"),
    [
        ("elu", -1e-300, -1e-300, 1.0),
        ("tanh", 1e-200, 1e-200, 1.0),
        ("sigmoid", -700.0, math.exp(-700.0), math.exp(-700.0)),
        ("sigmoid", 40.0, 1.0, math.exp(-40.0)),
        ("softplus", -700.0, math.exp(-700.0), math.exp(-700.0)),
        ("tanh", 20.0, 1.0, 4 * math.exp(-40.0)),
        ("exponential", 710.0, math.inf, math.inf),
        ("gelu", math.inf, math.inf, 1.0),
        ("gelu", -25.0, -7.6417417659564023e-137, -1.9104257373984656e-135),
        ("gelu", -1e300, 0.0, 0.0),
        ("silu", -math.inf, 0.0, 0.0),
        ("squareplus", -1e200, 1e-200, 1e-400),
        ("mish", -8192.0, 0.0, 0.0),
        ("relu", 0.0, 0.0, 0.0),
        ("relu6", 6.0, 6.0, 0.0),
        ("leaky_relu", 0.0, 0.0, 0.2),
        ("hard_tanh", 1.0, 1.0, 0.0),
        ("step", 0.0, 1.0, 0.0),
    ],
)
def test_values_and_derivatives(name, x, value, derivative):
    f, slope = functions(name)
    assert exact.evaluate(f, [x])[0][0] == pytest.approx(value, rel=1e-15)
    assert exact.evaluate(slope, [x])[0][0] == pytest.approx(derivative, rel=1e-15)


def test_what_a_float64_does_not_hold_is_the_rest():
    nearest, rest = exact.evaluate(functions("exponential")[0], [1.0])
    assert nearest[0] == math.e
    assert rest[0] == pytest.approx(1.4456468917292502e-16, rel=1e-10)  # e - float64(e)


def test_exp_of_a_large_negative_number_is_not_lost_beside_1():
    """mish'(-512) = (1 - 512) exp(-512) up to 1e-220, whose digits begin 739 bits below 1."""
    slope = exact.evaluate(functions("mish")[1], [-512.0])[0][0]
    assert slope / (-511 * math.exp(-512.0)) == pytest.approx(1.0, rel=1e-13)


def test_digits_of_a_difference_are_proven_however_many_cancel():
    """(x + sqrt(x^2 + 4)) / 2 = 1 / |x| up to x^-3: 1330 bits of x and of the root are the same."""
    value, rest = exact.evaluate(functions("squareplus")[0], [-(2.0**665)])
    assert (value[0], rest[0]) == (2.0**-665, 0.0)


def test_a_comparison_that_balls_leave_open_gets_more_digits():
    """1 + 2^-300 is above 1, which 160 bits do not tell."""
    asked = []

    def function(x):
        asked.append(x)
        return 1 if exact._decided((1 + x) - 1, ">", 0) else 2

    assert exact.evaluate(function, [2.0**-300])[0][0] == 1
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("formula", "x", "value"),
    [
        ("Max(exp(x) - 1, Rational(1, 10**60))", 1e-55, 1e-55),
        ("Piecewise((1, Eq(x, 0)), (2, Ne(x, 3)), (3, True))", 0.0, 1.0),
        ("Piecewise((1, Eq(x, 0)), (2, Ne(x, 3)), (3, True))", 1.0, 2.0),
        ("Piecewise((1, Eq(x, 0)), (2, Ne(x, 3)), (3, True))", 3.0, 3.0),
    ],
)
def test_the_larger_of_two_numbers_and_equal_ones_are_told_with_enough_digits(formula, x, value):
    f, _ = exact._functions(formula, "0", "activation", ())
    assert exact.evaluate(f, [x])[0][0] == pytest.approx(value, rel=1e-15)


def test_the_larger_of_two_balls_that_overlap_is_as_uncertain_as_they_are():
    """Python's own `max` would take the first, however little is known of which is larger."""
    from flint import arb

    known, unknown, larger = arb(2) ** -200, arb(0, arb(2) ** -160), exact._names()["max"]
    assert larger(known, unknown).rel_accuracy_bits() < exact._ACCURATE_BITS
    assert larger(unknown, known).rel_accuracy_bits() < exact._ACCURATE_BITS


def test_a_function_without_proven_errors_is_refused():
    """lambdify would take mpmath's, of 53 bits."""
    with pytest.raises(InvalidInput, match=r"sinh") as refused:
        exact._functions("sinh(x)", "", "activation", ())
    assert "functions of balls: exp, log" in str(refused.value)


def test_what_no_number_of_digits_decides_is_an_error():
    from flint import arb

    with pytest.raises(ArithmeticError, match=r"at \(3\.0,\)"):
        exact.evaluate(lambda x: arb(x, 1), [3.0])


def test_nan_stays_nan():
    assert np.isnan(exact.evaluate(functions("relu")[0], [math.nan])[0]).all()


@pytest.mark.parametrize("name", [name for name, each in catalog.LOSSES.items() if each.exact])
def test_formulas_of_losses_are_numpy_s(name):
    from implementations import load_backend

    loss = catalog.LOSSES[name]
    f, _ = exact.functions(loss, loss.resolve({}))
    predictions, targets = np.array([[0.3, 0.9]]), np.array([[1.0, 0.0]])
    expected = exact.evaluate(f, predictions.ravel(), targets.ravel())[0].mean()
    assert load_backend("numpy").loss(name, targets, predictions) == pytest.approx(expected, rel=1e-13)
