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
from implementations.spec import LayerSpec, ModelSpec

Tensor = Any


def dense(spec: LayerSpec, dtype: str, *, with_activation: bool = True) -> layers.Dense:
    """Return one layer, f(x W + b)."""
    name, options = spec.activation.name, dict(spec.activation.options)
    resolved = runtime.exact(catalog.activation(name).resolve(options), dtype)
    return layers.Dense(
        spec.units,
        activation=partial(getattr(activations, name), **resolved) if with_activation else None,
        use_bias=spec.use_bias,
        kernel_initializer="zeros",  # the initial parameters are handed in
        kernel_regularizer=_penalty(spec.l2, dtype) if spec.l2 else None,
    )


def _penalty(l2: float, dtype: str) -> keras.regularizers.L2:
    """Return l2 * sum(W^2)."""
    regularizer = keras.regularizers.L2(l2)
    regularizer.l2 = runtime.exact({"l2": l2}, dtype)["l2"]  # the constructor makes a Python number of it
    return regularizer


class Learner(AbstractLearner[Tensor]):
    """Dense layers over flattened examples."""

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        element, options = self._loss_element, dict(self.model.loss.options)
        self._loss_value: Callable[[Tensor, Tensor], Tensor] = partial(
            getattr(losses, element.name), **element.resolve(options, convention)
        )
        with self._scope():
            self._build()
            self._network.compile(
                optimizers.create(self.model.optimizer, convention, self.model.dtype), self._loss_value
            )
            self._optimizer = self._network.optimizer
            self._optimizer.build(self._network.trainable_variables)
            self._first_state = [(variable, np.array(variable)) for variable in self._state()]

    def _build(self) -> None:
        """Make the network that is trained, and the one that predicts where the loss reads scores."""
        network, reads_score = self.model.network, self._loss_element.reads == "score"
        stack: list[Any] = [keras.Input(network.inputs)]
        if len(network.inputs) > 1:
            stack.append(layers.Flatten())
        for number, layer in enumerate(network.layers):
            last = number == len(network.layers) - 1
            stack.append(dense(layer, self.model.dtype, with_activation=not (last and reads_score)))
            if layer.dropout:
                stack.append(layers.Dropout(layer.dropout, seed=self.model.seed + number))
        self._network = keras.Sequential(stack)
        self._predictor = self._network
        if reads_score:
            activation = getattr(activations, network.layers[-1].activation.name)
            self._predictor = keras.Sequential([self._network, layers.Activation(activation)])

    def parameters(self) -> list[np.ndarray]:
        return [np.array(array) for array in self._network.get_weights()]

    def synchronize(self) -> None:
        """Wait until the last step's parameters are there."""
        runtime.synchronize(self._network.trainable_variables)

    def train_step(self, x: Tensor, y: Tensor) -> None:
        with self._scope():
            self._network.train_on_batch(x, y)

    def train_epoch(self, x: Tensor, y: Tensor, order: np.ndarray) -> None:
        rows = order.reshape(-1)
        with self._scope():
            self._network.fit(x[rows], y[rows], batch_size=order.shape[1], epochs=1, shuffle=False, verbose=0)

    def infer(self, x: Tensor) -> Tensor:
        with self._scope():
            return self._predictor.predict_on_batch(x)

    def _place_inputs(self, x: np.ndarray) -> Tensor:
        return x  # Keras takes NumPy arrays and moves each batch where it belongs

    def _place_targets(self, y: np.ndarray) -> Tensor:
        return y

    def _to_numpy(self, array: Tensor) -> np.ndarray:
        return np.asarray(array)

    def _loss(self, x: Tensor, y: Tensor) -> float:
        with self._scope():
            predictions = ops.convert_to_tensor(self._network.predict_on_batch(x))
            return float(self._objective(ops.convert_to_tensor(y), predictions))

    def _gradients(self, x: Tensor, y: Tensor) -> tuple[float, list[np.ndarray]]:
        with self._scope():
            examples, targets = ops.convert_to_tensor(x), ops.convert_to_tensor(y)
            value, gradients = runtime.value_and_gradients(
                lambda: self._objective(targets, self._network(examples, training=False)),
                self._network.trainable_variables,
            )
            return float(value), [np.array(ops.convert_to_numpy(gradient)) for gradient in gradients]

    def _load_parameters(self, parameters: list[np.ndarray]) -> None:
        with self._scope():
            self._network.set_weights(parameters)
            for variable, value in self._first_state:
                variable.assign(value)

    def _scope(self) -> Any:
        return runtime.scope(self.placement, self.model.dtype)

    def _state(self) -> list[Any]:
        """Return what besides the parameters changes in training: the optimizer's state, and dropout's."""
        dropouts = [layer for layer in self._network.layers if isinstance(layer, layers.Dropout)]
        return [*self._optimizer.variables, *(layer.seed_generator.state for layer in dropouts)]

    def _objective(self, y: Tensor, predictions: Tensor) -> Tensor:
        """Return the mean loss plus L2 penalties."""
        return sum(self._network.losses, ops.mean(self._loss_value(y, predictions)))
