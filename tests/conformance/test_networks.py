"""Whole networks in every backend: trainings, gradients, predictions, and starting again."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.deviations import deviations
from benchmarks.measures import parity
from implementations import ModelSpec, backend_names, load_backend
from tests.conformance.probe import DROPOUT, MODELS, NETWORKS, STEPS, UNITS, model_and_data, trainings

WORKLOADS = trainings()
PRECISION = {"float64": 1e-13, "float32": 4 * 2.0**-24 * np.sqrt(STEPS)}


def judged(computed, reference, backend, workload):
    paths = computed(backend).paths
    model = ModelSpec.from_dict({"inputs": [1], **workload.model})
    return parity.judge(
        backend,
        model,
        reference.paths[workload.name, "float64"],
        paths[workload.name, "float64"],
        paths[workload.name, "float32"],
        parity.floors(
            reference.paths[workload.name, "float64"],
            parity.Noise(varied=reference.varied[workload.name]),
        ),
    )


def close(found, expected, dtype):
    """Compare arrays by the norm of their difference, as the parity gate does."""
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.shape == theirs.shape
        assert mine.dtype == dtype
        scale = max(float(np.linalg.norm(theirs)), 1.0)
        assert np.linalg.norm(mine.astype(np.float64) - theirs) <= PRECISION[dtype] * scale


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda each: each.name)
def test_training_follows_float64_numpy(computed, reference, backend, workload):
    data = judged(computed, reference, backend, workload)
    assert data.true_float64
    assert data.passed, [(each.dtype, each.first_departure, each.drift[-1]) for each in data.trajectories]


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize(("name", "dtype"), NETWORKS)
class TestLearner:
    def test_predictions(self, computed, reference, backend, name, dtype):
        expected = reference.networks[name, "float64"]["predict"]
        close([computed(backend).networks[name, dtype]["predict"]], [expected], dtype)

    def test_loss(self, computed, reference, backend, name, dtype):
        told, expected = computed(backend).networks[name, dtype], reference.networks[name, "float64"]
        assert told["loss"] == pytest.approx(expected["loss"], rel=PRECISION[dtype], abs=PRECISION[dtype])

    @pytest.mark.parametrize("when", ["gradients", "gradients after steps"])
    def test_gradients(self, computed, reference, backend, name, dtype, when):
        value, gradients = computed(backend).networks[name, dtype][when]
        expected, expected_gradients = reference.networks[name, "float64"][when]
        assert value == pytest.approx(expected, rel=PRECISION[dtype], abs=PRECISION[dtype])
        close(gradients, expected_gradients, dtype)

    def test_steps(self, computed, reference, backend, name, dtype):
        close(
            computed(backend).networks[name, dtype]["steps"],
            reference.networks[name, "float64"]["steps"],
            dtype,
        )

    def test_an_epoch_is_the_same_steps(self, computed, reference, backend, name, dtype):
        close(
            computed(backend).networks[name, dtype]["epoch"],
            reference.networks[name, "float64"]["steps"],
            dtype,
        )

    def test_loading_parameters_starts_again(self, computed, backend, name, dtype):
        told = computed(backend).networks[name, dtype]
        for mine, theirs in zip(told["again"], told["epoch"], strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert any((mine != first).any() for mine, first in zip(told["again"], told["first"], strict=True))


@pytest.mark.parametrize("backend", backend_names())
class TestDropout:
    @pytest.mark.parametrize("method", ["step", "epoch"])
    def test_training_drops_its_share_and_raises_the_rest(self, computed, backend, method):
        moved = computed(backend).dropout[method]
        kept = 0.2 / (1 - DROPOUT)
        assert set(np.round(moved, 12)) == {0.0, round(kept, 12)}
        share, deviation = np.mean(moved == 0), np.sqrt(DROPOUT * (1 - DROPOUT) / UNITS)
        assert abs(share - DROPOUT) < 5 * deviation

    def test_loading_parameters_starts_the_masks_again(self, computed, backend):
        told = computed(backend).dropout
        np.testing.assert_array_equal(told["again"], told["step"])

    def test_shared_masks_are_the_same_everywhere(self, computed, reference, backend):
        """Three steps with masks from NumPy lead to NumPy's weights."""
        moved = computed(backend).dropout["shared"]
        np.testing.assert_allclose(moved, reference.dropout["shared"], rtol=1e-12, atol=1e-14)
        assert len(set(np.round(moved, 9))) > 2

    def test_predictions_and_gradients_drop_nothing(self, computed, backend):
        told = computed(backend).dropout
        assert told["predict"].item() == pytest.approx(UNITS, rel=1e-14)
        np.testing.assert_allclose(told["gradient"], np.full(UNITS, -2.0), rtol=1e-14)


