"""PyTorch's devices and compiler, and the way from NumPy to a tensor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from implementations.interface import Placement

Function = Callable[..., torch.Tensor]


def compiled(function: Function, placement: Placement) -> Function:
    """Return the function as a compiled one if the placement says so; on a GPU it is one CUDA graph.

    It is compiled for each shape: leaving the batch's size open makes slower code.
    """
    if not placement.compiled:
        return function
    # processes that help to compile would stay, where nobody can stop them while others are timed
    torch._inductor.config.compile_threads = 1
    mode = "reduce-overhead" if placement.device == "gpu" else "default"
    return torch.compile(function, dynamic=False, mode=mode)


def device(placement: Placement) -> torch.device:
    """Return torch's name for the device."""
    return torch.device("cuda" if placement.device == "gpu" else "cpu")


def tensor(array: np.ndarray) -> torch.Tensor:
    """Return the array as a CPU tensor that shares its memory where torch can.

    Torch has neither read-only tensors nor negative strides, and counts classes in int64: such arrays are
    copied.

    Examples
    --------
    >>> tensor(np.array([1, 0], dtype=np.uint8))
    tensor([1, 0])
    """
    if array.dtype.kind in "iu":
        array = array.astype(np.int64, copy=False)
    if not array.flags.writeable or min(array.strides) < 0:
        array = array.copy()
    return torch.from_numpy(array)
