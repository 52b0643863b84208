"""True float64: what loses digits is named, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from benchmarks.datasets import load
from benchmarks.measures import parity, precision
from benchmarks.measures.precision import errors, leaks
from implementations import Placement
from implementations.numpy.backend import Backend as Numpy


def rounded(numbers):
    return np.float64(np.float32(numbers))


class LeakyDense(Numpy):
    def _build(self, model, placement):
        return super()._build(model, Placement(placement.device, "float32"))


class LeakyTanh(Numpy):
    def _activation(self, name, x, options):
        return rounded(super()._activation(name, x, options))


class LeakyConstant(Numpy):
    def _optimizer(self, spec):
        constants = {name: float(rounded(value)) for name, value in spec.options if name == "momentum"}
        return super()._optimizer(replace(spec, options=tuple({**dict(spec.options), **constants}.items())))


class LeakyRate(Numpy):
    def _optimizer(self, spec):
        return super()._optimizer(replace(spec, learning_rate=float(rounded(spec.learning_rate))))


class LeakyLoss(Numpy):
    def _loss(self, name, targets, predictions, options, weighting):
        return float(rounded(super()._loss(name, targets, predictions, options, weighting)))


@pytest.mark.parametrize(
    ("backend", "names"),
    [
        (Numpy, []),
        (LeakyDense, ["dense"]),
        (LeakyTanh, ["tanh"]),
        (LeakyConstant, ["constant 0.9"]),
        (LeakyRate, ["rate 0.1"]),
        (LeakyLoss, ["loss"]),
    ],
)
def test_what_leaks_is_named(backend, names):
    found = leaks(errors(backend("numpy")))
    assert list(found) == names
    assert all(1e-9 < error < 1e-6 for error in found.values())


def test_a_framework_is_asked_for_what_it_has():
    assert set(precision.native_errors(Numpy("numpy"))) == {"tanh", "constant 0.9"}


def test_no_number_is_no_float64():
    assert leaks({"dense": np.nan}) == {"dense": pytest.approx(np.nan, nan_ok=True)}


def test_float64_trainings_alone_are_probed(monkeypatch):
    monkeypatch.setattr(precision, "errors", Mock(return_value={"dense": 1e-8, "tanh": 0.0}))
    model = {
        "layers": [{"units": 3}],
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
    }
    session = {"backend": Numpy("numpy")}
    expected: dict[parity.DType, dict[str, float]] = {"float64": {"dense": 1e-8}, "float32": {}}
    for dtype, leaking in expected.items():
        path = parity.compute(
            session, lambda: None, data=load("iris"), model=model, device="cpu", dtype=dtype, steps=1
        )
        assert path.leaks == leaking


def test_two_threads_round_a_wide_training_otherwise():
    """What a BLAS shares out among them: ten million multiplications, as no suite of parity has."""
    data = load("digits")  # before threads are told: it brings a BLAS of its own
    layers = [{"units": 1024, "activation": "tanh"}, {"units": 1024, "activation": "tanh"}, {"units": 10}]
    model = {
        "layers": layers,
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
    }
    backend = Numpy("numpy")
    before = backend.threads()
    backend.set_threads(1)
    try:
        one, two, again = (
            parity.compute(
                {"backend": backend},
                lambda: None,
                data=data,
                model=model,
                device="cpu",
                dtype="float32",
                steps=2,
                variation=variation,
            )
            for variation in ("", "two threads", "")
        )
    finally:
        backend.set_threads(before)
    assert [each.threads for each in (one, two, again)] == [1, 2, 1]
    assert (one.parameters[-1] != two.parameters[-1]).any()
    np.testing.assert_array_equal(one.parameters[-1], again.parameters[-1])


def test_one_ulp_moves_a_training():
    """Of a weight that matters: digits have pixels that are 0 in every image."""
    model = {
        "layers": [{"units": 8, "activation": "tanh"}, {"units": 10}],
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
    }
    plain, moved = (
        parity.compute(
            {"backend": Numpy("numpy")},
            lambda: None,
            data=load("digits"),
            model=model,
            device="cpu",
            dtype="float64",
            steps=10,
            variation=variation,
        )
        for variation in ("", "one ULP")
    )
    assert (plain.parameters[0] != moved.parameters[0]).sum() == 1
    assert (plain.parameters[-1] != moved.parameters[-1]).sum() > 50
