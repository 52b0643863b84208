"""JAX in this process: versions, devices, threads, operations, and precision of products."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import jax
from jax.profiler import ProfileData, ProfileOptions

from implementations.errors import InvalidInput
from implementations.interface import Device, Operation, Support
from implementations.processes import cores, named_threads, operations_of

PRODUCTS = ("dot", "ynn_fusion")
"""Operations of XLA that multiply matrices; a few of its fusions by YNNPACK are sums, which no name tells."""
COPIES = ("copy", "concatenate", "gather", "slice", "transpose", "convert", "bitcast", "wrapped_slice")
"""Those that only move or convert numbers."""
_PRECISION_AT_START = jax.config.values["jax_default_matmul_precision"]
_POOL = "tf_XLAEigen"
"""Name of the threads in XLA's pool for the CPU."""


def versions() -> dict[str, str]:
    """Return the version of JAX."""
    return {"jax": jax.__version__}


def devices() -> Mapping[str, Support]:
    """Return the CPU, and the GPU if JAX sees one."""
    try:
        jax.devices("gpu")
    except RuntimeError as error:
        gpu = Support(False, f"jax {jax.__version__}: {error}; see docs.jax.dev/en/latest/installation.html")
    else:
        gpu = Support(True)
    return {"cpu": Support(True), "gpu": gpu}


def default_device() -> Device:
    """Return where JAX computes when nothing is said."""
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def peak_device_bytes() -> int | None:
    """Return the most GPU memory that the framework has held since the start; None without a GPU."""
    statistics = None if default_device() == "cpu" else jax.devices("gpu")[0].memory_stats()
    return int(statistics["peak_bytes_in_use"]) if statistics else None


def set_threads(threads: int) -> None:
    """Check the thread count, which JAX reads from the environment when it starts."""
    if threads != _threads_at_start():
        raise InvalidInput(
            "threads of jax",
            expected=f"{threads}, set by the environment variable NPROC before JAX starts",
            got=str(_threads_at_start()),
            action=f"start the process with NPROC={threads}",
        )


def threads() -> int:
    """Return the threads inside one operation.

    JAX has no getter. Its CPU client's pool is counted by the name of its threads (Linux), and before there
    is one, the environment says how large it will be.
    """
    return named_threads(_POOL) or _threads_at_start()


def operations(train: Callable[[], None]) -> list[Operation]:
    """Return XLA's operations in a training, which must wait for its end, with the time of each."""
    options = ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            train()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        spent = [
            (re.sub(r"\.\d+$", "", event.name), event.duration_ns / 1e9)
            for plane in ProfileData.from_file(str(trace)).planes
            for line in plane.lines
            for event in line.events
            if any(name == "hlo_op" for name, _ in event.stats)
        ]
    return operations_of(spent, PRODUCTS, COPIES)


def forbid_tf32() -> None:
    """Multiply float32 matrices in float32, on GPUs too."""
    jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]  # JAX leaves it untyped


@contextmanager
def products_by_default() -> Iterator[None]:
    """Multiply as precisely as JAX does by itself: on newer GPUs in TF32."""
    jax.config.update("jax_default_matmul_precision", _PRECISION_AT_START)  # type: ignore[no-untyped-call]  # JAX leaves it untyped
    try:
        yield
    finally:
        forbid_tf32()


def product_setting() -> str:
    """Return JAX's precision of products when it starts; None leaves it to the device."""
    return f"jax_default_matmul_precision {_PRECISION_AT_START}"


def _threads_at_start() -> int:
    return int(os.environ.get("NPROC") or cores())
