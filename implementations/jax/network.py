"""Networks: pure functions of parameters; a training step and an epoch are one compiled program each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from implementations import catalog
from implementations.interface import AbstractLearner, Placement
from implementations.jax import activations, losses, optimizers, runtime
from implementations.spec import MOVING, ElementSpec, LayerSpec, ModelSpec

Layers = list[dict[str, Array]]
"""For each layer its arrays by their names in `LayerSpec.parameters`."""


class State(NamedTuple):
    """What training changes.

    Parameters
    ----------
    parameters
        What follows gradients.
    averages
        Moving means and variances.
    optimizer
        The optimizer's state for each array of `parameters`.
    key
        Of dropout's random numbers; None where nothing is dropped.
    """

    parameters: Layers
    averages: Layers
    optimizer: list[optimizers.State]
    key: Array | None


def dense(spec: LayerSpec, own: dict[str, Array], x: Array) -> Array:
    """Return a layer's weighted sum, x W + b."""
    x = x @ own["kernel"]
    return x + own["bias"] if spec.use_bias else x


def normalization(
    spec: ElementSpec,
    convention: str,
    own: dict[str, Array],
    averages: dict[str, Array],
    x: Array,
    *,
    training: bool,
) -> tuple[Array, dict[str, Array]]:
    """Return gamma (x - mean) / sqrt(variance + epsilon) + beta, and the moving averages afterwards."""
    options = catalog.normalization(spec.name).resolve(dict(spec.options), convention)
    if spec.name == "layer_normalization":
        mean, variance = x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)
    elif training:
        mean, variance = x.mean(axis=0), x.var(axis=0)
        unbiased = options["variance_mode"] == "unbiased"
        counted = variance * (len(x) / (len(x) - 1)) if unbiased else variance
        kept = options["momentum"]
        averages = {
            name: kept * averages[name] + (1 - kept) * value
            for name, value in zip(MOVING, (mean, counted), strict=True)
        }
    else:
        mean, variance = (averages[name] for name in MOVING)
    return own["gamma"] * (x - mean) / jnp.sqrt(variance + options["epsilon"]) + own["beta"], averages


def activation(spec: ElementSpec, own: dict[str, Array], x: Array) -> Array:
    """Return f(x); the slopes of prelu are trained."""
    if spec.name == "prelu":
        return activations.prelu(x, alpha=own["alpha"])
    function: Callable[..., Array] = getattr(activations, spec.name)
    return function(x, **catalog.activation(spec.name).resolve(dict(spec.options)))


