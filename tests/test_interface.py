"""The checks that all backends share, on NumPy; and values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from implementations import DeviceUnavailable, InvalidInput, ModelSpec, Placement, load_backend
from implementations.numpy.special import erfc

BACKEND = load_backend("numpy")
X = np.ones((3, 4))


def learner(loss="mean_squared_error", **changes):
    model = {
        "inputs": [4],
        "layers": [{"units": 2}],
        "loss": loss,
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
        "dtype": "float64",
    }
    return BACKEND.build(ModelSpec.from_dict({**model, **changes}))


INDEX = {"name": "sparse_categorical_crossentropy", "from_logits": True}


@pytest.mark.parametrize(
    ("x", "y", "loss", "says"),
    [
        (X[:, :3], np.ones((3, 2)), "mean_squared_error", "examples.*shape"),
        (X[:0], np.ones((0, 2)), "mean_squared_error", "examples"),
        (X.astype(complex), np.ones((3, 2)), "mean_squared_error", "examples"),
        (X.tolist(), np.ones((3, 2)), "mean_squared_error", "examples"),
        (np.where(X, np.nan, 0), np.ones((3, 2)), "mean_squared_error", "finite numbers, got nan at"),
        (X, np.ones((3, 3)), "mean_squared_error", r"numbers of shape \(3, 2\)"),
        (X, np.ones((2, 2)), "mean_squared_error", "one row for each of 3"),
        (X, [[1, 1]] * 3, "mean_squared_error", "numpy array"),
        (X, np.full((3, 2), np.inf), "mean_squared_error", "finite"),
        (X, np.array([0, 1, 2]), INDEX, r"class numbers in \[0, 2\)"),
        (X, np.array([0, -1, 1]), INDEX, r"class numbers in \[0, 2\)"),
        (X, np.array([0.0, 1.0, 1.0]), INDEX, "integers"),
        (X, np.eye(2)[[0, 1, 1]], INDEX, "integers"),
    ],
)
@pytest.mark.parametrize("method", ["loss", "gradients", "step"])
def test_data_that_do_not_fit(method, x, y, loss, says):
    with pytest.raises(InvalidInput, match=says):
        getattr(learner(loss), method)(x, y)


@pytest.mark.parametrize(
    "order", [np.array([0, 1]), np.array([[0.0]]), np.array([[3]]), np.array([[-1]]), np.empty((0, 2), int)]
)
def test_order_that_does_not_fit(order):
    with pytest.raises(InvalidInput, match="order"):
        learner().epoch(X, np.ones((3, 2)), order)


@pytest.mark.parametrize("parameters", [[], [np.ones((4, 2))], [np.ones((2, 4)), np.ones(2)]])
def test_parameters_that_do_not_fit(parameters):
    with pytest.raises(InvalidInput, match="parameter"):
        learner().load_parameters(parameters)


def test_parameters_are_copies():
    one = learner()
    one.parameters()[0][:] = 7
    assert (one.parameters()[0] != 7).all()


def test_device_that_is_not_there():
    with pytest.raises(DeviceUnavailable, match="NumPy computes on the CPU only"):
        BACKEND.build(learner().model, placement=Placement("gpu"))


def test_placement_replaces_the_dtype():
    one = BACKEND.build(learner().model, placement=Placement(dtype="float32"))
    assert one.predict(X).dtype == np.float32


@pytest.mark.parametrize(
    "call",
    [
        lambda: BACKEND.activation("relu", np.array([1, 2])),
        lambda: BACKEND.activation("relu", [1.0]),  # type: ignore[arg-type]  # on purpose
        lambda: BACKEND.activation("rellu", X),
        lambda: BACKEND.activation("relu", X, slope=1),
        lambda: BACKEND.activation_gradient("relu", X, X[:2]),
        lambda: BACKEND.loss("huber", X, X[:2]),
        lambda: BACKEND.loss("huber", X, X, delta=-1),
        lambda: BACKEND.loss("sparse_categorical_crossentropy", np.array([0, 1, 4]), X),
        lambda: BACKEND.optimizer("sgd", learning_rate="fast"),
        lambda: BACKEND.optimizer("sgd", learning_rate=0.1).step([X], []),
        lambda: BACKEND.optimizer("sgd", learning_rate=0.1).step([X], [X.astype(np.float32)]),
        lambda: BACKEND.optimizer("sgd", learning_rate=0.1).step([X], [X[:2]]),
    ],
)
def test_elements_refuse_what_they_cannot_use(call):
    with pytest.raises(InvalidInput):
        call()


# By hand, with the formulas of the catalogue.


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


def test_erfc_against_scipy():
    x = np.concatenate([np.linspace(-6, 26, 20001), [0.0, -0.0, 0.46875, 4.0, 27.0, 30.0, -30.0]])
    np.testing.assert_allclose(erfc(x), special.erfc(x), rtol=2e-15, atol=1e-308)
