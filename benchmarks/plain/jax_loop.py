"""JAX: a compiled step, and a scan over an epoch."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.plain import Script, Task


def script(task: Task) -> Script:
    """Return the training."""

    def loss(layers: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        for number, (kernel, bias) in enumerate(layers):
            x = (jax.nn.relu(x) if number else x) @ kernel + bias
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1))

    def update(state: Any, batch: Any) -> tuple[Any, None]:
        layers, velocities = state
        gradients = jax.grad(loss)(layers, *batch)
        velocities = jax.tree.map(
            lambda v, g: task.momentum * v - task.learning_rate * g, velocities, gradients
        )
        return (jax.tree.map(jnp.add, layers, velocities), velocities), None

    step = jax.jit(update, donate_argnums=0)

    @partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, x: jax.Array, y: jax.Array, order: jax.Array) -> Any:
        return jax.lax.scan(lambda state, places: update(state, (x[places], y[places])), state, order)[0]

    layers = jax.tree.map(jnp.array, task.layers)
    held = [(layers, jax.tree.map(jnp.zeros_like, layers))]
    batches = [tuple(map(jnp.asarray, batch)) for batch in task.batches]
    whole = jnp.asarray(task.x), jnp.asarray(task.y), jnp.asarray(task.order)

    def steps(number: int) -> None:
        for batch in itertools.islice(itertools.cycle(batches), number):
            held[0], _ = step(held[0], batch)
        jax.block_until_ready(held[0])  # type: ignore[no-untyped-call]  # JAX leaves it untyped

    def epochs(number: int) -> None:
        for _ in range(number):
            held[0] = epoch(held[0], *whole)
        jax.block_until_ready(held[0])  # type: ignore[no-untyped-call]  # JAX leaves it untyped

    return Script(steps, epochs, lambda: [np.array(each) for layer in held[0][0] for each in layer])
