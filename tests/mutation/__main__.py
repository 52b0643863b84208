"""Plant each fault in a copy of the sources and see whether `versus parity` complains of the right thing.

`python -m tests.mutation [--only TEXT] [--chart FILE.svg] [--out FILE.json]` prints a table.

Exit code 1: below 95 %, or interrupted, in which case what is known so far is kept, or a contender draws
complaints with nothing planted: then no complaint would say anything of a fault.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import environment
from implementations import support
from tests.mutation.gate import WITNESS, Complaint, clean

ROOT = Path(__file__).parents[2]
ASKED = 0.95
SECONDS = 900
COLOURS = {
    "named": "#009E73",
    "named by tests": "#56B4E9",
    "caught": "#E69F00",
    "missed": "#D55E00",
}
"""What can become of a fault: `verdict` says when."""


@dataclass(frozen=True)
class Fault:
    """One replacement in one file, and the identities of all complaints that name it."""

    name: str
    backend: str
    file: str
    old: str
    new: str
    expects: tuple[str, ...]

    @property
    def shared(self) -> bool:
        """Whether all contenders have it."""
        return not self.file.startswith(f"implementations/{self.backend.partition('-')[0]}/")


@dataclass
class Outcome:
    """What became of a fault."""

    backend: str
    name: str
    file: str
    result: str
    told: str
    expects: tuple[str, ...]
    complaints: list[str] = field(default_factory=list)
    """Without repetition, each with those that differ."""


def faults(only: str = "") -> list[Fault]:
    """Return the faults whose name, backend or file contains the text, of backends that are installed."""
    found = tomllib.loads((ROOT / "tests/mutation/faults.toml").read_text(encoding="utf-8"))["fault"]
    return [
        Fault(**{**each, "expects": tuple(each["expects"])})
        for each in found
        if only in f"{each['backend']} {each['file']} {each['name']}" and support(each["backend"]).available
    ]


def plant(fault: Fault, folder: Path) -> None:
    """Copy the sources into a folder, with one replacement."""
    for name in ("implementations", "benchmarks", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / fault.file
    source = path.read_text(encoding="utf-8")
    if source.count(fault.old) != 1:
        raise SystemExit(f"{fault.name}: its text stands {source.count(fault.old)} times in {fault.file}")
    path.write_text(source.replace(fault.old, fault.new), encoding="utf-8")


def about(identity: str) -> str:
    """Return what a complaint is about: the element, the training or the network.

    Examples
    --------
    >>> about("optimizer adam weight_decay=0.1 keras constant 100 steps")
    'optimizer adam'
    >>> about("network m perceptrons: predict")
    'network m perceptrons'
    """
    kind, _, rest = identity.partition(" ")
    return f"{kind} {rest.partition(':' if kind == 'network' else ' ')[0]}"


def verdict(expects: Sequence[str], told: Sequence[Complaint]) -> str:
    """Return what has become of a fault.

    A fault is named if everything that it expects is complained of, and if a reader is led there: by the
    first complaint, or because at least half of all complaints are about the same elements. Only where
    `versus parity` says nothing at all do the tests count.

    Examples
    --------
    >>> told = [Complaint("activation relu value", "numpy", "parity")]
    >>> verdict(["activation relu value"], told), verdict(["activation relu gradient"], told)
    ('named', 'caught')
    >>> verdict(["activation relu value"], [])
    'missed'
    """
    if not told:
        return "missed"
    by_parity = [each for each in told if each.by == "parity"]
    identities = list(dict.fromkeys(each.identity for each in by_parity or told))
    if not set(expects) <= set(identities):
        return "caught"
    subjects = {about(each) for each in expects}
    if identities[0] not in expects and 2 * sum(about(each) in subjects for each in identities) < len(
        identities
    ):
        return "caught"
    return "named" if by_parity else "named by tests"


def ask(folder: Path, compilations: Path, *arguments: str) -> None:
    """Run the gate in a process of its own, with the sources of that folder.

    Most of what JAX has compiled for one fault serves the next.
    """
    kept = environment.kept_compilations(compilations)
    subprocess.run(
        [sys.executable, "-c", "from tests.mutation.gate import main; main()", *arguments],
        cwd=folder,
        env={**environment.worker_environment(1), **kept, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )


def outcome(fault: Fault, kept: Path, compilations: Path) -> Outcome:
    """Plant a fault and see what becomes of it, given the folder with the answers of the clean sources."""
    make = partial(Outcome, fault.backend, fault.name, fault.file, expects=fault.expects)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plant(fault, folder)
        try:
            shared = ["shared"] if fault.shared else []
            ask(folder, compilations, "judge", fault.backend, str(kept), "out", *shared)
        except subprocess.TimeoutExpired:
            return make("caught", f"it hangs: no answer within {SECONDS} s")
        except subprocess.CalledProcessError as error:
            return make("caught", f"it does not run: {error.stderr.strip().splitlines()[-1][:80]}")
        told = [Complaint(**each) for each in json.loads((folder / "out").read_text(encoding="utf-8"))]
    differing: dict[str, list[str]] = {}
    for each in told:
        contenders = differing.setdefault(each.identity, [])
        contenders += [each.contender] if each.contender not in contenders else []
    listed = [f"{identity} ({', '.join(contenders)})" for identity, contenders in differing.items()]
    result = verdict(fault.expects, told)
    shown = fault.expects[0] if result.startswith("named") else (listed or [""])[0]
    return make(result, f"{shown}, {len(listed)} in all" if listed else "", complaints=listed)


def run(planted: list[Fault], jobs: int, console: Console) -> list[Outcome]:
    """Plant the faults; return what became of them, of all that were tried before an interruption.

    Raises
    ------
    SystemExit
        If a contender that a fault is meant for is complained of without it.
    """
    needed = {"numpy", *(each.backend for each in planted)}
    needed |= {WITNESS for each in planted if each.backend == "numpy"}
    found: dict[Fault, Outcome] = {}
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(jobs) as pool:
        folder, compilations = Path(name, "answers"), Path(name, "compilations")
        folder.mkdir()
        try:
            asked = [
                pool.submit(ask, ROOT, compilations, "answer", each, str(folder)) for each in sorted(needed)
            ]
            for each in track(as_completed(asked), "the clean sources", len(asked), console=console):
                each.result()
            if told := clean(folder):
                listed = "\n".join(f"  {each.contender}: {each.identity}" for each in told)
                raise SystemExit(
                    "expected: no complaint before a fault is planted, or no verdict means anything\n"
                    f"got, on this machine:\n{listed}\n"
                    "mend or explain these first (`benchmarks/deviations/`), or leave them out with --only"
                )
            pending = {pool.submit(outcome, fault, folder, compilations): fault for fault in planted}
            for done in track(as_completed(pending), "planting faults", len(pending), console=console):
                found[pending[done]] = done.result()
                console.print(f"{found[pending[done]].result}: {pending[done].backend}, {pending[done].name}")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            console.print(f"interrupted: {len(planted) - len(found)} faults were not tried")
    return [found[fault] for fault in planted if fault in found]


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return how many faults were planted, and what became of them, by backend and in all."""
    groups: dict[str, Counter[str]] = {}
    for each in outcomes:
        groups.setdefault(each.backend, Counter())[each.result] += 1
    counts = Counter(each.result for each in outcomes)
    named = counts["named"] + counts["named by tests"]
    return {
        "planted": len(outcomes),
        "share": named / len(outcomes) if outcomes else 0.0,
        "results": {result: counts[result] for result in COLOURS},
        "backends": {name: {result: group[result] for result in COLOURS} for name, group in groups.items()},
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="", help="plant only faults with this in backend, file or name")
    parser.add_argument("--chart", type=Path, help="also write the shares as a picture")
    parser.add_argument("--out", type=Path, help="also write everything as JSON")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="faults planted side by side")
    options = parser.parse_args()
    planted, console = faults(options.only), Console()
    outcomes = run(planted, options.jobs, Console(stderr=True))
    table = Table("backend", "fault", "result", "complaint", title="planted faults")
    for each in outcomes:
        table.add_row(each.backend, each.name, each.result, each.told)
    console.print(table)
    told = summary(outcomes)
    console.print(
        f"{told['planted']} of {len(planted)} faults planted, {told['share']:.0%} caught and named: "
        + ", ".join(f"{count} {result}" for result, count in told["results"].items())
    )
    if options.out:
        snapshot = environment.snapshot()
        document = {
            **told,
            **{name: snapshot[name] for name in ("taken", "git", "machine")},
            "faults": [asdict(each) for each in outcomes],
        }
        options.out.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.chart:
        chart(options.chart, told)
    sys.exit(0 if told["share"] >= ASKED and len(outcomes) == len(planted) else 1)


def chart(path: Path, told: dict[str, Any]) -> None:
    """Draw what became of the faults of each backend."""
    from matplotlib import pyplot as plt

    groups: dict[str, dict[str, int]] = told["backends"]
    figure, axes = plt.subplots(figsize=(7, 0.45 * len(groups) + 1.2))
    left: Any = [0] * len(groups)
    for result, colour in COLOURS.items():
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
