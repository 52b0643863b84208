from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from implementations import InvalidInput, ModelSpec
from implementations.spec import OptimizerSpec

PLAIN = {
    "inputs": [4],
    "layers": [{"units": 3, "activation": "relu"}, {"units": 2}],
    "loss": "mean_squared_error",
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
}


def model(**changes):
    return ModelSpec.from_dict({**PLAIN, **changes})


def test_shapes_follow_from_the_layers():
    network = model(inputs=[5, 4, 1]).network
    assert network.widths == (20, 3, 2)
    assert network.parameter_shapes == ((20, 3), (3,), (3, 2), (2,))
    assert model(layers=[{"units": 2, "use_bias": False}]).network.parameter_shapes == ((4, 2),)


LAYERS = st.fixed_dictionaries(
    {
        "units": st.integers(1, 50),
        "activation": st.sampled_from(["relu", "tanh", {"name": "elu", "alpha": 0.5}]),
    },
    optional={"use_bias": st.booleans(), "l2": st.floats(0, 1), "dropout": st.floats(0, 0.9)},
)


@given(
    inputs=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    hidden=st.lists(LAYERS, max_size=3),
    rate=st.one_of(
        st.floats(1e-6, 10),
        st.just({"name": "cosine", "initial_learning_rate": 0.1, "decay_steps": 5, "alpha": 0.1}),
    ),
    seed=st.integers(0, 2**31 - 1),
    dtype=st.sampled_from(["float32", "float64"]),
)
@settings(max_examples=50, deadline=None)
def test_to_dict_and_back(inputs, hidden, rate, seed, dtype):
    made = model(
        inputs=inputs,
        layers=[*hidden, {"units": 2}],
        optimizer={"name": "sgd", "learning_rate": rate, "momentum": 0.5},
        seed=seed,
        dtype=dtype,
    )
    assert ModelSpec.from_dict(made.to_dict()) == made


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"inputs": []}, "inputs"),
        ({"inputs": [0]}, "inputs"),
        ({"inputs": "4"}, "inputs"),
        ({"layers": []}, "at least one layer"),
        ({"layers": [{"units": 2.5}]}, "units"),
        ({"layers": [{"units": 2, "activation": "rel"}]}, "relu"),
        ({"layers": [{"units": 2, "activation": {"name": "relu", "slope": 1}}]}, "option of"),
        ({"layers": [{"units": 2, "activation": {"name": "elu", "alpha": -1}}]}, "alpha"),
        ({"layers": [{"units": 2, "activation": 7}]}, "a name, or a table"),
        ({"layers": [{"units": 2, "bias": True}]}, "setting of"),
        ({"layers": [{"units": 2, "use_bias": 1}]}, "use_bias"),
        ({"layers": [{"units": 2, "l2": -1}]}, "l2"),
        ({"layers": [{"units": 2, "dropout": 0.5}]}, "dropout of the last layer"),
        ({"layers": [{"units": 2, "dropout": 1.0}, {"units": 1}]}, "dropout"),
        ({"layers": [{"units": 2, "kernel_initializer": "twos"}]}, "initializer"),
        ({"loss": "mse"}, "loss"),
        ({"loss": {"name": "huber", "delta": 0}}, "delta"),
        ({"optimizer": {"name": "sgd"}}, "learning_rate"),
        ({"optimizer": "sgd"}, "a table"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0}}, "learning_rate"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 2}}, "momentum"),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.1, "convention": "jax"}}, "keras, torch"),
        ({"optimizer": {"name": "sgd", "learning_rate": {"name": "step"}}}, "initial_learning_rate"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": True}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**31}, "from 0 to 2147483647"),
        ({"dtype": "float16"}, "float32"),
        ({"learning_rate": 0.1}, "setting of"),
    ],
)
def test_wrong_settings_say_what_was_expected(changes, says):
    with pytest.raises(InvalidInput, match=says):
        model(**changes)


def test_double_softmax_and_trapped_gradients_are_refused():
    """A step hides every gradient; only the perceptron criterion looks below it."""
    step = [{"units": 1, "activation": "step"}]
    with pytest.raises(InvalidInput, match="derivative"):
        model(layers=step)
    with pytest.raises(InvalidInput, match="step or linear"):
        model(layers=[{"units": 1, "activation": "sigmoid"}], loss="perceptron")
    assert model(layers=step, loss="perceptron")


@pytest.mark.parametrize(
    ("optimizer", "says"),
    [
        (
            {"learning_rate": {"name": "piecewise_constant", "boundaries": [5, 3], "values": [1, 1, 1]}},
            "rising boundaries",
        ),
        (
            {"learning_rate": {"name": "piecewise_constant", "boundaries": [5], "values": [1]}},
            "one more value",
        ),
        ({"learning_rate": 0.1, "clipnorm": 1.0, "clipvalue": 1.0}, "one of clipvalue, clipnorm"),
    ],
)
def test_optimizers_that_contradict_themselves(optimizer, says):
    with pytest.raises(InvalidInput, match=says):
        OptimizerSpec.from_dict({"name": "sgd", **optimizer})


@pytest.mark.parametrize(
    ("layers", "loss", "says"),
    [
        ([{"units": 3, "activation": "glu"}], "mean_squared_error", "an even number"),
        ([{"units": 3}], "gaussian_nll", "means, then variances"),
        (
            [{"units": 1, "activation": "step", "normalization": "layer_normalization"}],
            "perceptron",
            "the loss reads the weighted sum",
        ),
    ],
)
def test_layers_that_do_not_fit(layers, loss, says):
    with pytest.raises(InvalidInput, match=says):
        ModelSpec.from_dict(
            {
                "inputs": [2],
                "layers": layers,
                "loss": loss,
                "optimizer": {"name": "sgd", "learning_rate": 0.1},
            }
        )


def test_lists_survive_the_way_through_a_dictionary():
    given = {
        "name": "sgd",
        "learning_rate": {"name": "piecewise_constant", "boundaries": [5.0], "values": [0.1, 0.01]},
    }
    spec = OptimizerSpec.from_dict(given)
    assert spec.to_dict() == given
    assert hash(spec) == hash(OptimizerSpec.from_dict(spec.to_dict()))
