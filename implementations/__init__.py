"""The same networks, activations, losses and optimizers in several frameworks, behind one interface.

Examples
--------
>>> import implementations
>>> backend = implementations.load_backend("numpy")
>>> import numpy as np
>>> backend.activation("relu", np.array([-1.0, 2.0]))
array([0., 2.])
"""

from __future__ import annotations

from implementations.errors import (
    BackendConflict,
    BackendUnavailable,
    DeviceUnavailable,
    InvalidInput,
    UnsupportedConvention,
    VersusError,
)
from implementations.interface import AbstractBackend, AbstractLearner, AbstractOptimizer, Placement, Support
from implementations.registry import (
    backend_names,
    compiles,
    install_command,
    load_backend,
    support,
    takes_part_by_default,
)
from implementations.spec import LayerSpec, ModelSpec, NetworkSpec, OptimizerSpec

__all__ = [
    "AbstractBackend",
    "AbstractLearner",
    "AbstractOptimizer",
    "BackendConflict",
    "BackendUnavailable",
    "DeviceUnavailable",
    "InvalidInput",
    "LayerSpec",
    "ModelSpec",
    "NetworkSpec",
    "OptimizerSpec",
    "Placement",
    "Support",
    "UnsupportedConvention",
    "VersusError",
    "backend_names",
    "compiles",
    "install_command",
    "load_backend",
    "support",
    "takes_part_by_default",
]
