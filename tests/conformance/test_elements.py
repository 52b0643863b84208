"""Every element of the catalogue, in every backend, in both dtypes, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.deviations import deviations, explanation
from benchmarks.measures import elements
from implementations import backend_names, catalog, load_backend

QUANTITIES = {"activation": ("value", "gradient"), "loss": ("value", "gradient"), "optimizer": ("50 steps",)}
ASKED = [
    pytest.param(variant, quantity, dtype, id=f"{variant.name}-{quantity}-{dtype}")
    for variant in elements.variants()
    for quantity in QUANTITIES[variant.kind]
    for dtype in ("float32", "float64")
]


@pytest.fixture(scope="session")
def judged(computed, reference):
    """Return a function from a backend's name to its agreements by element, quantity and dtype."""
    read = {}

    def of(name):
        if name not in read:
            data = elements.judge(name, reference.elements, computed(name).elements)
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
        if isinstance(value, np.ndarray) and not (variant.kind == "loss" and quantity == "value"):
            assert value.dtype == dtype, (variant, quantity)
            assert value.shape == reference.elements[variant, quantity, dtype].shape


KINKS = {
    ("keras-jax", "leaky_relu"): 1.0,
    ("keras-jax", "mean_absolute_error"): -1.0,
    ("keras-jax", "hinge"): -0.5,
    ("keras-torch", "hinge"): -0.5,
}
"""Derivatives where none is right, other than NumPy's; the notes of the catalogue tell them too."""


@pytest.mark.parametrize("backend", backend_names())
def test_values_and_derivatives_at_kinks(computed, reference, backend):
    found = computed(backend).kinks
    assert found.keys() == reference.kinks.keys()
    for name, (value, derivative) in reference.kinks.items():
        expected = value, KINKS.get((backend, name), derivative)
        # they jump by 0.5 or more; TensorFlow's slope of leaky_relu is a float32
        assert found[name] == pytest.approx(expected, abs=1e-6), name


SHORT_CUTS = {("keras-torch", "softplus", "float64"): 3e-9}
"""Largest errors far from 0 that the catalogue's notes tell; `versus parity` compares between -8 and 8."""


@pytest.mark.parametrize("backend", backend_names())
@pytest.mark.parametrize("name", catalog.ACTIVATIONS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_activations_far_from_zero(computed, reference, backend, name, dtype):
    found, expected = computed(backend).tails[name, dtype], reference.tails[name, "float64"]
    errors = np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 1.0), axis=1)
    tolerance = elements.TOLERANCES["activation", dtype]
    if (backend, name, dtype) in SHORT_CUTS:
        assert tolerance < max(errors) <= SHORT_CUTS[backend, name, dtype]
        return
    for quantity, error in zip(("value", "gradient"), errors, strict=True):
        known = explanation(backend, [name], quantity, dtype, error)
        assert error <= tolerance or known, f"{quantity}: error {error:.2e}, tolerance {tolerance:.2e}"


@pytest.mark.parametrize(("backend", "name"), KINKS)
def test_other_derivatives_at_kinks_are_in_the_catalogue(backend, name):
    notes = {**catalog.ACTIVATIONS, **catalog.LOSSES}[name].notes
    assert {"keras-jax": "Keras on JAX", "keras-torch": "torch"}[backend] in notes


def test_every_element_is_compared():
    compared = {(variant.kind, variant.element) for variant in elements.variants()}
    assert compared == {
        *(("activation", name) for name in catalog.ACTIVATIONS),
        *(("loss", name) for name in catalog.LOSSES),
        *(("optimizer", name) for name in catalog.OPTIMIZERS),
    }


def test_a_wrong_value_is_found(reference):
    """The judge must see one unit in the sixth digit, and NaN."""
    key = next(key for key in reference.elements if key[0].name == "gelu" and key[1:] == ("value", "float32"))
    for wrong in (reference.elements[key] * (1 + 1e-5), np.full_like(reference.elements[key], np.nan)):
        data = elements.judge("numpy", reference.elements, {**reference.elements, key: wrong})
        failed = [(each.name, each.quantity, each.dtype) for each in data.agreements if not each.passed]
        assert failed == [("gelu", "value", "float32")]


@pytest.mark.parametrize(
    "deviation",
    [each for each in deviations() if each.quantity != "training"],
    ids=lambda each: f"{each.contender} {each.element} {each.quantity} {each.dtype}",
)
def test_known_deviation_still_occurs(judged, deviation):
    """One that has gone must leave the file, or it would hide the next."""
    explained = [
        each
        for each in judged(deviation.contender).values()
        if each.deviation
        and deviation.covers(deviation.contender, each.name, each.quantity, each.dtype, each.error)
    ]
    assert explained


# The derivatives of NumPy are written by hand; nothing else in the project judges them but frameworks.


@pytest.mark.parametrize("name", [name for name in catalog.ACTIVATIONS if name != "step"])
def test_numpy_activation_gradient_is_the_derivative(name):
    backend, width = load_backend("numpy"), 1e-6
    x = np.array([[-5.0, -1.3, -0.4, 0.2, 0.9, 3.1]])
    upstream = np.array([[0.3, -1.0, 0.7, 0.4, 1.1, -0.2]])
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
    targets, predictions = elements._pair(variant, "float64")
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
    np.testing.assert_allclose(found, numeric, rtol=1e-5, atol=1e-8)
