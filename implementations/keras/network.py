"""Networks: a Sequential model, trained by `fit` and `train_on_batch`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from implementations import catalog
from implementations.interface import AbstractLearner, Placement
from implementations.keras import activations, losses, optimizers, runtime
from implementations.spec import ElementSpec, LayerSpec, ModelSpec

Tensor = Any


class UnbiasedBatchNormalization(layers.BatchNormalization):
    """BatchNormalization whose moving variance takes the variance of n - 1, as in torch."""

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        outputs = super().call(inputs, training=training)
        if training:
            others = ops.cast(ops.shape(inputs)[0], inputs.dtype) - 1
            self.moving_variance.assign_add((1 - self.momentum) * ops.var(inputs, axis=0) / others)
        return outputs


class SharedDropout(layers.Layer):
    """Dropout with masks from outside: in training, outputs times `mask`."""

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.batch_size = batch_size

    def build(self, input_shape: tuple[int | None, int]) -> None:
        shape = (self.batch_size, input_shape[-1])
        self.mask = self.add_weight(shape=shape, initializer="ones", trainable=False)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        return inputs * self.mask if training else inputs


def _penalty(spec: LayerSpec, dtype: str) -> keras.regularizers.Regularizer:
    """Return l1 * sum(|W|) + l2 * sum(W^2)."""
    regularizer = keras.regularizers.L1L2(spec.l1, spec.l2)
    for name, factor in runtime.exact({"l1": spec.l1, "l2": spec.l2}, dtype).items():
        setattr(regularizer, name, factor)  # the constructor makes a Python number of it
    return regularizer


def normalization(spec: ElementSpec, convention: str, dtype: str) -> layers.Layer:
    """Return a layer that normalizes."""
    resolved = catalog.normalization(spec.name).resolve(dict(spec.options), convention)
    options = runtime.exact(resolved, dtype)
    if spec.name == "layer_normalization":
        return layers.LayerNormalization(epsilon=options["epsilon"])
    unbiased = options.pop("variance_mode") == "unbiased"
    kind = UnbiasedBatchNormalization if unbiased else layers.BatchNormalization
    return kind(**options)


def function(spec: ElementSpec, dtype: str) -> Callable[[Tensor], Tensor]:
    """Return one of `activations` with its options."""
    resolved = runtime.exact(catalog.activation(spec.name).resolve(dict(spec.options)), dtype)
    return partial(getattr(activations, spec.name), **resolved)


def activation(spec: ElementSpec, dtype: str) -> layers.Layer:
    """Return a layer that activates."""
    if spec.name == "prelu":
        return layers.PReLU(alpha_initializer="zeros")
    # Activation would say that glu leaves the shape as it is
    kind = layers.Lambda if spec.name == "glu" else layers.Activation
    return kind(function(spec, dtype))


def dense(spec: LayerSpec, convention: str, dtype: str, *, activates: bool) -> list[layers.Layer]:
    """Return one layer, f(x W + b): f inside of Dense where nothing lies between, or x W + b without f."""
    inside = activates and not spec.normalization and spec.activation.name not in ("glu", "prelu")
    layer: list[layers.Layer] = [
        layers.Dense(
            spec.units,
            activation=function(spec.activation, dtype) if inside else None,
            use_bias=spec.use_bias,
            kernel_initializer="zeros",  # the initial parameters are handed in
            kernel_regularizer=_penalty(spec, dtype) if spec.l1 or spec.l2 else None,
        )
    ]
    if spec.normalization:
        layer.append(normalization(spec.normalization, convention, dtype))
    if activates and not inside:
        layer.append(activation(spec.activation, dtype))
    return layer


class Learner(AbstractLearner[Tensor]):
    """Dense layers over flattened examples."""

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention = convention
        element, options = self._loss_element, dict(self.model.loss.options)
        self._loss_value: Callable[[Tensor, Tensor], Tensor] = partial(
            getattr(losses, element.name), **element.resolve(options, convention)
        )
        with self._scope():
            self._build()
            optimizer = optimizers.create(self.model.optimizer, convention, self.model.dtype)
            compiling = runtime.compile_options(placement)
            self._network.compile(optimizer, self._loss_value, **compiling)
            self._predictor.jit_compile = compiling["jit_compile"]
            self._optimizer = self._network.optimizer
            self._optimizer.build(self._network.trainable_variables)
            self._plateau = optimizers.plateau(self.model.optimizer, self._optimizer)
            self._differentiate = runtime.differentiated(
                lambda x, y: self._objective(y, self._network(x, training=False)),
                self._network.trainable_variables,
                self._network.non_trainable_variables,
            )
            self._first_state = [(variable, np.array(variable)) for variable in self._state()]

    def _build(self) -> None:
        """Make the network that is trained, and the one that predicts where the loss reads scores."""
        network, reads_score = self.model.network, self._loss_element.reads == "score"
        stack: list[Any] = [keras.Input(network.inputs)]
        if len(network.inputs) > 1:
            stack.append(layers.Flatten())
        for number, layer in enumerate(network.layers):
            scored = reads_score and number == len(network.layers) - 1
            activates = layer.activation.name != "linear" and not scored
            stack += dense(layer, self._convention, self.model.dtype, activates=activates)
            if layer.dropout and self.placement.masks == "shared":
                stack.append(SharedDropout(self.model.batch_size))
            elif layer.dropout:
                stack.append(layers.Dropout(layer.dropout, seed=self.model.seed + number))
        self._network = keras.Sequential(stack)
        self._predictor = self._network
        if reads_score:
            last_activation = activation(network.layers[-1].activation, self.model.dtype)
            self._predictor = keras.Sequential([self._network, last_activation])
        masks = [layer.mask for layer in self._network.layers if isinstance(layer, SharedDropout)]
        self._masks = masks
        # without Keras's own order, in which dropout's seeds come too
        self._parameters = [
            variable for variable in self._network.weights if not any(variable is mask for mask in masks)
        ]

    def parameters(self) -> list[np.ndarray]:
        return [np.array(ops.convert_to_numpy(variable)) for variable in self._parameters]

    def synchronize(self) -> None:
        """Wait until the last step's parameters are there."""
        runtime.synchronize(self._network.trainable_variables)

    def train_step(self, x: Tensor, y: Tensor) -> None:
        with self._scope():
            if self._masks:
                for variable, mask in zip(self._masks, self.draw_masks(len(x)), strict=True):
                    variable.assign(mask)
            self._network.train_on_batch(x, y)

    def train_epoch(self, x: Tensor, y: Tensor, order: np.ndarray) -> None:
        if self._masks:  # which `fit` would not change
            for batch in order:
                self.train_step(*self._taken(x, y, batch))
            return
        examples, targets = self._taken(x, y, order.reshape(-1))
        with self._scope():
            self._network.fit(
                examples, targets, batch_size=order.shape[1], epochs=1, shuffle=False, verbose=0
            )

    def observe(self, loss: float) -> None:
        if self._plateau:
            with self._scope():
                self._plateau.observe(loss)

    def infer(self, x: Tensor) -> Tensor:
        with self._scope():
            return self._predictor.predict_on_batch(x)

    def _place_inputs(self, x: np.ndarray) -> Tensor:
        with self._scope():
            return ops.convert_to_tensor(x)

    def _place_targets(self, y: np.ndarray) -> Tensor:
        return self._place_inputs(y)

    def _to_numpy(self, array: Tensor) -> np.ndarray:
        return np.asarray(array)

    def _loss(self, x: Tensor, y: Tensor) -> float:
        with self._scope():
            predictions = ops.convert_to_tensor(self._network.predict_on_batch(x))
            objective = self._objective(ops.convert_to_tensor(y), predictions)
            return float(ops.convert_to_numpy(objective))

    def _gradients(self, x: Tensor, y: Tensor) -> tuple[float, list[np.ndarray]]:
        with self._scope():
            examples, targets = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
            value, gradients = self._differentiate(examples, targets)
            found = iter(np.array(ops.convert_to_numpy(gradient)) for gradient in gradients)
            return float(value), [
                next(found) if variable.trainable else np.zeros(variable.shape, self.model.dtype)
                for variable in self._parameters
            ]

    def _load_parameters(self, parameters: list[np.ndarray]) -> None:
        with self._scope():
            for variable, value in zip(self._parameters, parameters, strict=True):
                variable.assign(value)
            for variable, value in self._first_state:
                variable.assign(value)
            self._plateau = optimizers.plateau(self.model.optimizer, self._optimizer)

    def _taken(self, x: Tensor, y: Tensor, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return these examples and their targets."""
        with self._scope():
            return ops.take(x, rows, axis=0), ops.take(y, rows, axis=0)

    def _scope(self) -> Any:
        return runtime.scope(self.placement, self.model.dtype)

    def _state(self) -> list[Any]:
        """Return what besides the parameters changes in training: the optimizer's state, and dropout's."""
        dropouts = [layer for layer in self._network.layers if isinstance(layer, layers.Dropout)]
        return [*self._optimizer.variables, *(layer.seed_generator.state for layer in dropouts)]

    def _objective(self, y: Tensor, predictions: Tensor) -> Tensor:
        """Return the mean loss plus penalties."""
        return sum(self._network.losses, ops.mean(self._loss_value(y, predictions)))
