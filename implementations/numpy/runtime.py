"""Versions, devices and threads of NumPy and its BLAS."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

from implementations.interface import Device, Support
from implementations.numpy.arrays import NUMPY, ArrayModule, cupy


def versions() -> dict[str, str]:
    """Return the versions of NumPy and of the BLAS below it."""
    blas = {pool["internal_api"]: str(pool["version"]) for pool in _pools()}
    return {"numpy": np.__version__, **blas}


def devices() -> Mapping[str, Support]:
    """Return the CPU, and a GPU where CuPy finds one."""
    return {"cpu": Support(True), "gpu": _gpu()}


def array_module(device: Device) -> ArrayModule:
    """Return what makes arrays on that device."""
    return cupy() if device == "gpu" else NUMPY


def _gpu() -> Support:
    if importlib.util.find_spec("cupy") is None:
        return Support(
            False, "NumPy computes on the CPU only, and CuPy, which stands in for it, is not installed"
        )
    import cupy as cp

    try:
        found = cp.cuda.runtime.getDeviceCount()
    except cp.cuda.runtime.CUDARuntimeError as error:
        return Support(False, f"CuPy finds no GPU: {error}")
    return Support(found > 0, "" if found else "CuPy finds no GPU")


def peak_device_bytes() -> int | None:
    """Return the most GPU memory that CuPy has held; None without a GPU.

    Its pool keeps what it once took from the driver, so what it holds now is the most that it has held.
    """
    if not _gpu().available:
        return None
    import cupy as cp

    return int(cp.get_default_memory_pool().total_bytes())


def set_threads(threads: int) -> None:
    """Limit the BLAS threads."""
    threadpool_limits(limits=threads, user_api="blas")


def threads() -> int:
    """Return the BLAS threads; 1 where no thread pool is found."""
    return max((pool["num_threads"] for pool in _pools()), default=1)


class OneThread:
    """A scope in which the BLAS has one thread; none is left with another number than before."""

    def __init__(self) -> None:
        pools = [pool for pool in ThreadpoolController().lib_controllers if pool.user_api == "blas"]
        self._switches = [(pool.get_num_threads, pool.set_num_threads) for pool in pools]

    def __enter__(self) -> None:
        self._counts = [get() for get, _ in self._switches]
        for _, set_threads in self._switches:
            set_threads(1)

    def __exit__(self, *_: object) -> None:
        for (_, set_threads), count in zip(self._switches, self._counts, strict=True):
            set_threads(count)


def _pools() -> list[dict[str, Any]]:
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
