"""Versions, devices and threads of NumPy and its BLAS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from implementations.interface import Support


def versions() -> dict[str, str]:
    """Return the versions of NumPy and of the BLAS below it."""
    blas = {pool["internal_api"]: str(pool["version"]) for pool in _pools()}
    return {"numpy": np.__version__, **blas}


def devices() -> Mapping[str, Support]:
    """Return the CPU only."""
    return {"cpu": Support(True), "gpu": Support(False, "NumPy computes on the CPU only")}


def peak_device_bytes() -> int | None:
    """Return the most GPU memory that the framework has held since the last call; None without a GPU."""
    return None


def set_threads(threads: int) -> None:
    """Limit the BLAS threads."""
    threadpool_limits(limits=threads, user_api="blas")


def threads() -> int:
    """Return the BLAS threads; 1 where no thread pool is found."""
    return max((pool["num_threads"] for pool in _pools()), default=1)


def _pools() -> list[dict[str, Any]]:
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
