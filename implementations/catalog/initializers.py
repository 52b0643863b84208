"""Initializers: kernels of shape (inputs, units), drawn once in NumPy for every backend."""

from __future__ import annotations

from implementations.catalog.element import Element, table

_TRUNCATED = "The normal is cut at two standard deviations and rescaled to the stated one, as in Keras."

INITIALIZERS = table(
    Element("zeros", "initializer", "w = 0", "constant"),
    Element(
        "glorot_uniform",
        "initializer",
        "w ~ U(-a, a), a = sqrt(6 / (inputs + units))",
        "Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural Networks",
    ),
    Element(
        "glorot_normal",
        "initializer",
        "w ~ N(0, 2 / (inputs + units)), truncated",
        "Glorot & Bengio 2010, Understanding the Difficulty of Training Deep Feedforward Neural Networks",
        notes=_TRUNCATED,
    ),
    Element(
        "he_uniform",
        "initializer",
        "w ~ U(-a, a), a = sqrt(6 / inputs)",
        "He et al. 2015, arXiv:1502.01852",
    ),
    Element(
        "he_normal",
        "initializer",
        "w ~ N(0, 2 / inputs), truncated",
        "He et al. 2015, arXiv:1502.01852",
        notes=_TRUNCATED,
    ),
)
