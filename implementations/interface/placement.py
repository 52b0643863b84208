"""Where a network is computed, and whether it can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from implementations.errors import unknown_name
from implementations.spec import DTYPES, DType

Device = Literal["cpu", "gpu"]


@dataclass(frozen=True)
class Placement:
    """Where and in which precision a network is computed.

    Parameters
    ----------
    device
        `cpu` or `gpu`.
    dtype
        Replaces the model's dtype.
    masks
        Whose random numbers dropout takes: the framework's `own`, or NumPy's `shared` ones
        (`implementations.initial.dropout_masks`), the same for every backend.
    compiled
        Whether the framework compiles training and prediction as a whole, in a mode beside its usual one.
    """

    device: Device = "cpu"
    dtype: DType | None = None
    masks: Literal["own", "shared"] = "own"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.masks not in ("own", "shared"):
            raise unknown_name("masks of a placement", self.masks, ("own", "shared"), "choose one of them")
        if self.dtype is not None and self.dtype not in DTYPES:
            raise unknown_name("dtype of a placement", self.dtype, DTYPES, "choose one of them")


@dataclass(frozen=True)
class Support:
    """Whether something can be done here and, if not, why."""

    available: bool
    reason: str = ""
