"""What PyTorch does by itself: its own modules and losses with their defaults."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import nn

from implementations.processes import torch as process
from implementations.torch.runtime import tensor


def float64() -> AbstractContextManager[None]:
    return nullcontext()


def initial_parameters(inputs: int, units: int) -> list[np.ndarray] | None:
    layer = nn.Linear(inputs, units)
    return [layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()]


@torch.no_grad()
def dense(x: np.ndarray, kernel: np.ndarray) -> np.ndarray | None:
    inputs, units = kernel.shape
    layer = nn.Linear(inputs, units, bias=False, dtype=tensor(x).dtype)
    layer.weight.copy_(tensor(kernel).T)
    return layer(tensor(x)).numpy()


def tanh(x: np.ndarray) -> np.ndarray | None:
    return torch.tanh(tensor(x)).numpy()


def softplus(x: np.ndarray) -> np.ndarray | None:
    return nn.functional.softplus(tensor(x)).numpy()


def constant(value: float) -> float | None:
    return torch.tensor(value, dtype=torch.float64).item()


def descent(rate: float) -> float | None:
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    x.grad = torch.ones_like(x)
    torch.optim.SGD([x], rate).step()
    return -x.item()


def product(x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with process.products_by_default():
        return (tensor(x).to(device) @ tensor(y).to(device)).cpu().numpy()


def product_setting() -> str | None:
    return process.product_setting()


def batch_normalization(x: np.ndarray) -> list[np.ndarray] | None:
    layer = nn.BatchNorm1d(x.shape[1]).train()
    layer(tensor(x.astype(np.float32)))
    assert layer.running_mean is not None
    assert layer.running_var is not None
    return [layer.running_mean.numpy(), layer.running_var.numpy()]


def sigmoid_crossentropy(score: float) -> list[float] | None:
    point = torch.tensor([[score]], requires_grad=True)
    loss = nn.functional.binary_cross_entropy(torch.sigmoid(point), torch.ones(1, 1))
    (slope,) = torch.autograd.grad(loss, point)
    return [loss.item(), slope.item()]


def softmax_crossentropy(score: float) -> list[float] | None:
    return None  # its losses of classes take scores, or logarithms of probabilities


def binary_crossentropy(targets: np.ndarray, probabilities: np.ndarray) -> float | None:
    return float(nn.BCELoss()(tensor(probabilities), tensor(targets)))


def focal_crossentropy(targets: np.ndarray, logits: np.ndarray) -> float | None:
    return None


def mean_squared_error(targets: np.ndarray, predictions: np.ndarray) -> float | None:
    return float(nn.MSELoss()(tensor(predictions), tensor(targets)))


def crossentropy(
    classes: np.ndarray, scores: np.ndarray, class_weight: np.ndarray | None = None
) -> float | None:
    weight = None if class_weight is None else tensor(class_weight)
    return float(nn.CrossEntropyLoss(weight)(tensor(scores), tensor(classes)))


def kl_divergence(targets: np.ndarray, probabilities: np.ndarray) -> float | None:
    return float(nn.KLDivLoss()(tensor(probabilities).log(), tensor(targets)))
