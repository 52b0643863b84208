"""The reference: values computed by hand with the formulas of the catalogue, and the error function."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

from implementations import ModelSpec, load_backend
from implementations.numpy.special import erfc

BACKEND = load_backend("numpy")


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", math.log(3), 0.75),
        ("step", 0.0, 1.0),
        ("step", -1e-300, 0.0),
        ("tanh", math.log(2), 0.6),  # (2 - 1/2) / (2 + 1/2)
        ("leaky_relu", -5.0, -1.0),
        ("elu", -math.log(2), -0.5),
        ("softplus", 0.0, math.log(2)),
        ("gelu", 1.0, 0.8413447460685429),  # the normal distribution's share below 1
        ("silu", math.log(3), 0.75 * math.log(3)),
    ],
)
def test_activations_by_hand(name, x, value):
    assert BACKEND.activation(name, np.array([x]))[0] == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "targets", "predictions", "options", "value"),
    [
        ("mean_squared_error", [[1.0, 0.0]], [[3.0, 1.0]], {}, 2.5),
        ("mean_absolute_error", [[1.0, 0.0]], [[3.0, 1.0]], {}, 1.5),
        ("huber", [[0.0, 0.0]], [[0.5, 3.0]], {}, (0.125 + 2.5) / 2),
        ("binary_crossentropy", [[1.0, 0.0]], [[0.5, 0.75]], {}, (math.log(2) + math.log(4)) / 2),
        ("binary_crossentropy", [[1.0]], [[0.0]], {"from_logits": True}, math.log(2)),
        ("categorical_crossentropy", [[0.0, 1.0]], [[0.75, 0.25]], {}, math.log(4)),
        ("hinge", [[1.0, 0.0]], [[0.5, 0.5]], {}, (0.5 + 1.5) / 2),
        ("perceptron", [[1.0, 0.0]], [[-2.0, 3.0]], {}, (2 + 3) / 2),
    ],
)
def test_losses_by_hand(name, targets, predictions, options, value):
    found = BACKEND.loss(name, np.array(targets), np.array(predictions), **options)
    assert found == pytest.approx(value, rel=1e-14)


def test_perceptron_learning_rule_by_hand():
    """One wrong example moves the weights by rate × (target - output) × input (Rosenblatt 1958)."""
    model = ModelSpec.from_dict(
        {
            "inputs": [2],
            "layers": [{"units": 1, "activation": "step"}],
            "loss": "perceptron",
            "optimizer": {"name": "sgd", "learning_rate": 0.5},
            "dtype": "float64",
        }
    )
    one = BACKEND.build(model, [np.array([[1.0], [1.0]]), np.array([-0.5])])
    one.step(np.array([[1.0, 0.0]]), np.array([0]))  # output 1, target 0
    assert one.parameters()[0].ravel().tolist() == [0.5, 1.0]
    assert one.parameters()[1].tolist() == [-1.0]
    one.step(np.array([[0.0, 0.0]]), np.array([0]))  # right already
    assert one.parameters()[1].tolist() == [-1.0]


def test_momentum_by_hand():
    """Gradient 1, rate 0.1, momentum 0.5: velocities -0.1, -0.15, then with rate 0.05: -0.125 or -0.0875."""
    schedule = {"name": "step", "initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5}
    for convention, last in (("keras", -0.05 - 0.075), ("torch", -0.05 * 1.75)):
        optimizer = BACKEND.optimizer("sgd", learning_rate=schedule, momentum=0.5, convention=convention)
        x = [np.zeros(1)]
        for expected in (-0.1, -0.25, -0.25 + last):
            x = optimizer.step(x, [np.ones(1)])
            assert x[0][0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erfc_within_8_ulp_of_mpmath(dtype):
    """SciPy's loses 250 ULP around x = 25, where exp(-x^2) has the rounding error of x^2."""
    last = 9 if dtype == np.float32 else 26
    x = np.concatenate([np.linspace(-6, last, 801), [0.0, -0.0, 0.46875, 4.0, -30.0]]).astype(dtype)
    found = erfc(x)
    assert found.dtype == dtype
    exact = [mpmath.erfc(mpmath.mpf(float(value))) for value in x]
    with mpmath.workdps(40):
        errors = [abs(mpmath.mpf(float(a)) - b) for a, b in zip(found, exact, strict=True)]
    units = np.spacing(np.array([float(b) for b in exact], dtype)).astype(np.float64)
    assert max(np.array([float(error) for error in errors]) / units) <= 8


