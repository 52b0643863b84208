"""Networks: modules, training by autograd."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from implementations import catalog
from implementations.interface import AbstractLearner, Placement
from implementations.spec import ElementSpec, LayerSpec, ModelSpec
from implementations.torch import activations, losses, optimizers, runtime


class Activation(nn.Module):
    """One of `activations` as a module."""

    def __init__(self, spec: ElementSpec) -> None:
        super().__init__()
        resolved = catalog.activation(spec.name).resolve(dict(spec.options))
        self._function: Callable[[Tensor], Tensor] = partial(getattr(activations, spec.name), **resolved)

    def forward(self, x: Tensor) -> Tensor:
        return self._function(x)


class BiasedBatchNorm1d(nn.BatchNorm1d):
    """BatchNorm1d whose moving variance takes the variance of n, as in Keras, where torch takes n - 1."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  torch's name
        if not self.training:
            return super().forward(input)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            variance, mean = torch.var_mean(input, dim=0, correction=0)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
        return nn.functional.batch_norm(
            input, None, None, self.weight, self.bias, training=True, eps=self.eps
        )


class SharedDropout(nn.Module):
    """Dropout with masks from outside: in training, outputs times `mask`."""

    mask: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.mask if self.training else x


def normalization(spec: ElementSpec, units: int, convention: str) -> nn.Module:
    """Return the normalization of so many units."""
    options = catalog.normalization(spec.name).resolve(dict(spec.options), convention)
    if spec.name == "layer_normalization":
        return nn.LayerNorm(units, eps=options["epsilon"])
    kind = nn.BatchNorm1d if options["variance_mode"] == "unbiased" else BiasedBatchNorm1d
    return kind(units, eps=options["epsilon"], momentum=1 - options["momentum"])


def dense(inputs: int, spec: LayerSpec, convention: str, masks: str) -> list[nn.Module]:
    """Return one layer, f(x W + b): the weighted sum, then what is done to it."""
    layer: list[nn.Module] = [nn.Linear(inputs, spec.units, bias=spec.use_bias)]
    if spec.normalization:
        layer.append(normalization(spec.normalization, spec.units, convention))
    if spec.activation.name == "prelu":
        layer.append(nn.PReLU(spec.units))
    elif spec.activation.name != "linear":
        layer.append(Activation(spec.activation))
    if spec.dropout:
        layer.append(SharedDropout() if masks == "shared" else nn.Dropout(spec.dropout))
    return layer


class Learner(AbstractLearner[Tensor]):
    """Dense layers over flattened examples.

    Compiled, forward pass, loss and backward pass are one function; the optimizer stays one fused kernel, as
    compiling it too makes small networks slower by what it gains in large ones (`tests/independent.py`).
    """

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention = convention
        self._device = runtime.device(placement)
        network, to = self.model.network, {"device": self._device, "dtype": getattr(torch, self.model.dtype)}
        layers = [
            dense(inputs, layer, convention, placement.masks)
            for inputs, layer in zip(network.widths, network.layers, strict=False)
        ]
        flatten = [nn.Flatten()] if len(network.inputs) > 1 else []
        self._network = nn.Sequential(*flatten, *itertools.chain(*layers)).to(**to)
        self._penalized = [
            (layer[0].get_parameter("weight"), spec.l1, spec.l2)
            for layer, spec in zip(layers, network.layers, strict=True)
            if spec.l1 or spec.l2
        ]
        self._shared = [module for module in self._network if isinstance(module, SharedDropout)]
        # in the order of LayerSpec.parameters; torch keeps moving averages apart from what gradients change
        self._tensors = [
            tensor
            for name, tensor in self._network.state_dict(keep_vars=True).items()
            if not name.endswith("num_batches_tracked")
        ]
        self._scored = self._network  # what the loss reads: the last output, or the score below it
        element, options = self._loss_element, dict(self.model.loss.options)
        if element.reads == "score":
            self._scored = nn.Sequential(*flatten, *itertools.chain(*layers[:-1]), layers[-1][0])
        resolved = element.resolve(options, convention)
        self._loss_value: Callable[[Tensor, Tensor], Tensor] = partial(
            getattr(losses, element.name), **resolved
        )
        self._trained_objective = runtime.compiled(self._objective, placement)
        self._outputs: Callable[[Tensor], Tensor] = runtime.compiled(self._network, placement)

    def parameters(self) -> list[np.ndarray]:
        return _arrays(self._tensors)

    def synchronize(self) -> None:
        """Wait for the GPU; on the CPU torch has finished when it returns."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def train_step(self, x: Tensor, y: Tensor) -> None:
        self._set_training(True)
        if self._shared:
            for module, mask in zip(self._shared, self.draw_masks(len(x)), strict=True):
                module.mask = runtime.tensor(mask).to(self._device)
        self._optimizer.zero_grad()
        self._trained_objective(x, y).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimizer.step()
        if self._step_scheduler:
            self._step_scheduler.step()

    def train_epoch(self, x: Tensor, y: Tensor, order: np.ndarray) -> None:
        # data this small lies on the device as a whole, where a DataLoader would only stack single examples
        for batch in runtime.tensor(order).to(self._device):
            self.train_step(x.index_select(0, batch), y.index_select(0, batch))

    def observe(self, loss: float) -> None:
        if isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(loss)

    @torch.inference_mode()
    def infer(self, x: Tensor) -> Tensor:
        self._set_training(False)
        return self._outputs(x)

    def _place_inputs(self, x: np.ndarray) -> Tensor:
        return runtime.tensor(x).to(self._device)

    def _place_targets(self, y: np.ndarray) -> Tensor:
        return runtime.tensor(y).to(self._device)

    def _to_numpy(self, array: Tensor) -> np.ndarray:
        return array.cpu().numpy()

    @torch.inference_mode()
    def _loss(self, x: Tensor, y: Tensor) -> float:
        self._set_training(False)
        return self._objective(x, y).item()

    def _gradients(self, x: Tensor, y: Tensor) -> tuple[float, list[np.ndarray]]:
        self._set_training(False)
        loss = self._objective(x, y)
        trained = [tensor for tensor in self._tensors if tensor.requires_grad]
        gradients = iter(torch.autograd.grad(loss, trained))
        return loss.item(), _arrays(
            next(gradients) if tensor.requires_grad else torch.zeros_like(tensor) for tensor in self._tensors
        )

    @torch.no_grad()
    def _load_parameters(self, parameters: list[np.ndarray]) -> None:
        for own, parameter in zip(self._tensors, parameters, strict=True):
            own.copy_(runtime.tensor(parameter.T))
        self._optimizer, self._scheduler = optimizers.create(
            self.model.optimizer, self._convention, self._network.parameters()
        )
        # the one scheduler that is moved by losses and not by steps
        self._step_scheduler = None if isinstance(self._scheduler, ReduceLROnPlateau) else self._scheduler
        torch.manual_seed(self.model.seed)  # of dropout, which takes no generator of its own

    def _set_training(self, training: bool) -> None:
        """Switch dropout on or off."""
        if self._network.training is not training:  # walks through all modules, so not at each step
            self._network.train(training)

    def _objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss plus penalties."""
        loss = self._loss_value(y, self._scored(x))
        for weight, l1, l2 in self._penalized:
            if l1:
                loss = loss + l1 * weight.abs().sum()
            if l2:
                loss = loss + l2 * weight.square().sum()
        return loss


def _arrays(tensors: Iterable[Tensor]) -> list[np.ndarray]:
    """Return copies, kernels as (inputs, units): torch's are (units, inputs)."""
    return [tensor.detach().cpu().numpy().T.copy() for tensor in tensors]
