"""Networks: modules, training by autograd."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

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


def dense(inputs: int, spec: LayerSpec, device: torch.device, dtype: torch.dtype) -> list[nn.Module]:
    """Return one layer, f(x W + b): the weighted sum, then what is done to it."""
    layer: list[nn.Module] = [nn.Linear(inputs, spec.units, bias=spec.use_bias, device=device, dtype=dtype)]
    if spec.activation.name != "linear":
        layer.append(Activation(spec.activation))
    if spec.dropout:
        layer.append(nn.Dropout(spec.dropout))
    return layer


class Learner(AbstractLearner[Tensor]):
    """Dense layers over flattened examples."""

    def __init__(self, model: ModelSpec, placement: Placement, convention: str) -> None:
        super().__init__(model, placement)
        self._convention = convention
        self._device = runtime.device(placement)
        dtype: torch.dtype = getattr(torch, self.model.dtype)
        network = self.model.network
        layers = [
            dense(inputs, layer, self._device, dtype)
            for inputs, layer in zip(network.widths, network.layers, strict=False)
        ]
        self._penalized = [
            (layer[0].get_parameter("weight"), spec.l2)
            for layer, spec in zip(layers, network.layers, strict=True)
            if spec.l2
        ]
        flatten = [nn.Flatten()] if len(network.inputs) > 1 else []
        self._network = nn.Sequential(*flatten, *itertools.chain(*layers))
        self._scored = self._network  # what the loss reads: the last output, or the score below it
        element, options = self._loss_element, dict(self.model.loss.options)
        if element.reads == "score":
            self._scored = nn.Sequential(*flatten, *itertools.chain(*layers[:-1]), layers[-1][0])
        resolved = element.resolve(options, convention)
        self._loss_value: Callable[[Tensor, Tensor], Tensor] = partial(
            getattr(losses, element.name), **resolved
        )

    def parameters(self) -> list[np.ndarray]:
        return _arrays(self._network.parameters())

    def synchronize(self) -> None:
        """Wait for the GPU; on the CPU torch has finished when it returns."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def train_step(self, x: Tensor, y: Tensor) -> None:
        self._set_training(True)
        self._optimizer.zero_grad()
        self._objective(x, y).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimizer.step()
        if self._scheduler:
            self._scheduler.step()

    def train_epoch(self, x: Tensor, y: Tensor, order: np.ndarray) -> None:
        # data this small lies on the device as a whole, where a DataLoader would only stack single examples
        for batch in runtime.tensor(order).to(self._device):
            self.train_step(x.index_select(0, batch), y.index_select(0, batch))

    @torch.inference_mode()
    def infer(self, x: Tensor) -> Tensor:
        self._set_training(False)
        outputs: Tensor = self._network(x)
        return outputs

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
        return loss.item(), _arrays(torch.autograd.grad(loss, list(self._network.parameters())))

    @torch.no_grad()
    def _load_parameters(self, parameters: list[np.ndarray]) -> None:
        for own, parameter in zip(self._network.parameters(), parameters, strict=True):
            own.copy_(runtime.tensor(parameter.T))
        self._optimizer, self._scheduler = optimizers.create(
            self.model.optimizer, self._convention, self._network.parameters()
        )
        torch.manual_seed(self.model.seed)  # of dropout, which takes no generator of its own

    def _set_training(self, training: bool) -> None:
        """Switch dropout on or off."""
        if self._network.training is not training:  # walks through all modules, so not at each step
            self._network.train(training)

    def _objective(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the mean loss plus L2 penalties."""
        loss = self._loss_value(y, self._scored(x))
        for weight, l2 in self._penalized:
            loss = loss + l2 * weight.square().sum()
        return loss


def _arrays(tensors: Iterable[Tensor]) -> list[np.ndarray]:
    """Return copies, kernels as (inputs, units): torch's are (units, inputs)."""
    return [tensor.detach().cpu().numpy().T.copy() for tensor in tensors]