@pytest.mark.parametrize("x", [-30.0, -3.0, -0.3, 0.1, 0.46875, 0.47, 1.0, 3.9, 4.1, 10.0, 26.0])
def test_erfc_against_the_standard_library(x):
    assert erfc(np.array([x]))[0] == pytest.approx(math.erfc(x), rel=2e-15)


def test_erfc_at_infinity():
    np.testing.assert_array_equal(erfc(np.array([np.inf, -np.inf])), [0.0, 2.0])
    assert np.isnan(erfc(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("name", "derivative"), [("step", 0.0), ("relu", 0.0), ("leaky_relu", 0.2), ("elu", 1.0)]
)
def test_derivatives_at_a_kink_are_the_catalogue_s(name, derivative):
    zero, upstream = np.zeros(1), np.full(1, 3.0)
    assert BACKEND.activation_gradient(name, zero, upstream)[0] == 3.0 * derivative


@pytest.mark.parametrize("convention", ["keras", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("score", [20.0, 40.0, 120.0])
def test_a_saturated_wrong_probability_moves_nothing_far(convention, dtype, score):
    """The true derivative is 1; the frameworks give up to that, down to 0 where the logarithm is cut."""
    model = ModelSpec.from_dict(
        {
            "inputs": [1],
            "layers": [{"units": 1, "activation": "sigmoid"}],
            "loss": {"name": "binary_crossentropy", "convention": convention},
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "dtype": dtype,
        }
    )
    learner = BACKEND.build(model, [np.array([[score]]), np.zeros(1)])
    _, gradients = learner.gradients(np.ones((1, 1)), np.zeros((1, 1)))
    assert 0.0 <= gradients[0][0, 0] <= 1.0


def test_adam_by_hand():
    """After one step m / c1 = g and v / c2 = g^2, so x moves by the rate, whatever the gradient."""
    for gradient in (1e-3, -50.0):
        moved = BACKEND.optimizer("adam", learning_rate=0.1, epsilon=0.0).step(
            [np.zeros(1)], [np.array([gradient])]
        )
        assert moved[0][0] == pytest.approx(-math.copysign(0.1, gradient), rel=1e-14)


@pytest.mark.parametrize(
    ("convention", "moved"),
    # v = 0.1 * 9 = 0.9 in both; epsilon 0.1 stands under the root, sqrt(1), or behind it, 0.9486833 + 0.1
    [("keras", -0.3), ("torch", -0.3 / (math.sqrt(0.9) + 0.1))],
)
def test_rmsprop_by_hand(convention, moved):
    optimizer = BACKEND.optimizer("rmsprop", learning_rate=0.1, epsilon=0.1, convention=convention)
    assert optimizer.step([np.zeros(1)], [np.array([3.0])])[0][0] == pytest.approx(moved, rel=1e-14)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        # halved after each two steps
        ({"name": "step", "decay_steps": 2, "decay_rate": 0.5}, [1, 1, 0.5, 0.5, 0.25]),
        ({"name": "exponential", "decay_steps": 2, "decay_rate": 0.25}, [1, 0.5, 0.25, 0.125]),
        # (1 + cos(0, 60, 120, 180 degrees)) / 2, then constant
        ({"name": "cosine", "decay_steps": 3}, [1, 0.75, 0.25, 0, 0]),
        ({"name": "cosine", "decay_steps": 3, "alpha": 0.2}, [1, 0.8, 0.4, 0.2, 0.2]),
    ],
)
def test_schedules_by_hand(schedule, rates):
    """Plain descent on gradient 1 moves by the rate."""
    optimizer = BACKEND.optimizer("sgd", learning_rate={"initial_learning_rate": 1.0, **schedule})
    x = [np.zeros(1)]
    for rate in rates:
        before = x[0][0]
        x = optimizer.step(x, [np.ones(1)])
        assert before - x[0][0] == pytest.approx(rate, rel=1e-12, abs=1e-15)


def test_the_first_of_equal_margins_gets_the_derivative():
    targets, scores = np.array([[1.0, 0.0, 0.0]]), np.array([[0.5, 2.0, 2.0]])
    assert BACKEND.loss_gradient("categorical_hinge", targets, scores).tolist() == [[-1.0, 1.0, 0.0]]
