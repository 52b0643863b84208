"""What a framework counts while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Operation:
    """What one kind of operation took while a learner was trained, by the framework's own count.

    Parameters
    ----------
    name
        The framework's name for it.
    kind
        `product` of matrices; `copy`, which moves or converts numbers and computes none; `other`.
    calls
        How many there were.
    seconds
        Of its own, all calls together.
    """

    name: str
    kind: Literal["product", "copy", "other"]
    calls: int
    seconds: float
