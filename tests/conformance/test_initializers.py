"""Initial values: NumPy's by their formulas, and the frameworks' own by distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

from implementations import backend_names, catalog, initial
from tests.conformance.native_initializers import DRAWN, INPUTS, UNITS, bounds, deviation

CERTAIN = 1e-4
"""Least probability of two samples of one distribution to be so unlike; all seeds are fixed."""


def ours(name, seed=1):
    return initial.draw(DRAWN[name], np.random.default_rng(seed), (INPUTS, UNITS))


def fits(kernel, name):
    """Check bounds, standard deviation, and orthogonality, of float32 numbers."""
    low, high = bounds(DRAWN[name])
    slack = 1e-6 * max(abs(kernel).max(), 1e-3)
    assert low - slack <= kernel.min()
    assert kernel.max() <= high + slack
    assert kernel.std() == pytest.approx(deviation(DRAWN[name]), rel=0.01, abs=1e-9)
    if name == "orthogonal":
        np.testing.assert_allclose(kernel.T @ kernel, 4 * np.eye(UNITS), atol=1e-5)


@pytest.mark.parametrize("name", DRAWN)
def test_numpy_draws_what_the_catalogue_says(name):
    kernel = ours(name)
    fits(kernel, name)
    low, high = bounds(DRAWN[name])
    if np.isfinite(low) and name != "orthogonal":  # whose numbers come nowhere near
        assert kernel.min() <= low + 0.01 * (high - low)
        assert kernel.max() >= high - 0.01 * (high - low)


@pytest.mark.parametrize("backend", [name for name in backend_names() if name != "numpy"])
@pytest.mark.parametrize("name", DRAWN)
def test_frameworks_draw_from_the_same_distribution(computed, backend, name):
    drawn = computed(backend).drawn
    if name not in drawn:
        element = catalog.initializer(DRAWN[name].name)
        assert "truncated" in element.resolve({}) or backend.partition("-")[0] not in element.native
        return
    theirs = drawn[name].astype(np.float64)
    assert theirs.shape == (INPUTS, UNITS)
    fits(theirs, name)
    if deviation(DRAWN[name]):
        assert ks_2samp(ours(name).ravel(), theirs.ravel()).pvalue > CERTAIN
