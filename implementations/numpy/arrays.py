"""Where arrays live: NumPy's in the machine's memory, CuPy's, which look the same, on a GPU.

The formulas call NumPy's functions, which hand over to the module whose arrays they get (NEP 13 and 18). Only
what makes an array, or brings one back, has to know the module, and what is fastest in NumPy in a way that
CuPy has not: methods of ufuncs, and `take` without a check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ArrayModule:
    """A module of arrays like NumPy's.

    Parameters
    ----------
    empty, full
        `empty(shape, dtype)`, `full(shape, value, dtype)`.
    asarray, asnumpy
        Bring an array there and back.
    synchronize
        Waits until everything that was asked for is done.
    sum, max, cumsum
        Reduce x along an axis, or add up along it, into `out`.
    take
        Takes rows into `out`; that they exist has been seen before.
    """

    name: str
    empty: Callable[..., Any]
    full: Callable[..., Any]
    asarray: Callable[..., Any]
    asnumpy: Callable[..., np.ndarray]
    synchronize: Callable[[], None]
    sum: Callable[..., Any]
    max: Callable[..., Any]
    cumsum: Callable[..., Any]
    take: Callable[..., Any]


NUMPY = ArrayModule(
    "numpy",
    np.empty,
    np.full,
    np.asarray,
    np.asarray,
    lambda: None,
    np.add.reduce,
    np.maximum.reduce,
    np.add.accumulate,
    partial(np.take, mode="clip"),  # without mode, NumPy fills a buffer first
)


def cupy() -> ArrayModule:
    """Return CuPy's module, on the current GPU."""
    import cupy as cp

    stream = cp.cuda.get_current_stream()
    return ArrayModule(
        "cupy",
        cp.empty,
        cp.full,
        cp.asarray,
        cp.asnumpy,
        stream.synchronize,
        cp.sum,
        cp.max,
        cp.cumsum,
        cp.take,
    )
