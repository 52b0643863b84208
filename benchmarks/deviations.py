"""Known deviations: where a framework differs from float64 NumPy beyond the tolerance, how much, and why.

They stand in `deviations.toml`, are shown in every report, and cover no more than they name.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Deviation:
    """One known difference.

    Parameters
    ----------
    contender, element, quantity, dtype
        What it covers, as patterns in which `*` stands for anything. The quantity is that of
        `benchmarks.result.Agreement`, or `training` for whole trainings that use the element.
    at_most
        Largest error that it explains.
    reason, link
        Why, and where one can read more.
    """

    contender: str
    element: str
    quantity: str
    dtype: str
    at_most: float
    reason: str
    link: str

    def covers(self, contender: str, element: str, quantity: str, dtype: str, error: float) -> bool:
        """Return whether this explains an error of that size there."""
        here = (contender, element, quantity, dtype)
        patterns = (self.contender, self.element, self.quantity, self.dtype)
        return error <= self.at_most and all(map(fnmatchcase, here, patterns))


@cache
def deviations() -> tuple[Deviation, ...]:
    """Return all known deviations."""
    text = (resources.files("benchmarks") / "deviations.toml").read_text(encoding="utf-8")
    return tuple(Deviation(**entry) for entry in tomllib.loads(text).get("deviation", []))


def explanation(contender: str, elements: list[str], quantity: str, dtype: str, error: float) -> str | None:
    """Return the reason and link of a known deviation of one of these elements that covers the error."""
    for deviation in deviations():
        if any(deviation.covers(contender, element, quantity, dtype, error) for element in elements):
            return f"{deviation.reason} ({deviation.link})"
    return None
