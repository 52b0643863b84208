"""PyTorch in this process: versions, devices, threads, operations, and precision of products."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch.profiler import ProfilerActivity, profile

from implementations.interface import Device, Operation, Support

PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm")
COPIES = ("aten::copy_", "aten::_to_copy", "aten::cat", "aten::index_select", "aten::clone")
"""Operators that multiply matrices, and that only move or convert numbers."""
_PRECISION_AT_START = torch.get_float32_matmul_precision()


def versions() -> dict[str, str]:
    """Return the versions of PyTorch and, in a GPU build, of the CUDA or ROCm that it was built for."""
    toolkits = {"cuda": torch.version.cuda, "rocm": torch.version.hip}
    return {
        "torch": str(torch.__version__),
        **{name: version for name, version in toolkits.items() if version},
    }


def devices() -> Mapping[str, Support]:
    """Return the CPU, and the GPU if CUDA (or ROCm, under the same name) sees one."""
    if torch.cuda.is_available():
        gpu = Support(True)
    elif torch.version.cuda or torch.version.hip:
        gpu = Support(
            False, f"torch {torch.__version__} sees no GPU here; `nvidia-smi` tells whether the driver does"
        )
    else:
        gpu = Support(
            False, f"torch {torch.__version__} was built without CUDA; see pytorch.org/get-started/locally"
        )
    return {"cpu": Support(True), "gpu": gpu}


def default_device() -> Device:
    """Return where Keras computes on PyTorch when nothing is said; PyTorch alone computes on the CPU."""
    return "gpu" if torch.cuda.is_available() else "cpu"


def peak_device_bytes() -> int | None:
    """Return the most GPU memory that the framework has held since the last call; None without a GPU."""
    if not torch.cuda.is_available():
        return None
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return peak


def set_threads(threads: int) -> None:
    """Limit the threads inside one operation."""
    torch.set_num_threads(threads)


def threads() -> int:
    """Return the threads inside one operation."""
    return torch.get_num_threads()


def operations(train: Callable[[], None]) -> list[Operation]:
    """Return torch's operators in a training, with the CPU's own time of each."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        train()
    return [
        Operation(
            event.key,
            "product" if event.key in PRODUCTS else "copy" if event.key in COPIES else "other",
            event.count,
            event.self_cpu_time_total / 1e6,
        )
        for event in found.key_averages()
    ]


def forbid_tf32() -> None:
    """Multiply float32 matrices in float32: torch's default, set again in case the process changed it."""
    torch.set_float32_matmul_precision("highest")


@contextmanager
def products_by_default() -> Iterator[None]:
    """Multiply as precisely as PyTorch does by itself."""
    torch.set_float32_matmul_precision(_PRECISION_AT_START)
    try:
        yield
    finally:
        forbid_tf32()


def product_setting() -> str:
    """Return PyTorch's precision of products when it starts."""
    return f"float32_matmul_precision {_PRECISION_AT_START}"
