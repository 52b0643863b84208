"""Plant each fault in a copy of the sources and see whether the parity gate catches and names it.

`python -m tests.mutation [--only TEXT] [--chart FILE.svg]` prints a table; exit code 1 below 95 %.
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.environment import worker_environment
from benchmarks.measures import elements
from implementations import load_backend, support
from tests.mutation import gate

ROOT = Path(__file__).parents[2]
ASKED = 0.95
SECONDS = 300
Fault = dict[str, str]


def faults(only: str = "") -> list[Fault]:
    """Return the faults whose name, backend or file contains the text, of backends that are installed."""
    found: list[Fault] = tomllib.loads((ROOT / "tests/mutation/faults.toml").read_text())["fault"]
    return [
        each
        for each in found
        if only in f"{each['backend']} {each['file']} {each['name']}" and support(each["backend"]).available
    ]


def plant(fault: Fault, folder: Path) -> None:
    """Copy the sources into a folder, with one replacement."""
    for name in ("implementations", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / fault["file"]
    source = path.read_text(encoding="utf-8")
    if source.count(fault["old"]) != 1:
        raise SystemExit(
            f"{fault['name']}: its text stands {source.count(fault['old'])} times in {fault['file']}"
        )
    path.write_text(source.replace(fault["old"], fault["new"]), encoding="utf-8")


def caught(fault: Fault, expected: elements.Reference, reference: gate.Answers) -> tuple[str, str]:
    """Return `named`, `caught` or `missed`, and the first complaint that fits."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plant(fault, folder)
        done = subprocess.run(
            [sys.executable, "-c", "from tests.mutation.gate import write; write()", fault["backend"], "out"],
            cwd=folder,
            env={**worker_environment(1), "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            return "caught", f"it does not run: {done.stderr.strip().splitlines()[-1][:80]}"
        found = pickle.loads((folder / "out").read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = gate.complaints(fault["backend"], expected, reference, found)
    fitting = [each for each in told if fault["expects"] in each]
    if fitting:
        return "named", f"{fitting[0]} ({len(told)} complaints)"
    return ("caught", told[0]) if told else ("missed", "")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="", help="plant only faults with this in backend, file or name")
    parser.add_argument("--chart", type=Path, help="also write the shares as a picture")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="faults planted side by side")
    options = parser.parse_args()
    planted, console = faults(options.only), Console()
    backend = load_backend("numpy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = elements.expect({"backend": backend}, lambda: None)
        reference = gate.answers(backend)
    with ThreadPoolExecutor(options.jobs) as pool:
        pending = pool.map(lambda each: caught(each, expected, reference), planted)
        results = list(track(pending, "planting faults", len(planted), console=Console(stderr=True)))
    table = Table("backend", "fault", "result", "the gate says", title="planted faults")
    for fault, (result, told) in zip(planted, results, strict=True):
        table.add_row(fault["backend"], fault["name"], result, told)
    console.print(table)
    counts = Counter(result for result, _ in results)
    share = counts["named"] / len(planted) if planted else 0.0
    console.print(
        f"{counts['named']} of {len(planted)} faults caught and named ({share:.0%}), {dict(counts)}"
    )
    if options.chart:
        chart(options.chart, planted, results)
    sys.exit(0 if share >= ASKED else 1)


def chart(path: Path, planted: list[Fault], results: list[tuple[str, str]]) -> None:
    """Draw how many faults of each backend and file were named, caught otherwise, or missed."""
    from matplotlib import pyplot as plt

    groups: dict[str, Counter[str]] = {}
    for fault, (result, _) in zip(planted, results, strict=True):
        groups.setdefault(f"{fault['backend']} {Path(fault['file']).stem}", Counter())[result] += 1
    figure, axes = plt.subplots(figsize=(7, 0.35 * len(groups) + 1))
    left: Any = [0] * len(groups)
    for result, colour in (("named", "#009E73"), ("caught", "#E69F00"), ("missed", "#D55E00")):
        widths = [counts[result] for counts in groups.values()]
        axes.barh(list(groups), widths, left=left, color=colour, label=result)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("planted faults")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


if __name__ == "__main__":
    main()