class Learner(AbstractLearner[Array]):
    """Dense layers over flattened examples."""

    _state: State

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention = convention
        self._dropping = [layer for layer in self.model.network.layers if layer.dropout]
        self._shared = bool(self._dropping) and placement.masks == "shared"
        element, options = self._loss_element, dict(self.model.loss.options)
        self._loss_value: Callable[[Array, Array], Array] = partial(
            getattr(losses, element.name), **element.resolve(options, convention)
        )
        self._optimizer = optimizers.Optimizer(self.model.optimizer, convention, self.model.dtype)
        compiled = partial(runtime.compiled, dtype=self.model.dtype)
        # the state before is given away, so that the state after can take its memory
        self._compiled_step = compiled(self._after_step, donate_argnums=0)
        self._compiled_epoch = compiled(self._after_epoch, donate_argnums=0)
        self._compiled_outputs = compiled(self._outputs)
        self._compiled_objective = compiled(self._objective)
        self._compiled_gradients = compiled(jax.value_and_grad(self._objective, has_aux=True))

    def parameters(self) -> list[np.ndarray]:
        return self._arrays(self._state.parameters, self._state.averages)

    def synchronize(self) -> None:
        """Wait until the last step's state is there."""
        jax.block_until_ready(self._state)  # type: ignore[no-untyped-call]  # JAX leaves it untyped

    def train_step(self, x: Array, y: Array) -> None:
        masks = self.draw_masks(len(x)) if self._shared else []
        self._state = self._compiled_step(self._state, x, y, self._optimizer.numbers(), masks)

    def train_epoch(self, x: Array, y: Array, order: np.ndarray) -> None:
        steps, examples = order.shape
        drawn = [self.draw_masks(examples) for _ in range(steps)] if self._shared else []
        masks = [np.stack(of_one_layer) for of_one_layer in zip(*drawn, strict=True)]
        numbers = self._optimizer.numbers(steps)
        self._state = self._compiled_epoch(self._state, x, y, order.astype(np.int32), numbers, masks)

    def observe(self, loss: float) -> None:
        self._optimizer.observe(loss)

    def infer(self, x: Array) -> Array:
        outputs: Array = self._compiled_outputs(self._state.parameters, self._state.averages, x)
        return outputs

    def _place_inputs(self, x: np.ndarray) -> Array:
        return self._place(x.reshape(len(x), -1))

    def _place_targets(self, y: np.ndarray) -> Array:
        return self._place(y)

    def _to_numpy(self, array: Array) -> np.ndarray:
        return np.array(array)

    def _loss(self, x: Array, y: Array) -> float:
        loss, _ = self._compiled_objective(self._state.parameters, self._state.averages, x, y)
        return float(loss)

    def _gradients(self, x: Array, y: Array) -> tuple[float, list[np.ndarray]]:
        parameters, averages = self._state.parameters, self._state.averages
        (loss, _), gradients = self._compiled_gradients(parameters, averages, x, y)
        return float(loss), self._arrays(gradients, jax.tree.map(np.zeros_like, averages))

    def _load_parameters(self, parameters: list[np.ndarray]) -> None:
        given = iter(parameters)
        named = [{name: next(given) for name in layer.parameters} for layer in self.model.network.layers]
        trained = [{name: own[name] for name in own if name not in MOVING} for own in named]
        averages = [{name: own[name] for name in own if name in MOVING} for own in named]
        first = trained, averages, self._optimizer.start(trained)
        own, moving, states = jax.tree.map(self._place, first)
        key = jax.random.key(self.model.seed) if self._dropping else None
        self._state = State(own, moving, states, key)
        self._optimizer.restart()

    def _place(self, array: np.ndarray) -> Array:
        with runtime.precision(self.model.dtype):
            return runtime.array(array, self.placement.device)

    def _arrays(self, trained: Layers, averages: Layers) -> list[np.ndarray]:
        """Return copies in the order of `LayerSpec.parameters`."""
        return [
            np.array((own | moving)[name])
            for layer, own, moving in zip(self.model.network.layers, trained, averages, strict=True)
            for name in layer.parameters
        ]

    def _after_step(
        self, state: State, x: Array, y: Array, numbers: Array | None, masks: list[Array]
    ) -> State:
        """Return the state after a step, given the optimizer's numbers and, if they are shared, masks."""
        key = state.key
        if key is not None and not self._shared:
            key, own = jax.random.split(key)
            masks = self._own_masks(own, len(x))
        differentiate = jax.grad(self._objective, has_aux=True)
        gradients, averages = differentiate(state.parameters, state.averages, x, y, masks)
        parameters, optimizer = self._optimizer.update(state.parameters, gradients, state.optimizer, numbers)
        return State(parameters, averages, optimizer, key)

    def _after_epoch(
        self, state: State, x: Array, y: Array, order: Array, numbers: Array | None, masks: list[Array]
    ) -> State:
        """Return the state after a step for each row of `order`."""

        def step(state: State, given: tuple[Array, Array | None, list[Array]]) -> tuple[State, None]:
            batch, batch_numbers, batch_masks = given
            # the rows are known to be there
            batch_x, batch_y = (jnp.take(each, batch, axis=0, mode="clip") for each in (x, y))
            return self._after_step(state, batch_x, batch_y, batch_numbers, batch_masks), None

        return jax.lax.scan(step, state, (order, numbers, masks))[0]

    def _own_masks(self, key: Array, examples: int) -> list[Array]:
        """Return what the outputs of each layer with dropout are multiplied by."""
        return [
            jax.random.bernoulli(own, 1 - layer.dropout, (examples, layer.outputs)) / (1 - layer.dropout)
            for own, layer in zip(jax.random.split(key, len(self._dropping)), self._dropping, strict=True)
        ]

    def _forward(
        self,
        parameters: Layers,
        averages: Layers,
        x: Array,
        masks: list[Array] | None = None,
        *,
        scored: bool = False,
    ) -> tuple[Array, Layers]:
        """Return outputs and the moving averages afterwards.

        Parameters
        ----------
        masks
            For each layer with dropout what its outputs are multiplied by; None in prediction.
        scored
            Whether to stop at the score below the last activation.
        """
        layers, after, drawn = self.model.network.layers, [], iter(masks or [])
        for number, (layer, own, moving) in enumerate(zip(layers, parameters, averages, strict=True), 1):
            x = dense(layer, own, x)
            if layer.normalization:
                x, moving = normalization(
                    layer.normalization, self._convention, own, moving, x, training=masks is not None
                )
            after.append(moving)
            if not scored or number < len(layers):
                x = activation(layer.activation, own, x)
            if layer.dropout and masks is not None:
                x = x * next(drawn)
        return x, after

    def _outputs(self, parameters: Layers, averages: Layers, x: Array) -> Array:
        return self._forward(parameters, averages, x)[0]

    def _objective(
        self, parameters: Layers, averages: Layers, x: Array, y: Array, masks: list[Array] | None = None
    ) -> tuple[Array, Layers]:
        """Return the mean loss plus penalties, and the moving averages afterwards."""
        scored = self._loss_element.reads == "score"
        predictions, averages = self._forward(parameters, averages, x, masks, scored=scored)
        loss = jnp.mean(self._loss_value(y, predictions))
        for layer, own in zip(self.model.network.layers, parameters, strict=True):
            if layer.l1:
                loss = loss + layer.l1 * jnp.sum(jnp.abs(own["kernel"]))
            if layer.l2:
                loss = loss + layer.l2 * jnp.sum(jnp.square(own["kernel"]))
        return loss, averages