OF_TRAININGS = [
    pytest.param(name, each, id=f"{name} {' '.join(each.element)}")
    for name in backend_names()
    for each in deviations(name)
    if "training" in each.quantity
]


@pytest.mark.parametrize(("backend", "deviation"), OF_TRAININGS)
def test_known_deviation_of_trainings_still_occurs(computed, reference, backend, deviation):
    """With each of its elements: one with which it has gone would hide the next."""
    found = {
        (name, trajectory.dtype)
        for workload in WORKLOADS
        for trajectory in judged(computed, reference, backend, workload).trajectories
        if trajectory.deviation == deviation.told
        for name in deviation.element
        if name in parity.elements_of(ModelSpec.from_dict({"inputs": [1], **workload.model}))
    }
    assert found == set(itertools.product(deviation.element, deviation.at_most))


@pytest.mark.parametrize(("backend", "deviation"), OF_TRAININGS)
def test_known_deviation_of_trainings_is_no_larger_than_what_occurs(computed, reference, backend, deviation):
    most = 100 if deviation.varies else 4
    largest = dict.fromkeys(deviation.at_most, 0.0)
    for workload in WORKLOADS:
        for trajectory in judged(computed, reference, backend, workload).trajectories:
            if trajectory.deviation == deviation.told:
                drifts = [max(drift.loss, drift.parameters) for drift in trajectory.drift]
                largest[trajectory.dtype] = max(largest[trajectory.dtype], *drifts)
    for dtype, size in deviation.at_most.items():
        assert size <= most * largest[dtype], (dtype, largest[dtype])


def test_a_changed_constant_is_found(reference):
    """Momentum 0.9 rounded to float32 must not pass in float64."""
    workload = next(each for each in WORKLOADS if each.name == "digits-momentum")
    true = reference.paths[workload.name, "float64"]
    off = parity.Path(true.steps, true.losses, [each * (1 + 1e-9) for each in true.parameters])
    model = ModelSpec.from_dict({"inputs": [1], **workload.model})
    data = parity.judge("torch", model, true, off, reference.paths[workload.name, "float32"])
    assert not data.passed


@pytest.mark.parametrize("name", MODELS)
def test_numpy_gradients_are_the_derivative(name):
    model, x, y = model_and_data(name, "float64")
    if name == "rosenblatt":
        pytest.skip("the perceptron criterion has no derivative where a score changes its sign")
    learner, width = load_backend("numpy").build(model), 1e-6
    _, gradients = learner.gradients(x, y)
    start = learner.parameters()
    for number, (gradient, trained) in enumerate(zip(gradients, model.network.trainable, strict=True)):
        assert trained or not gradient.any()
        if not trained:
            continue
        for place in list(np.ndindex(gradient.shape))[:5]:
            values = []
            for sign in (1, -1):
                moved = [parameter.copy() for parameter in start]
                moved[number][place] += sign * width
                learner.load_parameters(moved)
                values.append(learner.loss(x, y))
            assert gradient[place] == pytest.approx((values[0] - values[1]) / (2 * width), rel=1e-5, abs=1e-8)
