"""Real data that comes with scikit-learn; nothing is downloaded."""

from __future__ import annotations

import numpy as np

from benchmarks.datasets.dataset import Raw
from benchmarks.datasets.shapes import shaped


def breast_cancer() -> Raw:
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return Raw(x, y.astype(np.int64), classes=2)


def iris() -> Raw:
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return Raw(x, y.astype(np.int64), classes=3)


def wine() -> Raw:
    from sklearn.datasets import load_wine

    x, y = load_wine(return_X_y=True)
    return Raw(x, y.astype(np.int64), classes=3)


def digits(*, shape: str) -> Raw:
    from sklearn.datasets import load_digits

    pixels, y = load_digits(return_X_y=True)
    return Raw(shaped("digits", pixels.reshape(-1, 8, 8), shape), y.astype(np.int64), classes=10)


def diabetes() -> Raw:
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True, scaled=False)
    return Raw(x, y, classes=None)
