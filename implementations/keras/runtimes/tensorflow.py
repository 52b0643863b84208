"""TensorFlow below Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import tensorflow as tf

from implementations.errors import InvalidInput
from implementations.keras.runtimes import STEPS_PER_EXECUTION, cores

for _gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(_gpu, True)  # else TensorFlow takes all memory at once
TF32_AT_START = tf.config.experimental.tensor_float_32_execution_enabled()
tf.config.experimental.enable_tensor_float_32_execution(False)


def versions() -> dict[str, str]:
    """Return TensorFlow's version."""
    return {"tensorflow": tf.__version__}


def no_gpu() -> str:
    """Return why there is no GPU; empty if there is one."""
    if tf.config.list_physical_devices("GPU"):
        return ""
    built = "built with CUDA, sees none" if tf.test.is_built_with_cuda() else "built without CUDA"
    return f"tensorflow {tf.__version__}: {built}; see tensorflow.org/install/pip"


def default_device() -> str:
    """Return where TensorFlow computes when nothing is said."""
    return "gpu" if tf.config.list_physical_devices("GPU") else "cpu"


def peak_device_bytes() -> int | None:
    """Return the most GPU memory held since the last call, or None."""
    if not tf.config.list_physical_devices("GPU"):
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
    """Return the threads inside one operation; TensorFlow's 0 means one for each core."""
    return tf.config.threading.get_intra_op_parallelism_threads() or cores()


def synchronize(variables: Sequence[Any]) -> None:
    """Wait for all devices."""
    tf.test.experimental.sync_devices()


def float64() -> AbstractContextManager[None]:
    """Return a scope that does nothing: TensorFlow computes in the dtype of its tensors."""
    return nullcontext()


@contextmanager
def products_by_default() -> Iterator[None]:
    """Allow TF32 where TensorFlow allows it by itself."""
    tf.config.experimental.enable_tensor_float_32_execution(TF32_AT_START)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(False)


def product_setting() -> str:
    """Return whether TensorFlow allows TF32 when it starts."""
    return f"tensor_float_32_execution {TF32_AT_START}"


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function itself: its operations run one by one as they are."""
    return function


def compile_options(*, compiled: bool) -> dict[str, Any]:
    """Return how Keras compiles: with XLA only if asked, and with many steps in one graph.

    Keras's own choice is XLA wherever a model supports it. A step of a small network, called by itself, then
    takes three times as long on a CPU.
    """
    return {"jit_compile": compiled, "steps_per_execution": STEPS_PER_EXECUTION}


def compiled_update(optimizer: Any, variables: Sequence[Any]) -> Callable[[list[Any]], None]:
    """Return the optimizer's step on these variables, given gradients, as a graph."""
    update: Callable[[list[Any]], None] = tf.function(
        lambda gradients: optimizer.apply(gradients, variables), autograph=False
    )
    return update


def value_and_gradients(function: Callable[[], Any], variables: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return `function()` and its derivatives with respect to Keras variables that it reads."""
    values = [variable.value for variable in variables]
    with tf.GradientTape() as tape:
        value = function()
    return value, tape.gradient(value, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)
