"""One image in three shapes: a vector of features, a time series of its rows, an image with a channel."""

from __future__ import annotations

import numpy as np

from implementations.errors import unknown_name

SHAPES = ("features", "series", "image")


def shaped(name: str, images: np.ndarray, shape: str) -> np.ndarray:
    """Return images, shape (n, height, width), as one of SHAPES.

    Examples
    --------
    >>> shaped("digits", np.zeros((5, 8, 8)), "image").shape
    (5, 8, 8, 1)
    """
    n, height, width = images.shape
    shapes = {
        "features": (n, height * width),
        "series": (n, height, width),
        "image": (n, height, width, 1),
    }
    if shape not in shapes:
        raise unknown_name(f"shape of {name}", shape, SHAPES, "correct it")
    return images.reshape(shapes[shape]).astype(np.float64)
