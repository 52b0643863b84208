"""Networks: stages with a way forward and a way back by the chain rule, and their training.

The stages are recorded once for each number of examples, and what is trained are the programs that come of
it: see `recording` and `program`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Literal

import numpy as np

from implementations import catalog
from implementations.interface import AbstractLearner, Operation, Placement
from implementations.numpy import activations, losses, runtime
from implementations.numpy.arrays import NUMPY
from implementations.numpy.optimizers import Optimizer, views
from implementations.numpy.program import Program
from implementations.numpy.recording import Recorder
from implementations.spec import MOVING, ElementSpec, LayerSpec, ModelSpec

Array = Any
"""A NumPy array; while a program is recorded, `Recorded`; on a GPU, CuPy's."""
PRODUCTS, COPIES = ("matmul",), ("copy", "cast", "join", "take")
"""Names of calls of a program that multiply matrices, and that only move numbers."""
FLOP_FOR_ONE_THREAD = 0.5e6, 10e6
"""Floating-point operations of a network's largest product between which one thread is faster than two.

With two, products took 1.6 times as long at 1 MFLOP, 1.13 at 4, 1.05 at 8, and 0.91 at 17 (two cores of an
EPYC, OpenBLAS 0.3.31); below 0.5 OpenBLAS takes one by itself.
"""
Kind = Literal["train", "differentiate", "score", "infer"]
"""A step both ways; the same in prediction; what the loss reads; the outputs."""


class Stage(ABC):
    """A part of a layer. `forward` keeps what `backward` needs."""

    @abstractmethod
    def forward(self, x: Array, training: bool) -> Array:
        """Return the outputs."""

    @abstractmethod
    def backward(self, upstream: Array) -> Array:
        """Write the derivatives by own parameters; return d loss / d x, given d loss / d outputs."""


class Affine(Stage):
    """x W + b as one product, [x 1] [W; b], whose derivatives are one product too.

    Parameters
    ----------
    weights, gradients
        W (inputs, units) above b (1, units), or W alone: a bias lies behind its kernel in the flat arrays.
    first
        Whether it reads the examples, which bring their ones along and need no derivatives.
    """

    def __init__(self, spec: LayerSpec, weights: Array, gradients: Array, first: bool) -> None:
        self._spec, self._first = spec, first
        self._weights, self._gradients = weights, gradients
        inputs = len(weights) - spec.use_bias
        self._kernel, self._kernel_gradient = weights[:inputs], gradients[:inputs]

    def forward(self, x: Array, training: bool) -> Array:
        self._x = x if self._first or not self._spec.use_bias else x.recorder.with_ones(x)
        return self._x @ self._weights

    def backward(self, upstream: Array) -> Array:
        np.matmul(self._x.T, upstream, out=self._gradients)
        if self._spec.l1:
            self._kernel_gradient += self._spec.l1 * np.sign(self._kernel)
        if self._spec.l2:
            self._kernel_gradient += 2 * self._spec.l2 * self._kernel
        return upstream if self._first else upstream @ self._kernel.T


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
        self._gamma_gradient[...] = np.sum(upstream * self._normalized, axis=0)
        self._beta_gradient[...] = np.sum(upstream, axis=0)
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
        self._gamma_gradient[...] = np.sum(upstream * self._normalized, axis=0)
        self._beta_gradient[...] = np.sum(upstream, axis=0)
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

    def __init__(self, alpha: Array, gradient: Array) -> None:
        self._alpha, self._alpha_gradient = alpha, gradient

    def forward(self, x: Array, training: bool) -> Array:
        self._x = x
        return activations.prelu(x, alpha=self._alpha)

    def backward(self, upstream: Array) -> Array:
        self._alpha_gradient[...] = np.sum(upstream * np.minimum(self._x, 0), axis=0)
        return activations.prelu_gradient(self._x, self._x, upstream, alpha=self._alpha)


class Dropout(Stage):
    """In training, outputs times a mask of 0 and 1 / (1 - dropout), filled before each step."""

    def __init__(self, mask: Array) -> None:
        self._mask = mask

    def forward(self, x: Array, training: bool) -> Array:
        self._dropping = training
        return x * self._mask if training else x

    def backward(self, upstream: Array) -> Array:
        return upstream * self._mask if self._dropping else upstream


