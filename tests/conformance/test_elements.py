"""Every element of the catalogue, in every backend, in both dtypes, against float64 NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.deviations import read
from benchmarks.measures import elements
from implementations import backend_names, catalog, load_backend, support
from tests.conformance.probe import SAMPLE_WEIGHT, weighable

QUANTITIES = {
    "activation": ("value", "gradient"),
    "loss": ("value", "gradient"),
    "optimizer": ("100 steps",),
    "product": ("product",),
    "metric": ("value",),
}
ASKED = [
    pytest.param(variant, quantity, dtype, id=f"{variant.name}-{quantity}-{dtype}")
    for variant in elements.variants()
    for quantity in QUANTITIES[variant.kind]
    for dtype in ("float32", "float64")
]


WEIGHABLE = weighable()


@pytest.fixture(scope="session")
def judged(computed, reference):
    """Return a function from a backend's name to its agreements by element, quantity and dtype."""
    read = {}

    def of(name):
        if name not in read:
            data = elements.judge(name, reference.expected, computed(name).elements)
            read[name] = {(each.name, each.quantity, each.dtype): each for each in data.agreements}
        return read[name]

    return of


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize(("variant", "quantity", "dtype"), ASKED)
def test_agrees_with_float64_numpy(judged, backend, variant, quantity, dtype):
    found = judged(backend)[variant.name, quantity, dtype]
    assert found.passed, f"error {found.error:.2e}, tolerance {found.tolerance:.2e}"


@pytest.mark.parametrize("backend", backend_names())
def test_keeps_shape_and_dtype(computed, reference, backend):
    for (variant, quantity, dtype), value in computed(backend).elements.items():
        if isinstance(value, np.ndarray) and not (variant.kind in ("loss", "metric") and quantity == "value"):
            assert value.dtype == dtype, (variant, quantity)
            assert value.shape == reference.elements[variant, quantity, dtype].shape, (variant, quantity)


def test_every_element_is_compared():
    compared = {(variant.kind, variant.element) for variant in elements.variants()}
    assert compared == {
        *(("activation", name) for name in catalog.ACTIVATIONS),
        *(("loss", name) for name in catalog.LOSSES),
        *(("optimizer", name) for name in catalog.OPTIMIZERS),
        ("product", "product"),
        *(("metric", name) for name in catalog.METRICS),
    }
    used = {
        variant.options["learning_rate"]["name"]
        for variant in elements.variants()
        if isinstance(variant.options.get("learning_rate"), dict)
    }
    assert used == set(catalog.SCHEDULES)


def test_a_wrong_value_is_found(reference):
    """The judge must see a hundred units in the last place, and NaN; it names the element and the point."""
    key = next(key for key in reference.elements if key[0].name == "tanh" and key[1:] == ("value", "float32"))
    for wrong in (1 + 1e-5, np.nan):
        values = reference.elements[key].copy()
        values[300] *= wrong
        data = elements.judge("numpy", reference.expected, {**reference.elements, key: values})
        failed = [each for each in data.agreements if not each.passed]
        assert [(each.name, each.quantity, each.dtype) for each in failed] == [("tanh", "value", "float32")]
        assert failed[0].worst_input == reference.expected[key].where[300]


@pytest.mark.parametrize("backend", backend_names())
def test_calls_that_the_catalogue_names_exist(computed, backend):
    assert computed(backend).missing_calls == []


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize("mode", ["examples", "weights"])
@pytest.mark.parametrize("variant", WEIGHABLE, ids=lambda each: each.name)
def test_weights_of_examples_weigh_their_losses(computed, backend, variant, mode):
    told = computed(backend).weighted[variant.name, mode]
    divisor = len(SAMPLE_WEIGHT) if mode == "examples" else SAMPLE_WEIGHT.sum()
    assert told.value == pytest.approx((SAMPLE_WEIGHT * told.values).sum() / divisor, rel=1e-14)
    expected = (SAMPLE_WEIGHT * len(SAMPLE_WEIGHT) / divisor)[:, np.newaxis] * told.plain_gradient
    np.testing.assert_allclose(told.gradient, expected, rtol=1e-13, atol=1e-16)


