"""Kill a run or one of its workers again and again, take it up each time, and count what was lost.

python -m tests.survival --kills 200
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import click
import psutil

from benchmarks.runner import is_final
from benchmarks.store import RunStore, runs_in
from tests import small_suite

LONGEST = 6.0
"""Seconds after which the last kill of a try comes."""
LEFT_BEHIND = 3.0
"""Seconds that workers may outlive their parent."""


@dataclass
class Tally:
    """What was seen over all tries."""

    kills: dict[str, int] = field(default_factory=lambda: {"run": 0, "worker": 0})
    runs: int = 0
    lost: int = 0
    repeated: int = 0
    unfinished: int = 0
    orphans: int = 0


def try_once(folder: Path, chance: random.Random, tally: Tally, kills: int) -> None:
    """Start a run, kill and resume it until it ends by itself; compare what it has with what it had."""
    suite = folder / "small.toml"
    suite.write_text(small_suite.TEXT)
    kept: dict[str, str] = {}
    tally.runs += 1
    while True:
        found = runs_in(folder / "results")
        arguments = ["--resume", found[-1].name] if found else [str(suite)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.cli", "run", *arguments, f"--results={folder / 'results'}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if sum(tally.kills.values()) < kills:
            disturb(process, chance, tally)
        process.wait()
        found = runs_in(folder / "results")
        if not found:
            continue
        store = RunStore.open(found[-1])
        now = {record.case.id: record for record in store.records()[0]}
        for case, text in kept.items():
            tally.lost += case not in now
            tally.repeated += case in now and now[case].model_dump_json() != text
        kept = {case: record.model_dump_json() for case, record in now.items() if is_final(record)}
        if store.manifest.outcome == "finished" and process.returncode == 0:
            tally.unfinished += len(kept) != len(list((found[-1] / "records").glob("[!.]*.json")))
            tally.unfinished += {record.case.measure for record in now.values()} != MEASURES
            return


MEASURES = {"card", "parity", "curves", "speed", "memory"}


def disturb(process: subprocess.Popen[bytes], chance: random.Random, tally: Tally) -> None:
    """Kill the run or one of its workers at a random moment, unless it has ended before."""
    try:
        process.wait(chance.uniform(0.1, LONGEST))
    except subprocess.TimeoutExpired:
        workers = psutil.Process(process.pid).children(recursive=True)
        victim = chance.choice(["run", "worker"]) if workers else "run"
        try:
            if victim == "worker":
                chance.choice(workers).kill()
            else:
                process.kill()
                tally.orphans += len(psutil.wait_procs(workers, timeout=LEFT_BEHIND)[1])
            tally.kills[victim] += 1
        except psutil.NoSuchProcess:
            return  # it had ended meanwhile: no kill


@click.command()
@click.option("--kills", default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(kills: int, seed: int) -> None:
    """Kill runs and workers so many times and print what was lost, as JSON."""
    tally, chance, began = Tally(), random.Random(seed), time.monotonic()
    while sum(tally.kills.values()) < kills:
        with tempfile.TemporaryDirectory() as folder:
            try_once(Path(folder), chance, tally, kills)
        click.echo(f"{sum(tally.kills.values())} kills", err=True)
    click.echo(json.dumps({**vars(tally), "seconds": round(time.monotonic() - began)}))
    sys.exit(bool(tally.lost or tally.repeated or tally.unfinished or tally.orphans))


if __name__ == "__main__":
    main()
