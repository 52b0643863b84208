"""Tables as files for other programs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report.material import Material
from benchmarks.report.optional import needed


def write_csv(material: Material, into: Path) -> list[Path]:
    """Write one CSV file for each table; numbers keep all digits."""
    paths = []
    for name, frame in material.tables().items():
        path = into / f"{name}.csv"
        frame.to_csv(path, index=False)
        paths.append(path)
    return paths


def write_parquet(material: Material, into: Path) -> list[Path]:
    """Write one Parquet file for each table."""
    needed("pyarrow", "Parquet")
    paths = []
    for name, frame in material.tables().items():
        path = into / f"{name}.parquet"
        frame.to_parquet(path, index=False)
        paths.append(path)
    return paths
