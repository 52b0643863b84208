"""Networks: forward pass, derivatives by the chain rule, training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from implementations import catalog
from implementations.interface import AbstractLearner, Placement
from implementations.numpy import activations, losses
from implementations.numpy.optimizers import Optimizer
from implementations.spec import LayerSpec, ModelSpec

Array = np.ndarray


class Dense:
    """One layer, f(x W + b), and its derivatives.

    Parameters
    ----------
    spec
        Activation, L2 penalty and dropout.
    parameters, gradients
        Kernel (inputs, units) and, with a bias, bias (units,): views of the network's flat arrays.
    """

    def __init__(self, spec: LayerSpec, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
        name, options = spec.activation.name, dict(spec.activation.options)
        resolved = catalog.activation(name).resolve(options)
        self._activation: Callable[[Array], Array] = partial(getattr(activations, name), **resolved)
        self._activation_gradient: Callable[[Array, Array, Array], Array] = partial(
            getattr(activations, f"{name}_gradient"), **resolved
        )
        self._spec = spec
        self._parameters, self._gradients = parameters, gradients

    def forward(self, x: Array, masks: np.random.Generator | None = None) -> Array:
        """Return the outputs, shape (n, units); with a generator of masks, dropout is on."""
        kernel, *bias = self._parameters
        self._x = x
        self.score = x @ kernel
        if bias:
            self.score += bias[0]
        self.output = self._activation(self.score)
        self._mask = self._draw_mask(masks) if masks and self._spec.dropout else None
        return self.output if self._mask is None else self.output * self._mask

    def backward(self, upstream: Array) -> Array:
        """Return d loss / d score, given d loss / d outputs."""
        if self._mask is not None:
            upstream = upstream * self._mask
        return self._activation_gradient(self.score, self.output, upstream)

    def write_gradients(self, upstream: Array) -> None:
        """Write d objective / d kernel and bias, given d loss / d score."""
        kernel, *bias = self._gradients
        np.matmul(self._x.T, upstream, out=kernel)
        if self._spec.l2:
            kernel += 2 * self._spec.l2 * self._parameters[0]
        if bias:
            np.sum(upstream, axis=0, out=bias[0])

    def to_inputs(self, upstream: Array) -> Array:
        """Return d loss / d inputs, given d loss / d score."""
        return upstream @ self._parameters[0].T

    def penalty(self) -> float:
        """Return l2 * sum(W^2)."""
        return self._spec.l2 * float(np.sum(np.square(self._parameters[0]))) if self._spec.l2 else 0.0

    def _draw_mask(self, masks: np.random.Generator) -> Array:
        kept = 1 - self._spec.dropout
        return (masks.random(self.output.shape) < kept).astype(self.output.dtype) / kept


class Learner(AbstractLearner[Array]):
    """Dense layers over flattened examples.

    All parameters lie in one flat array and all gradients in another, so that the optimizer needs a single
    pass; the layers hold views.
    """

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention = convention
        shapes = self.model.network.parameter_shapes
        self._flat = np.zeros(sum(int(np.prod(shape)) for shape in shapes), dtype=self.model.dtype)
        self._flat_gradients = np.zeros_like(self._flat)
        self._views = _views(self._flat, shapes)
        views, gradient_views = iter(self._views), iter(_views(self._flat_gradients, shapes))
        self._layers = []
        for layer in self.model.network.layers:
            count = 1 + layer.use_bias
            self._layers.append(
                Dense(
                    layer, [next(views) for _ in range(count)], [next(gradient_views) for _ in range(count)]
                )
            )
        element, options = self._loss_element, dict(self.model.loss.options)
        resolved = element.resolve(options, convention)
        self._loss_value: Callable[[Array, Array], float] = partial(getattr(losses, element.name), **resolved)
        self._loss_gradient: Callable[[Array, Array], Array] = partial(
            getattr(losses, f"{element.name}_gradient"), **resolved
        )

    def parameters(self) -> list[Array]:
        return [view.copy() for view in self._views]

    def synchronize(self) -> None:
        """Do nothing: NumPy has finished when it returns."""

    def train_step(self, x: Array, y: Array) -> None:
        self._differentiate(y, self._forward(x, self._masks))
        self._optimizer.apply(self._flat, self._flat_gradients)

    def train_epoch(self, x: Array, y: Array, order: Array) -> None:
        for batch in order:
            self.train_step(x[batch], y[batch])

    def infer(self, x: Array) -> Array:
        self._forward(x)
        return self._layers[-1].output

    def _place_inputs(self, x: Array) -> Array:
        return x.reshape(len(x), -1)

    def _place_targets(self, y: Array) -> Array:
        return y

    def _to_numpy(self, array: Array) -> Array:
        return array

    def _loss(self, x: Array, y: Array) -> float:
        return self._loss_value(y, self._forward(x)) + sum(layer.penalty() for layer in self._layers)

    def _gradients(self, x: Array, y: Array) -> tuple[float, list[Array]]:
        loss = self._loss(x, y)
        self._differentiate(y, self._forward(x))
        return loss, [
            view.copy() for view in _views(self._flat_gradients, self.model.network.parameter_shapes)
        ]

    def _load_parameters(self, parameters: list[Array]) -> None:
        for view, parameter in zip(self._views, parameters, strict=True):
            view[...] = parameter
        self._optimizer = Optimizer(self.model.optimizer, self._convention, self._flat)
        self._masks = np.random.default_rng([self.model.seed, 2])

    def _forward(self, x: Array, masks: np.random.Generator | None = None) -> Array:
        """Return what the loss reads: the last output, or the score below it."""
        for layer in self._layers:
            x = layer.forward(x, masks)
        return self._layers[-1].score if self._loss_element.reads == "score" else x

    def _differentiate(self, y: Array, predictions: Array) -> None:
        """Write the objective's derivatives after a forward pass."""
        upstream = self._loss_gradient(y, predictions)
        if self._loss_element.reads == "output":
            upstream = self._layers[-1].backward(upstream)
        self._layers[-1].write_gradients(upstream)
        for layer, above in zip(self._layers[-2::-1], self._layers[:0:-1], strict=True):
            upstream = layer.backward(above.to_inputs(upstream))
            layer.write_gradients(upstream)


def _views(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Return consecutive parts of a flat array in these shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), shapes, strict=True)]
