"""Known deviations: where a framework differs from exact results beyond the tolerance, how much, and why.

They stand in one file for each framework, and `common.toml` has what all share: a contender such as
`keras-torch` has those of Keras, of PyTorch and the common ones. They are shown in every report, and cover no
more than the region that they name. One that no longer occurs fails a test.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np


@dataclass(frozen=True)
class Deviation:
    """One known difference.

    Parameters
    ----------
    element
        Names of elements, or of variants such as `tversky alpha=0.3 beta=0.7`; `*` for every element.
    quantity
        That of `benchmarks.result.Agreement`, or `training` for whole trainings that use the element.
    dtype
        `float32`, `float64`, or `*` for both.
    regions
        Closed intervals of the points at which it occurs: of x, of a loss's error or score, of the size of
        an optimizer's gradients.
    at_most
        Largest error that it explains, in units of the tolerance.
    reason, link
        Why, and where one can read more.
    """

    element: tuple[str, ...]
    quantity: str
    dtype: str
    regions: tuple[tuple[float, float], ...]
    at_most: float
    reason: str
    link: str

    def names(self, element: str, variant: str, quantity: str, dtype: str) -> bool:
        """Return whether this is about that element, quantity and dtype."""
        return (
            bool({"*", element, variant} & set(self.element))
            and self.quantity in ("*", quantity)
            and self.dtype in ("*", dtype)
        )

    def covers(self, where: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """Return for each point whether this explains an error of that size there."""
        inside = np.zeros(where.shape, dtype=bool)
        for low, high in self.regions:
            inside |= (low <= where) & (where <= high)
        if (-math.inf, math.inf) in self.regions:
            inside |= np.isnan(where)
        return inside & (errors <= self.at_most)

    @property
    def told(self) -> str:
        """Reason and link."""
        return f"{self.reason} ({self.link})"


@cache
def deviations(contender: str) -> tuple[Deviation, ...]:
    """Return the known deviations of a contender."""
    return tuple(each for name in (*contender.split("-"), "common") for each in read(name))


def read(name: str) -> list[Deviation]:
    """Return the known deviations of a framework, or the common ones."""
    file = resources.files("benchmarks.deviations") / f"{name}.toml"
    if not file.is_file():
        return []
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["deviation"]
    return [
        Deviation(
            element=(entry["element"],) if isinstance(entry["element"], str) else tuple(entry["element"]),
            quantity=entry["quantity"],
            dtype=entry.get("dtype", "*"),
            regions=tuple((low, high) for low, high in entry.get("regions", [[-math.inf, math.inf]])),
            at_most=entry.get("at_most", math.inf),
            reason=entry["reason"],
            link=entry["link"],
        )
        for entry in entries
    ]


def explanation(contender: str, elements: list[str], quantity: str, dtype: str, error: float) -> str | None:
    """Return the reason and link of a known deviation of one of these elements in whole trainings."""
    for known in deviations(contender):
        mentioned = any(known.names(each, each, quantity, dtype) for each in elements)
        if known.quantity == quantity and mentioned and error <= known.at_most:
            return known.told
    return None
