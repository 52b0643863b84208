"""PyTorch: the loop of its tutorials."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import nn

from benchmarks.plain import Script, Task


def script(task: Task) -> Script:
    """Return the training."""
    modules: list[nn.Module] = []
    for kernel, bias in task.layers:
        linear = nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel.T))
            linear.bias.copy_(torch.from_numpy(bias))
        modules += [linear, nn.ReLU()]
    network = nn.Sequential(*modules[:-1])
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=task.learning_rate, momentum=task.momentum)
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in task.batches]
    all_x, all_y = torch.from_numpy(task.x), torch.from_numpy(task.y)
    order = torch.from_numpy(task.order)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss(network(x), y).backward()
        optimizer.step()

    def steps(number: int) -> None:
        for x, y in itertools.islice(itertools.cycle(batches), number):
            step(x, y)

    def epochs(number: int) -> None:
        for _ in range(number):
            for places in order:
                step(all_x[places], all_y[places])

    def parameters() -> list[np.ndarray]:
        return [each.detach().numpy().T.copy() for each in network.parameters()]

    return Script(steps, epochs, parameters)
