"""Packages that only some outputs need."""

from __future__ import annotations

import importlib.util

from implementations.errors import VersusError


class ReportUnavailable(VersusError):
    """An output that needs a package which is not installed."""


def needed(package: str, output: str) -> None:
    """Check that a package is there.

    Raises
    ------
    ReportUnavailable
        If it is not; says how to get it.
    """
    if not available(package):
        raise ReportUnavailable(
            f"{output} report",
            expected=f"the package {package}",
            got="not installed",
            action='pip install -c constraints.txt -e ".[report]", or choose --format markdown',
        )


def available(package: str) -> bool:
    """Return whether a package is installed, without importing it."""
    return importlib.util.find_spec(package) is not None
