"""Data made by formula and seed."""

from __future__ import annotations

import numpy as np

from benchmarks.datasets.dataset import Raw
from implementations.errors import InvalidInput, unknown_name

GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "xor": [0, 1, 1, 0], "nand": [1, 1, 1, 0]}


def logic_gates(*, gate: str) -> Raw:
    """Return the four rows of a truth table; there are no others to validate or test with."""
    if gate not in GATES:
        raise unknown_name("gate", gate, tuple(GATES), "correct it")
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
    return Raw(x, np.array(GATES[gate]), classes=2, whole=True)


def moons(*, examples: int, noise: float, seed: int) -> Raw:
    """Return two interleaved half circles, as scikit-learn's make_moons does."""
    from sklearn.datasets import make_moons

    _check("moons", examples, noise)
    x, y = make_moons(examples, noise=noise, random_state=seed)
    return Raw(x, y.astype(np.int64), classes=2)


def spirals(*, examples: int, noise: float, seed: int) -> Raw:
    """Return two spirals: class c lies at radius t and angle 3 pi t + c pi, t uniform in [0.1, 1].

    After Lang & Witbrock 1988, Learning to Tell Two Spirals Apart.
    """
    _check("spirals", examples, noise)
    random = np.random.default_rng([seed, 7])
    y = np.arange(examples) % 2
    radius = random.uniform(0.1, 1.0, examples)
    angle = 3 * np.pi * radius + np.pi * y
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return Raw(x + noise * random.normal(size=x.shape), y, classes=2)


def sine_mixture(*, examples: int, noise: float, seed: int) -> Raw:
    """Return series of 24 times and 3 features, shape (examples, 24, 3), of three classes.

    Class c mixes two sines of c + 1 and c + 3 waves; each feature has a random phase and amplitude.
    """
    _check("sine_mixture", examples, noise)
    random = np.random.default_rng([seed, 11])
    y = np.arange(examples) % 3
    time = np.arange(24)[None, :, None] / 24
    waves = y[:, None, None] + np.array([1, 3])[:, None, None, None]
    phase = random.uniform(0, 2 * np.pi, (2, examples, 1, 3))
    amplitude = random.uniform(0.5, 1.5, (2, examples, 1, 3))
    x = (amplitude * np.sin(2 * np.pi * waves * time + phase)).sum(axis=0)
    return Raw(x + noise * random.normal(size=x.shape), y, classes=3)


def clusters(*, examples: int, noise: float, features: int, classes: int, seed: int) -> Raw:
    """Return points around one centre for each class; the centres are drawn from a normal distribution.

    Of any size, for measuring how time grows with it.
    """
    _check("clusters", examples, noise)
    _check_whole("clusters", "features", features, 1)
    _check_whole("clusters", "classes", classes, 2)
    random = np.random.default_rng([seed, 13])
    centres = random.normal(size=(classes, features))
    y = np.arange(examples) % classes
    return Raw(centres[y] + noise * random.normal(size=(examples, features)), y, classes=classes)


def _check_whole(name: str, option: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidInput(
            f"option {option} of {name}",
            expected=f"a whole number >= {least}",
            got=repr(value),
            action="correct it",
        )


def _check(name: str, examples: int, noise: float) -> None:
    _check_whole(name, "examples", examples, 20)
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0 <= noise < 10:
        raise InvalidInput(
            f"option noise of {name}", expected="a number in [0, 10)", got=repr(noise), action="correct it"
        )
