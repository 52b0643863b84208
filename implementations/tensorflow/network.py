"""Networks: variables that a training step changes; a step and an epoch are one graph each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import Tensor, Variable

from implementations import catalog
from implementations.interface import AbstractLearner, Placement
from implementations.spec import MOVING, ElementSpec, LayerSpec, ModelSpec
from implementations.tensorflow import activations, losses, optimizers, runtime

Layers = list[dict[str, Variable]]
"""For each layer its variables by their names in `LayerSpec.parameters`."""
Arrays = list[dict[str, np.ndarray]]


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
    """

    parameters: Layers
    averages: Layers
    optimizer: list[optimizers.State]


def dense(spec: LayerSpec, own: dict[str, Variable], x: Tensor) -> Tensor:
    """Return a layer's weighted sum, x W + b."""
    x = x @ own["kernel"]
    return tf.nn.bias_add(x, own["bias"]) if spec.use_bias else x


def normalization(
    spec: ElementSpec,
    convention: str,
    own: dict[str, Variable],
    averages: dict[str, Variable],
    x: Tensor,
    *,
    training: bool,
) -> Tensor:
    """Return gamma (x - mean) / sqrt(variance + epsilon) + beta; training changes the moving averages."""
    options = catalog.normalization(spec.name).resolve(dict(spec.options), convention)
    if spec.name == "layer_normalization":
        mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    elif training:
        mean, variance = tf.nn.moments(x, axes=[0])
        examples, unbiased = x.shape[0], options["variance_mode"] == "unbiased"
        counted = variance * (examples / (examples - 1)) if unbiased else variance
        kept = options["momentum"]
        for name, value in zip(MOVING, (mean, counted), strict=True):
            averages[name].assign(kept * averages[name] + (1 - kept) * value)
    else:
        mean, variance = (averages[name] for name in MOVING)
    return tf.nn.batch_normalization(x, mean, variance, own["beta"], own["gamma"], options["epsilon"])


def activation(spec: ElementSpec, own: dict[str, Variable], x: Tensor) -> Tensor:
    """Return f(x); the slopes of prelu are trained."""
    if spec.name == "prelu":
        return activations.prelu(x, alpha=own["alpha"])
    function: Callable[..., Tensor] = getattr(activations, spec.name)
    return function(x, **catalog.activation(spec.name).resolve(dict(spec.options)))


