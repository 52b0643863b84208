"""The checks that all backends share, on NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from implementations import DeviceUnavailable, InvalidInput, ModelSpec, Placement, load_backend

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
        (
            np.where(X, np.nan, 0),
            np.ones((3, 2)),
            "mean_squared_error",
            "finite numbers of float64, got nan at",
        ),
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
    "order",
    [
        np.array([0, 1]),
        np.array([[0.0]]),
        np.array([[3]]),
        np.array([[-1]]),
        np.empty((0, 2), int),
        [[0], [1, 2]],
    ],
)
def test_order_that_does_not_fit(order):
    with pytest.raises(InvalidInput, match="order"):
        learner().epoch(X, np.ones((3, 2)), order)


@pytest.mark.parametrize(
    "name", ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]
)
def test_a_weight_for_each_class(name):
    targets = np.array([0, 1]) if name.startswith("sparse") else np.ones((2, 4))
    with pytest.raises(InvalidInput, match=r"class_weight.*3"):
        BACKEND.loss(name, targets, np.full((2, 4), 0.25), class_weight=[1.0, 2.0, 3.0])


@pytest.mark.parametrize("mode", ["examples", "weights"])
def test_weights_of_classes_are_weights_of_their_examples(mode):
    classes, of_classes, of_examples = np.array([2, 0]), [0.5, 1.0, 3.0], np.array([3.0, 0.5])
    scores = np.array([[0.3, -1.0, 2.0], [0.1, 0.2, -0.4]])
    for name, targets in (
        ("sparse_categorical_crossentropy", classes),
        ("categorical_crossentropy", np.eye(3)[classes]),
    ):
        given = name, targets, scores
        for function in (BACKEND.loss, BACKEND.loss_gradient):
            np.testing.assert_allclose(
                function(*given, from_logits=True, class_weight=of_classes, weight_mode=mode),
                function(*given, from_logits=True, sample_weight=of_examples, weight_mode=mode),
                rtol=1e-14,
            )


@pytest.mark.parametrize("method", ["loss", "loss_gradient"])
@pytest.mark.parametrize(
    ("name", "weights", "options", "says"),
    [
        ("huber", np.ones(2), {}, r"expected shape \(3,\), got float64 of shape \(2,\)"),
        ("huber", np.ones((3, 1)), {}, r"expected shape \(3,\)"),
        ("huber", [1.0, 1.0, 1.0], {}, r"expected shape \(3,\), got list"),
        ("huber", np.array(["1", "1", "1"]), {}, "real numbers"),
        ("huber", np.array([1.0, np.nan, 1.0]), {}, "finite numbers of float64, got nan at position"),
        ("huber", np.array([1.0, -2.0, 1.0]), {}, "no negative weights, got -2"),
        ("huber", np.zeros(3), {"weight_mode": "weights"}, "their sum is the divisor"),
        ("huber", np.ones(3), {"weight_mode": "sum"}, "one of examples, weights, got 'sum'"),
        ("huber", None, {"weight_mode": "weights"}, "option of loss huber"),
        ("dice", np.ones(3), {}, "made of sums over all"),
        ("tversky", np.ones(3), {"weight_mode": "weights"}, "made of sums over all"),
        ("binary_crossentropy", np.ones(3), {"class_weight": [1.0, 2.0]}, "none with class_weight"),
    ],
)
def test_weights_of_examples_that_do_not_fit(method, name, weights, options, says):
    with pytest.raises(InvalidInput, match=says):
        getattr(BACKEND, method)(name, X, X / 2, sample_weight=weights, **options)


def test_no_weight_at_all_is_a_loss_of_0_where_examples_are_counted():
    assert BACKEND.loss("huber", X, X / 2, sample_weight=np.zeros(3)) == 0


@pytest.mark.parametrize(
    "parameters",
    [
        [],
        [np.ones((4, 2))],
        [np.ones((2, 4)), np.ones(2)],
        [np.ones((4, 2), complex), np.ones(2)],
        [np.full((4, 2), "1"), np.ones(2)],
    ],
)
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


def test_dtype_that_no_placement_has():
    with pytest.raises(InvalidInput, match="expected one of float32, float64, got 'float16'"):
        Placement(dtype="float16")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(("x_scale", "y_scale"), [(1e300, 1.0), (1.0, -1e300)])
def test_numbers_that_float32_cannot_hold(x_scale, y_scale):
    one = learner(dtype="float32")
    with pytest.raises(InvalidInput, match=r"finite numbers of float32, got -?1e\+300 at position"):
        one.loss(X * x_scale, np.ones((3, 2)) * y_scale)


def test_an_optimizer_serves_one_list_of_parameters():
    optimizer = BACKEND.optimizer("sgd", learning_rate=0.1)
    optimizer.step([X], [X])
    for other in (X[:2], X.astype(np.float32)):
        with pytest.raises(InvalidInput, match="the shapes and dtype of the first step"):
            optimizer.step([other], [other])


@pytest.mark.parametrize(
    "call",
    [
        lambda: BACKEND.activation("relu", np.array([1, 2])),
        lambda: BACKEND.activation("relu", [1.0]),  # type: ignore[arg-type]  # on purpose
        lambda: BACKEND.activation("rellu", X),
        lambda: BACKEND.activation("relu", X, slope=1),
        lambda: BACKEND.activation(["relu"], X),  # type: ignore[arg-type]  # on purpose
        lambda: BACKEND.activation_gradient("relu", X, X[:2]),
        lambda: BACKEND.activation_gradient("relu", X, X.astype(complex)),
        lambda: BACKEND.loss("huber", X, X[:2]),
        lambda: BACKEND.loss("huber", X.astype(complex), X),
        lambda: BACKEND.loss("huber", X[:0], X[:0]),
        lambda: BACKEND.loss("huber", X[0], X[0]),
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
