from __future__ import annotations

import math

import numpy as np
import pytest

from implementations import InvalidInput, ModelSpec, initial
from implementations.spec import ElementSpec


def model(initializer, inputs=300, units=200, seed=0):
    return ModelSpec.from_dict(
        {
            "inputs": [inputs],
            "layers": [{"units": units, "kernel_initializer": initializer}],
            "loss": "mean_squared_error",
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
            "seed": seed,
        }
    )


def test_orthogonal_matrices_have_no_preferred_signs():
    """The mean trace is 0, its variance 1 / draws; a bare QR decomposition would prefer one side."""
    generator, draws = np.random.default_rng(3), 400
    traces = [np.trace(initial.draw(ElementSpec("orthogonal"), generator, (5, 5))) for _ in range(draws)]
    assert abs(np.mean(traces)) < 4 / math.sqrt(draws)


def test_more_units_than_inputs_are_orthogonal_rows():
    kernel = initial.draw(ElementSpec("orthogonal"), np.random.default_rng(0), (3, 7))
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(3), atol=1e-14)


def test_orthogonal_biases():
    with pytest.raises(InvalidInput, match=r"a kernel of shape \(inputs, units\), got shape \(4,\)"):
        initial.draw(ElementSpec("orthogonal"), np.random.default_rng(0), (4,))


def test_uniform_bounds_in_the_wrong_order():
    spec = ElementSpec("random_uniform", (("minval", 1.0), ("maxval", 0.0)))
    with pytest.raises(InvalidInput, match="minval not above maxval, got 1 and 0"):
        initial.draw(spec, np.random.default_rng(0), (4,))


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        ("glorot_uniform", 2 / 500),
        ("glorot_normal", 2 / 500),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
    ],
)
def test_variance_and_bound(initializer, variance):
    kernel, bias = initial.parameters(model(initializer))
    assert kernel.var() == pytest.approx(variance, rel=0.03)
    assert abs(kernel.mean()) < 4 * math.sqrt(variance / kernel.size)
    bound = math.sqrt(3 * variance) if "uniform" in initializer else 2 * math.sqrt(variance) / 0.8796
    assert 0.99 * bound < abs(kernel).max() <= bound * (1 + 1e-6)
    assert not bias.any()


def test_zeros():
    assert not any(array.any() for array in initial.parameters(model("zeros")))


def test_seed_decides():
    first, again = (initial.parameters(model("he_normal"))[0] for _ in range(2))
    other = initial.parameters(model("he_normal", seed=1))[0]
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(initial.parameters(model("he_normal"), seed=1)[0], other)


def test_float32_holds_the_values_exactly():
    kernel = initial.parameters(model("glorot_normal"))[0]
    np.testing.assert_array_equal(kernel.astype(np.float32).astype(np.float64), kernel)


def test_every_epoch_is_a_new_permutation():
    order = initial.batch_order(examples=10, batch_size=5, epochs=3, seed=0)
    assert order.shape == (3, 2, 5)
    for epoch in order:
        assert sorted(epoch.ravel()) == list(range(10))
    assert (order[0] != order[1]).any()


def test_longer_order_begins_like_the_shorter_one():
    short, long = (initial.batch_order(10, 3, epochs, seed=4) for epochs in (2, 5))
    np.testing.assert_array_equal(long[:2], short)


def test_batch_of_more_than_all_examples_holds_all():
    assert initial.batch_order(4, 64, 1, 0).shape == (1, 1, 4)


def test_no_examples():
    with pytest.raises(InvalidInput, match="at least one example"):
        initial.batch_order(0, 4, 1, 0)
