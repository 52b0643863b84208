"""PyTorch: its own functions, modules and optimizers, derivatives by autograd."""

from __future__ import annotations

from implementations.torch.backend import Backend


def load(name: str) -> Backend:
    """Return this backend."""
    return Backend(name)