class Learner(AbstractLearner[Array]):
    """Stages over flattened examples.

    What gradients change lies in one flat array and its gradients in another, so that the optimizer needs a
    single pass; the stages hold views. Moving averages have arrays of their own.
    """

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention, self._module = convention, runtime.array_module(placement.device)
        network, dtype = self.model.network, np.dtype(self.model.dtype)
        named = list(zip(network.parameter_shapes, network.trainable, strict=True))
        self._shapes = [shape for shape, trainable in named if trainable]
        size = sum(map(math.prod, self._shapes))
        self._flat, self._flat_gradients = (self._module.full((size,), 0, dtype) for _ in range(2))
        self._views, self._gradient_views = (
            self._parts(flat, named) for flat in (self._flat, self._flat_gradients)
        )
        # examples come with a column of ones where the first layer has a bias
        self._ones = int(network.layers[0].use_bias)
        element, options = self._loss_element, dict(self.model.loss.options)
        resolved = element.resolve(options, convention)
        self._loss_values: Callable[[Array, Array], Array] = partial(
            getattr(losses, element.name), **resolved
        )
        last = network.layers[-1]
        through: Any = getattr(losses, f"{element.name}_through_{last.activation.name}", None)
        # the last activation is differentiated with the loss, where that leaves less to compute
        self._fused = bool(through) and not resolved["from_logits"] and not last.dropout
        gradient = through if self._fused else getattr(losses, f"{element.name}_gradient")
        self._loss_gradient: Callable[[Array, Array], Array] = partial(gradient, **resolved)
        self._programs: dict[tuple[Kind, int], Program] = {}
        self._masks: list[Array] = []
        self._drawn: list[np.ndarray] = []
        """Where NumPy draws them, unit by unit: in place, if they are its own."""

    def _parts(self, flat: Array, named: list[tuple[tuple[int, ...], bool]]) -> list[Array]:
        """Return views of what is trained, and arrays for the rest."""
        own = iter(views(flat, self._shapes))
        return [
            next(own) if trainable else self._module.full(shape, 0, flat.dtype) for shape, trainable in named
        ]

    def parameters(self) -> list[Array]:
        return [np.array(self._module.asnumpy(view)) for view in self._views]

    def synchronize(self) -> None:
        """Wait for a GPU; NumPy has finished when it returns."""
        self._module.synchronize()

    def train_step(self, x: Array, y: Array) -> None:
        program = self._program("train", len(x))
        if self._masks:
            self._fill_masks(len(x))
        program.run(x, y)
        self._optimizer.apply()

    def train_epoch(self, x: Array, y: Array, order: Array) -> None:
        steps, examples = self._module.asarray(order), order.shape[1]
        batch_x = self._module.empty((examples, *x.shape[1:]), x.dtype)
        batch_y = self._module.empty((*y.shape[:0:-1], examples), y.dtype).T
        for batch in steps:
            self._module.take(x, batch, axis=0, out=batch_x)
            self._module.take(y.T, batch, axis=-1, out=batch_y.T)
            self.train_step(batch_x, batch_y)

    def observe(self, loss: float) -> None:
        self._optimizer.observe(loss)

    def infer(self, x: Array) -> Array:
        program = self._program("infer", len(x))
        program.run(x)
        return program.outputs[0]

    def _place_inputs(self, x: np.ndarray) -> Array:
        flat = x.reshape(len(x), -1)
        placed = np.ones((len(flat), flat.shape[1] + self._ones), flat.dtype)
        placed[:, : flat.shape[1]] = flat
        return self._module.asarray(placed)

    def _place_targets(self, y: np.ndarray) -> Array:
        if y.dtype.kind != "f":
            return self._module.asarray(y.astype(np.intp))
        return self._module.asarray(y.T.copy()).T  # as outputs lie, or each operation on both fills a buffer

    def _to_numpy(self, array: Array) -> np.ndarray:
        return np.array(self._module.asnumpy(array), order="C")  # the program writes there again

    def _loss(self, x: Array, y: Array) -> float:
        program = self._program("score", len(x))
        program.run(x)
        predictions, targets = map(self._module.asnumpy, (program.outputs[0], y))
        return float(np.mean(self._loss_values(targets, predictions))) + self._penalty()

    def _gradients(self, x: Array, y: Array) -> tuple[float, list[np.ndarray]]:
        loss = self._loss(x, y)
        self._program("differentiate", len(x)).run(x, y)
        return loss, [np.array(self._module.asnumpy(view)) for view in self._gradient_views]

    def _penalty(self) -> float:
        """Return the sum of l1 * sum(|W|) + l2 * sum(W^2) over the layers."""
        penalty, arrays = 0.0, iter(self._views)
        for layer in self.model.network.layers:
            kernel, *_ = [next(arrays) for _ in layer.parameters]
            penalty += layer.l1 * float(np.sum(np.abs(kernel))) if layer.l1 else 0.0
            penalty += layer.l2 * float(np.sum(np.square(kernel))) if layer.l2 else 0.0
        return penalty

    def _load_parameters(self, parameters: list[np.ndarray]) -> None:
        for view, parameter in zip(self._views, parameters, strict=True):
            view[...] = self._module.asarray(parameter)
        self._optimizer = Optimizer(
            self.model.optimizer,
            self._convention,
            self._flat,
            self._flat_gradients,
            self._shapes,
            self._module,
        )
        self._own_masks = np.random.default_rng([self.model.seed, 2])

    def _program(self, kind: Kind, examples: int) -> Program:
        """Return the program for so many examples; of each kind the latest is kept."""
        if (kind, examples) not in self._programs:
            self._programs = {key: kept for key, kept in self._programs.items() if key[0] != kind}
            program = self._programs[kind, examples] = self._record(kind, examples)
            if self._wants_one_thread(examples):
                program.scope = runtime.OneThread()
        return self._programs[kind, examples]

    def _wants_one_thread(self, examples: int) -> bool:
        """Return whether the largest product is so small that a second thread would only slow it."""
        network = self.model.network
        layers = zip(network.widths, network.layers, strict=False)
        largest = 2 * examples * max(inputs * layer.units for inputs, layer in layers)
        least, most = FLOP_FOR_ONE_THREAD
        return self._module is NUMPY and least < largest < most and runtime.threads() > 1

    def _record(self, kind: Kind, examples: int) -> Program:
        """Record one way through the network, or the way there and back."""
        recorder, network = Recorder(self._module, "F"), self.model.network
        width = math.prod(network.inputs) + self._ones
        x = recorder.input(np.empty((examples, width), self._flat.dtype))
        if kind == "train":
            shapes = [(layer.outputs, examples) for layer in network.layers if layer.dropout]
            self._masks = [self._module.empty(shape, self._flat.dtype).T for shape in shapes]
            own = self._module is NUMPY
            self._drawn = [mask.T if own else np.empty(mask.T.shape, mask.dtype) for mask in self._masks]
        stages = self._stages(recorder, kind)
        for stage in stages:
            x = stage.forward(x, kind == "train")
        if kind in ("infer", "score"):
            return recorder.program(x)
        y = recorder.input(self._targets_like(examples))
        upstream = self._loss_gradient(y, x)
        for stage in reversed(stages[:-1] if self._fused else stages):
            upstream = stage.backward(upstream)
        return recorder.program()

    def _targets_like(self, examples: int) -> np.ndarray:
        """Return an array like the targets of so many examples."""
        if self._loss_element.targets == "index":
            return np.empty(examples, np.int64)
        units = self.model.network.widths[-1] // self._loss_element.outputs_per_target
        return np.empty((examples, units), self._flat.dtype)

    def _stages(self, recorder: Recorder, kind: Kind) -> list[Stage]:
        """Return the stages up to what the program gives: the last output, or the score below it."""
        stages: list[Stage] = []
        masks, start = iter(self._masks), 0
        arrays = iter(zip(self._views, self._gradient_views, strict=True))
        for inputs, layer in zip(self.model.network.widths, self.model.network.layers, strict=False):
            given = {name: tuple(map(recorder.bound, next(arrays))) for name in layer.parameters}
            rows, end = inputs + layer.use_bias, start + (inputs + layer.use_bias) * layer.units
            weights, gradients = (
                recorder.bound(flat[start:end].reshape(rows, layer.units))
                for flat in (self._flat, self._flat_gradients)
            )
            stages.append(Affine(layer, weights, gradients, first=not stages))
            stages += self._after_affine(layer, given)
            if layer.dropout and kind == "train":
                stages.append(Dropout(recorder.bound(next(masks))))
            start = end + sum(given[name][0].size for name in ("gamma", "beta", "alpha") if name in given)
        score = kind != "infer" and self._loss_element.reads == "score"
        return stages[:-1] if score else stages

    def _after_affine(self, spec: LayerSpec, given: Mapping[str, tuple[Array, ...]]) -> list[Stage]:
        """Return normalization and activation of a layer; `given` has parameter and gradient by name."""
        stages: list[Stage] = []
        if spec.normalization:
            name, options = spec.normalization.name, dict(spec.normalization.options)
            kind = {"batch_normalization": BatchNormalization, "layer_normalization": LayerNormalization}[
                name
            ]
            own = [given[each] for each in ("gamma", "beta", *MOVING) if each in given]
            settings = catalog.normalization(name).resolve(options, self._convention)
            stages.append(kind(*map(list, zip(*own, strict=True)), **settings))
        if spec.activation.name == "prelu":
            stages.append(PReLU(*given["alpha"]))
        else:
            stages.append(Activation(spec.activation))
        return stages

    def _fill_masks(self, examples: int) -> None:
        """Draw the masks of the next step."""
        if self.placement.masks == "shared":
            for place, mask in zip(self._masks, self.draw_masks(examples), strict=True):
                place[...] = self._module.asarray(mask)
            return
        rates = [layer.dropout for layer in self.model.network.layers if layer.dropout]
        for place, drawn, rate in zip(self._masks, self._drawn, rates, strict=True):
            self._own_masks.random(dtype=drawn.dtype, out=drawn)
            np.greater_equal(drawn, rate, out=drawn)
            np.divide(drawn, 1 - rate, out=drawn)
            if self._module is not NUMPY:
                place.T[...] = self._module.asarray(drawn)


def operations(learner: Learner, train: Callable[[], None]) -> list[Operation]:
    """Return the calls of a learner's programs in a training, with the time of each."""
    programs = {"": [each for (kind, _), each in learner._programs.items() if kind == "train"]}
    programs[" of the optimizer"] = [learner._optimizer.program]
    with ExitStack() as stack:
        watched = [
            (whose, stack.enter_context(program.timed()))
            for whose, several in programs.items()
            for program in several
        ]
        train()
    return [
        Operation(
            name + whose,
            "product" if name in PRODUCTS else "copy" if name in COPIES else "other",
            len(seconds),
            sum(seconds),
        )
        for whose, taken in watched
        for name, seconds in taken.items()
    ]
