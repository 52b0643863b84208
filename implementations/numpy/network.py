"""Networks: stages with a way forward and a way back by the chain rule, and their training."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import numpy as np

from implementations import catalog
from implementations.interface import AbstractLearner, Placement
from implementations.numpy import activations, losses
from implementations.numpy.optimizers import Optimizer, views
from implementations.spec import ElementSpec, LayerSpec, ModelSpec

Array = np.ndarray


class Stage(ABC):
    """A part of a layer. `forward` keeps what `backward` needs."""

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Return the outputs."""

    @abstractmethod
    def backward(self, upstream: Array) -> Array:
        """Write the derivatives by own parameters; return d loss / d x, given d loss / d outputs."""


class Affine(Stage):
    """x W + b.

    Parameters
    ----------
    parameters, gradients
        Kernel (inputs, units) and, with a bias, bias (units,): views of the network's flat arrays.
    first
        Whether nothing before it needs derivatives.
    """

    def __init__(self, spec: LayerSpec, parameters: list[Array], gradients: list[Array], first: bool) -> None:
        self._l1, self._l2, self._first = spec.l1, spec.l2, first
        self._kernel, *self._bias = parameters
        self._kernel_gradient, *self._bias_gradient = gradients

    def forward(self, x: Array, training: bool) -> Array:
        self._x = x
        y = x @ self._kernel
        if self._bias:
            y += self._bias[0]
        return y

    def backward(self, upstream: Array) -> Array:
        np.matmul(self._x.T, upstream, out=self._kernel_gradient)
        if self._l1:
            self._kernel_gradient += self._l1 * np.sign(self._kernel)
        if self._l2:
            self._kernel_gradient += 2 * self._l2 * self._kernel
        if self._bias:
            np.sum(upstream, axis=0, out=self._bias_gradient[0])
        return upstream if self._first else upstream @ self._kernel.T

    def penalty(self) -> float:
        """Return l1 * sum(|W|) + l2 * sum(W^2)."""
        penalty = self._l1 * float(np.sum(np.abs(self._kernel))) if self._l1 else 0.0
        return penalty + (self._l2 * float(np.sum(np.square(self._kernel))) if self._l2 else 0.0)


