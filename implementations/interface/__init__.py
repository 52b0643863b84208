"""The shared interface: what every backend can do, and the checks that all of them share.

A method is either final, and then it checks its arguments and documents itself here once, or abstract, and
then a backend writes only what differs. Arrays in and out of the final methods are `numpy.ndarray`.
"""

from __future__ import annotations

from implementations.interface.backend import AbstractBackend
from implementations.interface.framework import Framework
from implementations.interface.learner import AbstractLearner
from implementations.interface.operation import Operation
from implementations.interface.optimizer import AbstractOptimizer
from implementations.interface.placement import Device, Placement, Support

__all__ = [
    "AbstractBackend",
    "AbstractLearner",
    "AbstractOptimizer",
    "Device",
    "Framework",
    "Operation",
    "Placement",
    "Support",
]
