"""Tables as files for other programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report.material import Material
from benchmarks.report.optional import needed

if TYPE_CHECKING:
    import pandas as pd

FORMULA = re.compile(r"^(?![+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$)[=+\-@\t\r\n]")
"""What begins like a formula and is no number. The page's script takes it from here: it means the same to
Python and JavaScript."""


def guarded(text: str) -> str:
    """Return text that no spreadsheet runs: an apostrophe before what begins like a formula.

    Examples
    --------
    >>> guarded("=1+1"), guarded("-1e-3"), guarded("numpy")
    ("'=1+1", '-1e-3', 'numpy')
    """
    return f"'{text}" if FORMULA.search(text) else text


def write_csv(material: Material, into: Path) -> list[Path]:
    """Write one CSV file for each table; numbers keep all digits."""
    paths = []
    for name, frame in material.tables().items():
        path = into / f"{name}.csv"
        _guarded_frame(frame).to_csv(path, index=False)
        paths.append(path)
    return paths


def _guarded_frame(frame: pd.DataFrame) -> pd.DataFrame:
    def cell(value: Any) -> Any:
        return guarded(value) if isinstance(value, str) else value

    texts = frame.select_dtypes(exclude=["number", "bool"]).map(cell)
    return frame.assign(**{str(name): texts[name] for name in texts}).rename(columns=cell)


def write_parquet(material: Material, into: Path) -> list[Path]:
    """Write one Parquet file for each table."""
    needed("pyarrow", "Parquet")
    paths = []
    for name, frame in material.tables().items():
        path = into / f"{name}.parquet"
        frame.to_parquet(path, index=False)
        paths.append(path)
    return paths