class BatchNormalization(Stage):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta over the batch, or with the moving averages."""

    def __init__(
        self,
        parameters: list[Array],
        gradients: list[Array],
        *,
        momentum: float,
        epsilon: float,
        variance_mode: str,
    ) -> None:
        self._gamma, self._beta, self._mean, self._variance = parameters
        self._gamma_gradient, self._beta_gradient, *_ = gradients
        self._momentum, self._epsilon, self._unbiased = momentum, epsilon, variance_mode == "unbiased"

    def forward(self, x: Array, training: bool) -> Array:
        self._training = training
        mean, variance = (x.mean(axis=0), x.var(axis=0)) if training else (self._mean, self._variance)
        if training:
            counted = variance * (len(x) / (len(x) - 1)) if self._unbiased else variance
            for moving, value in ((self._mean, mean), (self._variance, counted)):
                np.add(self._momentum * moving, (1 - self._momentum) * value, out=moving)
        self._scale = 1 / np.sqrt(variance + self._epsilon)
        self._normalized = (x - mean) * self._scale
        return self._gamma * self._normalized + self._beta

    def backward(self, upstream: Array) -> Array:
        np.sum(upstream * self._normalized, axis=0, out=self._gamma_gradient)
        np.sum(upstream, axis=0, out=self._beta_gradient)
        if self._training:
            shared = self._beta_gradient + self._normalized * self._gamma_gradient
            upstream = upstream - shared / len(upstream)
        return self._gamma * self._scale * upstream


class LayerNormalization(Stage):
    """gamma (x - mean) / sqrt(variance + epsilon) + beta over the units of each example."""

    def __init__(self, parameters: list[Array], gradients: list[Array], *, epsilon: float) -> None:
        self._gamma, self._beta = parameters
        self._gamma_gradient, self._beta_gradient = gradients
        self._epsilon = epsilon

    def forward(self, x: Array, training: bool) -> Array:
        self._scale = 1 / np.sqrt(x.var(axis=1, keepdims=True) + self._epsilon)
        self._normalized = (x - x.mean(axis=1, keepdims=True)) * self._scale
        return self._gamma * self._normalized + self._beta

    def backward(self, upstream: Array) -> Array:
        np.sum(upstream * self._normalized, axis=0, out=self._gamma_gradient)
        np.sum(upstream, axis=0, out=self._beta_gradient)
        inner = upstream * self._gamma
        along = np.mean(inner * self._normalized, axis=1, keepdims=True)
        return self._scale * (inner - inner.mean(axis=1, keepdims=True) - self._normalized * along)


class Activation(Stage):
    """One of `activations`."""

    def __init__(self, spec: ElementSpec) -> None:
        resolved = catalog.activation(spec.name).resolve(dict(spec.options))
        self._value: Callable[[Array], Array] = partial(getattr(activations, spec.name), **resolved)
        self._gradient: Callable[[Array, Array, Array], Array] = partial(
            getattr(activations, f"{spec.name}_gradient"), **resolved
        )

    def forward(self, x: Array, training: bool) -> Array:
        self._x, self._y = x, self._value(x)
        return self._y

    def backward(self, upstream: Array) -> Array:
        return self._gradient(self._x, self._y, upstream)


class PReLU(Stage):
    """prelu, whose slopes are trained."""

    def __init__(self, parameters: list[Array], gradients: list[Array]) -> None:
        (self._alpha,), (self._alpha_gradient,) = parameters, gradients

    def forward(self, x: Array, training: bool) -> Array:
        self._x = x
        return activations.prelu(x, alpha=self._alpha)

    def backward(self, upstream: Array) -> Array:
        np.sum(upstream * np.minimum(self._x, 0), axis=0, out=self._alpha_gradient)
        return activations.prelu_gradient(self._x, self._x, upstream, alpha=self._alpha)


class Dropout(Stage):
    """In training, outputs times a mask of 0 and 1 / (1 - dropout).

    Parameters
    ----------
    masks
        Returns the mask for outputs of that shape.
    """

    def __init__(self, masks: Callable[[tuple[int, ...]], Array]) -> None:
        self._masks = masks

    def forward(self, x: Array, training: bool) -> Array:
        self._mask = self._masks(x.shape) if training else None
        return x if self._mask is None else x * self._mask

    def backward(self, upstream: Array) -> Array:
        return upstream if self._mask is None else upstream * self._mask


class Learner(AbstractLearner[Array]):
    """Stages over flattened examples.

    What gradients change lies in one flat array and its gradients in another, so that the optimizer needs a
    single pass; the stages hold views. Moving averages have arrays of their own.
    """

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention = convention
        network, dtype = self.model.network, self.model.dtype
        named = list(zip(network.parameter_shapes, network.trainable, strict=True))
        self._shapes = [shape for shape, trainable in named if trainable]
        self._flat = np.zeros(sum(map(math.prod, self._shapes)), dtype)
        self._flat_gradients = np.zeros_like(self._flat)
        own, own_gradients = (iter(views(flat, self._shapes)) for flat in (self._flat, self._flat_gradients))
        self._views = [next(own) if trainable else np.zeros(shape, dtype) for shape, trainable in named]
        self._gradient_views = [
            next(own_gradients) if trainable else np.zeros(shape, dtype) for shape, trainable in named
        ]
        self._stages: list[Stage] = []
        pairs = iter(zip(self._views, self._gradient_views, strict=True))
        for layer in network.layers:
            given = {name: next(pairs) for name in layer.parameters}
            self._stages += self._layer(layer, given)
        element, options = self._loss_element, dict(self.model.loss.options)
        # the stages below what the loss reads: all, or all but the last activation
        self._scored = self._stages[:-1] if element.reads == "score" else self._stages
        resolved = element.resolve(options, convention)
        self._loss_values: Callable[[Array, Array], Array] = partial(
            getattr(losses, element.name), **resolved
        )
        self._loss_gradient: Callable[[Array, Array], Array] = partial(
            getattr(losses, f"{element.name}_gradient"), **resolved
        )

    def _layer(self, spec: LayerSpec, given: dict[str, tuple[Array, Array]]) -> list[Stage]:
        """Return the stages of a layer; `given` has parameter and gradient by name."""

        def arrays(*names: str) -> tuple[list[Array], list[Array]]:
            found = [given[name] for name in names if name in given]
            return [parameter for parameter, _ in found], [gradient for _, gradient in found]

        stages: list[Stage] = [Affine(spec, *arrays("kernel", "bias"), first=not self._stages)]
        if spec.normalization:
            name, options = spec.normalization.name, dict(spec.normalization.options)
            settings = catalog.normalization(name).resolve(options, self._convention)
            kind = {"batch_normalization": BatchNormalization, "layer_normalization": LayerNormalization}[
                name
            ]
            of_normalization = arrays("gamma", "beta", "moving_mean", "moving_variance")
            stages.append(kind(*of_normalization, **settings))
        if spec.activation.name == "prelu":
            stages.append(PReLU(*arrays("alpha")))
        else:
            stages.append(Activation(spec.activation))
        if spec.dropout:
            stages.append(Dropout(partial(self._mask, spec.dropout)))
        return stages

    def parameters(self) -> list[Array]:
        return [view.copy() for view in self._views]

    def synchronize(self) -> None:
        """Do nothing: NumPy has finished when it returns."""

    def train_step(self, x: Array, y: Array) -> None:
        if self.placement.masks == "shared":
            self._shared = iter(self.draw_masks(len(x)))
        self._differentiate(y, self._forward(x, training=True))
        self._optimizer.apply(self._flat, self._flat_gradients)

    def train_epoch(self, x: Array, y: Array, order: Array) -> None:
        for batch in order:
            self.train_step(x[batch], y[batch])

    def observe(self, loss: float) -> None:
        self._optimizer.observe(loss)

    def infer(self, x: Array) -> Array:
        for stage in self._stages:
            x = stage.forward(x, False)
        return x

    def _place_inputs(self, x: Array) -> Array:
        return x.reshape(len(x), -1)

    def _place_targets(self, y: Array) -> Array:
        return y

    def _to_numpy(self, array: Array) -> Array:
        return array

    def _loss(self, x: Array, y: Array) -> float:
        penalties = sum(stage.penalty() for stage in self._stages if isinstance(stage, Affine))
        return float(np.mean(self._loss_values(y, self._forward(x)))) + penalties

    def _gradients(self, x: Array, y: Array) -> tuple[float, list[Array]]:
        loss = self._loss(x, y)
        self._differentiate(y, self._forward(x))
        return loss, [view.copy() for view in self._gradient_views]

    def _load_parameters(self, parameters: list[Array]) -> None:
        for view, parameter in zip(self._views, parameters, strict=True):
            view[...] = parameter
        self._optimizer = Optimizer(self.model.optimizer, self._convention, self._flat, self._shapes)
        self._own_masks = np.random.default_rng([self.model.seed, 2])

    def _forward(self, x: Array, training: bool = False) -> Array:
        """Return what the loss reads: the last output, or the score below it."""
        for stage in self._scored:
            x = stage.forward(x, training)
        return x

    def _differentiate(self, y: Array, predictions: Array) -> None:
        """Write the objective's derivatives after a forward pass."""
        upstream = self._loss_gradient(y, predictions)
        for stage in reversed(self._scored):
            upstream = stage.backward(upstream)

    def _mask(self, dropout: float, shape: tuple[int, ...]) -> Array:
        if self.placement.masks == "shared":
            return next(self._shared)
        kept = 1 - dropout
        return (self._own_masks.random(shape) < kept).astype(self.model.dtype) / self._flat.dtype.type(kept)