class Learner(AbstractLearner[Tensor]):
    """Dense layers over flattened examples."""

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention = convention
        self._dropping = [layer for layer in self.model.network.layers if layer.dropout]
        self._shared = bool(self._dropping) and placement.masks == "shared"
        element, options = self._loss_element, dict(self.model.loss.options)
        self._loss_value: Callable[[Tensor, Tensor], Tensor] = partial(
            getattr(losses, element.name), **element.resolve(options, convention)
        )
        self._optimizer = optimizers.Optimizer(self.model.optimizer, convention, self.model.dtype)
        # a graph can use variables and make none
        shapes = self.model.network.parameter_shapes
        first = self._first([np.zeros(shape, self.model.dtype) for shape in shapes])
        self._state = State(*tf.nest.map_structure(partial(runtime.variable, device=placement.device), first))
        with runtime.scope(placement.device):
            self._random = tf.random.Generator.from_seed(model.seed) if self._dropping else None
        compiled = partial(runtime.compiled, placement=placement)
        self._compiled_step = compiled(self._take_step)
        self._compiled_epoch = compiled(self._take_epoch)
        self._compiled_outputs = compiled(self._outputs)

    def parameters(self) -> list[np.ndarray]:
        return self._arrays(self._state.parameters, self._state.averages)

    def synchronize(self) -> None:
        """Wait for the GPU; on the CPU TensorFlow has finished when it returns."""
        if self.placement.device == "gpu":
            tf.test.experimental.sync_devices()

    def train_step(self, x: Tensor, y: Tensor) -> None:
        masks = self.draw_masks(len(x)) if self._shared else []
        self._compiled_step(x, y, *_given(self._optimizer.numbers(), masks))

    def train_epoch(self, x: Tensor, y: Tensor, order: np.ndarray) -> None:
        steps, examples = order.shape
        drawn = [self.draw_masks(examples) for _ in range(steps)] if self._shared else []
        masks = [np.stack(of_one_layer) for of_one_layer in zip(*drawn, strict=True)]
        numbers = self._optimizer.numbers(steps)
        self._compiled_epoch(x, y, order.astype(np.int64), *_given(numbers, masks))

    def observe(self, loss: float) -> None:
        self._optimizer.observe(loss)

    def infer(self, x: Tensor) -> Tensor:
        outputs: Tensor = self._compiled_outputs(x)
        return outputs

    def _place_inputs(self, x: np.ndarray) -> Tensor:
        return self._place(x.reshape(len(x), -1))

    def _place_targets(self, y: np.ndarray) -> Tensor:
        return self._place(y)

    def _to_numpy(self, array: Tensor) -> np.ndarray:
        return np.array(array)

    def _loss(self, x: Tensor, y: Tensor) -> float:
        with runtime.scope(self.placement.device):
            return float(self._objective(x, y))

    def _gradients(self, x: Tensor, y: Tensor) -> tuple[float, list[np.ndarray]]:
        with runtime.scope(self.placement.device):
            loss, gradients = self._differentiated(x, y)
        zeros = tf.nest.map_structure(tf.zeros_like, self._state.averages)
        return float(loss), self._arrays(gradients, zeros)

    def _load_parameters(self, parameters: list[np.ndarray]) -> None:
        first = self._first(parameters)
        for variable, value in zip(tf.nest.flatten(self._state), tf.nest.flatten(first), strict=True):
            variable.assign(value)
        if self._random is not None:
            self._random.reset_from_seed(self.model.seed)
        self._optimizer.restart()

    def _place(self, array: np.ndarray) -> Tensor:
        return runtime.tensor(array, self.placement.device)

    def _first(self, parameters: list[np.ndarray]) -> tuple[Arrays, Arrays, list[dict[str, np.ndarray]]]:
        """Return the state from which training starts, as NumPy's arrays."""
        given = iter(parameters)
        named = [{name: next(given) for name in layer.parameters} for layer in self.model.network.layers]
        trained = [{name: own[name] for name in own if name not in MOVING} for own in named]
        averages = [{name: own[name] for name in own if name in MOVING} for own in named]
        return trained, averages, self._optimizer.start(trained)

    def _arrays(self, trained: Layers, averages: Layers) -> list[np.ndarray]:
        """Return copies in the order of `LayerSpec.parameters`."""
        return [
            np.array((own | moving)[name])
            for layer, own, moving in zip(self.model.network.layers, trained, averages, strict=True)
            for name in layer.parameters
        ]

    def _take_step(self, x: Tensor, y: Tensor, *given: Tensor) -> None:
        """Take a step, given the optimizer's numbers, if they change, and masks, if they are shared."""
        numbers, masks = (None, [*given]) if self._optimizer.fixed else (given[0], [*given[1:]])
        if self._random is not None and not self._shared:
            masks = self._own_masks(self._random, x.shape[0])
        _, gradients = self._differentiated(x, y, masks)
        self._optimizer.update(self._state.parameters, gradients, self._state.optimizer, numbers)

    def _take_epoch(self, x: Tensor, y: Tensor, order: Tensor, *given: Tensor) -> None:
        """Take a step for each row of `order`."""

        def step(number: Tensor) -> tuple[Tensor]:
            batch = order[number]
            self._take_step(tf.gather(x, batch), tf.gather(y, batch), *(each[number] for each in given))
            return (number + 1,)

        tf.while_loop(lambda number: number < order.shape[0], step, (tf.constant(0),))

    def _own_masks(self, random: tf.random.Generator, examples: int) -> list[Tensor]:
        """Return what the outputs of each layer with dropout are multiplied by."""
        dtype = self.model.dtype
        drawn = [random.uniform((examples, layer.outputs), dtype=dtype) for layer in self._dropping]
        return [
            tf.cast(each >= layer.dropout, dtype) / (1 - layer.dropout)
            for each, layer in zip(drawn, self._dropping, strict=True)
        ]

    def _forward(self, x: Tensor, masks: list[Tensor] | None = None, *, scored: bool = False) -> Tensor:
        """Return outputs; training changes the moving averages.

        Parameters
        ----------
        masks
            For each layer with dropout what its outputs are multiplied by; None in prediction.
        scored
            Whether to stop at the score below the last activation.
        """
        layers, drawn = self.model.network.layers, iter(masks or [])
        parameters, averages = self._state.parameters, self._state.averages
        for number, (layer, own, moving) in enumerate(zip(layers, parameters, averages, strict=True), 1):
            x = dense(layer, own, x)
            if layer.normalization:
                x = normalization(
                    layer.normalization, self._convention, own, moving, x, training=masks is not None
                )
            if not scored or number < len(layers):
                x = activation(layer.activation, own, x)
            if layer.dropout and masks is not None:
                x = x * next(drawn)
        return x

    def _outputs(self, x: Tensor) -> Tensor:
        return self._forward(x)

    def _objective(self, x: Tensor, y: Tensor, masks: list[Tensor] | None = None) -> Tensor:
        """Return the mean loss plus penalties; training changes the moving averages."""
        scored = self._loss_element.reads == "score"
        predictions = self._forward(x, masks, scored=scored)
        loss = tf.reduce_mean(self._loss_value(y, predictions))
        for layer, own in zip(self.model.network.layers, self._state.parameters, strict=True):
            if layer.l1:
                loss = loss + layer.l1 * tf.reduce_sum(tf.abs(own["kernel"]))
            if layer.l2:
                loss = loss + 2 * layer.l2 * tf.nn.l2_loss(own["kernel"])
        return loss

    def _differentiated(
        self, x: Tensor, y: Tensor, masks: list[Tensor] | None = None
    ) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Return the objective and its derivatives by `State.parameters`."""
        with tf.GradientTape() as tape:
            loss = self._objective(x, y, masks)
        nothing = tf.UnconnectedGradients.ZERO
        return loss, tape.gradient(loss, self._state.parameters, unconnected_gradients=nothing)


def _given(numbers: np.ndarray | None, masks: list[np.ndarray]) -> list[np.ndarray]:
    """Return what a graph is given besides examples: what is not there would cost each call 100 µs."""
    return masks if numbers is None else [numbers, *masks]