FILES = {"common": backend_names(), "keras": ("keras-tensorflow", "keras-jax", "keras-torch")}
FILES |= {"torch": ("torch", "keras-torch"), "tensorflow": ("keras-tensorflow",), "jax": ("keras-jax",)}
KNOWN = [
    pytest.param(name, each, id=f"{name} {' '.join(each.element)} {each.quantity} {each.dtype}")
    for name in FILES
    for each in read(name)
    if each.quantity != "training"
]


@pytest.mark.parametrize(("file", "deviation"), KNOWN)
def test_known_deviation_still_occurs(judged, file, deviation):
    """One that has gone must leave the file, or it would hide the next."""
    usable = [backend for backend in FILES[file] if support(backend).available]
    if len(usable) < len(FILES[file]):
        pytest.skip(f"it may be of one of {', '.join(FILES[file])}, and not all are installed")
    assert any(
        each.deviation and deviation.told in each.deviation
        for backend in usable
        for each in judged(backend).values()
    )


def test_every_file_of_deviations_is_read():
    stems = {path.stem for path in Path("benchmarks/deviations").glob("*.toml")}
    assert stems == set(FILES)


FAULTS = {
    "keras-tensorflow": ["elu value float32", "celu gradient float32", "gelu value float64", "nadam keras"],
    "keras-jax": ["mean_absolute_error gradient", "leaky_relu gradient", "tversky alpha=0.3"],
    "keras-torch": ["softplus value float64", "tversky alpha=0.3", "sparsemax value"],
    "torch": ["hard_sigmoid gradient float64", "nadam keras", "gelu value float32"],
}
"""Faults of these versions that others have reported, each of which the comparison must find by itself."""


@pytest.mark.parametrize(("backend", "fault"), [(name, each) for name in FAULTS for each in FAULTS[name]])
def test_faults_that_others_reported_are_found(judged, backend, fault):
    found = [
        f"{each.name} {each.quantity} {each.dtype}" for each in judged(backend).values() if each.deviation
    ]
    assert any(each.startswith(fault) for each in found)


# The derivatives of NumPy are written by hand; nothing else in the project judges them but frameworks.


@pytest.mark.parametrize("name", [name for name in catalog.ACTIVATIONS if name != "step"])
def test_numpy_activation_gradient_is_the_derivative(name):
    backend, width = load_backend("numpy"), 1e-6
    x = np.array([[-5.0, -1.3, -0.4, 0.2, 0.9, 3.1]])
    upstream = np.array([[0.3, -1.0, 0.7, 0.4, 1.1, -0.2]])
    upstream = upstream[:, : backend.activation(name, x).shape[1]]
    numeric = np.empty_like(x)
    for column in range(x.shape[1]):
        shift = np.zeros_like(x)
        shift[0, column] = width
        difference = backend.activation(name, x + shift) - backend.activation(name, x - shift)
        numeric[0, column] = (difference * upstream).sum() / (2 * width)
    np.testing.assert_allclose(backend.activation_gradient(name, x, upstream), numeric, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "variant", [each for each in elements.variants() if each.kind == "loss"], ids=lambda each: each.name
)
def test_numpy_loss_gradient_is_the_derivative(variant):
    backend, width = load_backend("numpy"), 1e-6
    targets, predictions = (part[: elements.RANDOM] for part in elements._pairs(variant, "float64"))
    numeric = np.empty_like(predictions)
    for place in np.ndindex(predictions.shape):
        shift = np.zeros_like(predictions)
        shift[place] = width
        values = [
            backend.loss(variant.element, targets, predictions + sign * shift, **variant.options)
            for sign in (1, -1)
        ]
        numeric[place] = (values[0] - values[1]) / (2 * width)
    found = backend.loss_gradient(variant.element, targets, predictions, **variant.options)
    steady = np.abs(predictions) > 1e4 * width  # so that the difference is one of neighbours
    np.testing.assert_allclose(found[steady], numeric[steady], rtol=1e-5, atol=1e-8)
