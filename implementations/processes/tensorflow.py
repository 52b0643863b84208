"""TensorFlow in this process: versions, devices, threads, operations, and precision of products."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import tensorflow as tf

from implementations.errors import InvalidInput
from implementations.interface import Device, Operation, Support
from implementations.processes import cores, named_threads, operations_of, own_name

PRODUCT = "MatMul"
"""In the name of every operation that multiplies matrices, fused or not."""
COPIES = ("Cast", "ConcatV2", "GatherV2", "Identity", "Pack", "ReadVariableOp", "StridedSlice", "Transpose")
"""Operations that only move or convert numbers."""
_KERNEL = re.compile(r"(?<!:):(\w+)$")
"""How a trace tells a kernel: `name of the node:operation`."""

for _gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(_gpu, True)  # else TensorFlow takes all memory at once
_TF32_AT_START = tf.config.experimental.tensor_float_32_execution_enabled()


def versions() -> dict[str, str]:
    """Return the version of TensorFlow."""
    return {"tensorflow": tf.__version__}


def devices() -> Mapping[str, Support]:
    """Start TensorFlow's devices; return the CPU, and the GPU if TensorFlow sees one."""
    _started_threads()
    if default_device() == "gpu":
        gpu = Support(True)
    else:
        built = "built with CUDA, sees none" if tf.test.is_built_with_cuda() else "built without CUDA"
        gpu = Support(False, f"tensorflow {tf.__version__}: {built}; see tensorflow.org/install/pip")
    return {"cpu": Support(True), "gpu": gpu}


def default_device() -> Device:
    """Return where TensorFlow computes when nothing is said."""
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def peak_device_bytes() -> int | None:
    """Return the most GPU memory that the framework has held since the last call; None without a GPU."""
    if default_device() == "cpu":
        return None
    peak = int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    tf.config.experimental.reset_memory_stats("GPU:0")
    return peak


def set_threads(threads: int) -> None:
    """Limit the threads inside one operation; possible before the first operation only."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise InvalidInput(
            "threads of tensorflow",
            expected="to be set before the first operation",
            got=str(error),
            action="set them right after load_backend, in a fresh process",
        ) from error


def threads() -> int:
    """Return the threads inside one operation.

    TensorFlow's getter only repeats what it was told, and 0 for one on each core. The pool's threads are
    counted (Linux, CPU), unless something else has started the devices already.
    """
    return _started_threads() or tf.config.threading.get_intra_op_parallelism_threads() or cores()


@cache
def _started_threads() -> int:
    """Start the devices, and return how many threads without a name of their own came with them.

    They are the pool for the inside of operations; all others have names, such as `tf_Compute`. A GPU's
    driver starts some that have none either, so there it is not told: 0.
    """
    before = named_threads(own_name())
    tf.config.list_logical_devices()
    return named_threads(own_name()) - before if default_device() == "cpu" else 0


def operations(train: Callable[[], None]) -> list[Operation]:
    """Return TensorFlow's kernels in a training, which must wait for its end, with the time of each."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace  # no part of a start

    options = tf.profiler.experimental.ProfilerOptions(python_tracer_level=0)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options):
            train()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        spent = [
            (kernel[1], event.duration_ps / 1e12)
            for plane in XSpace.FromString(trace.read_bytes()).planes
            for line in plane.lines
            for event in line.events
            if (kernel := _KERNEL.search(plane.event_metadata[event.metadata_id].name))
        ]
    return operations_of(spent, {name for name, _ in spent if PRODUCT in name}, COPIES)


def forbid_tf32() -> None:
    """Multiply float32 matrices in float32, on GPUs too."""
    tf.config.experimental.enable_tensor_float_32_execution(False)


@contextmanager
def products_by_default() -> Iterator[None]:
    """Allow TF32 where TensorFlow allows it by itself."""
    tf.config.experimental.enable_tensor_float_32_execution(_TF32_AT_START)
    try:
        yield
    finally:
        forbid_tf32()


def product_setting() -> str:
    """Return whether TensorFlow allows TF32 when it starts."""
    return f"tensor_float_32_execution {_TF32_AT_START}"
