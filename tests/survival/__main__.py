"""Kill a run or one of its workers again and again, take it up each time, and count what was lost.

python -m tests.survival --kills 200 --out results/reference/survival.json
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from threading import Lock
from typing import Literal

import click
import psutil

from benchmarks import environment
from benchmarks.keeping import is_final
from benchmarks.result import Record
from benchmarks.store import RunStore, runs_in
from tests import small_suite

LONGEST = 10.0
"""Seconds after which the last kill of a try comes."""
LEFT_BEHIND = 3.0
"""Seconds that workers may outlive their parent."""
MOST_RESUMES = 40
"""Resumes after which a run is given up: more than it can have kills by far."""
LONGEST_RUN = 600.0
"""Seconds after which a run that does not end is given up."""
Victim = Literal["run", "worker"]
MEASURES = {"card", "parity", "curves", "speed", "memory"}


@dataclass
class Tally:
    """What was seen over all tries."""

    kills: dict[str, int] = field(default_factory=lambda: {"run": 0, "worker": 0})
    """Those that met a run with a folder: before that there is nothing to be lost."""
    runs: int = 0
    resumes: int = 0
    resumes_that_failed: int = 0
    """Only a worker was killed, or nothing, and yet the run did not come to its end."""
    given_up: int = 0
    lost: int = 0
    repeated: int = 0
    unpaired_blocks: int = 0
    """Blocks of timing that one contender has and another has not, nor says why."""
    unfinished: int = 0
    orphans: int = 0

    def add(self, other: Tally) -> None:
        """Count what another tally has seen too."""
        for each in fields(self):
            if each.name != "kills":
                setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        for victim, count in other.kills.items():
            self.kills[victim] += count

    @property
    def total(self) -> int:
        """How often something was killed."""
        return sum(self.kills.values())

    @property
    def passed(self) -> bool:
        """Whether everything survived."""
        bad = self.resumes_that_failed, self.given_up, self.lost, self.repeated, self.unpaired_blocks
        return not any((*bad, self.unfinished, self.orphans))


def unpaired_blocks(records: Sequence[Record]) -> int:
    """Return how many blocks of timing some contender lacks without a word."""
    times = [record.data for record in records if record.data and record.data.measure == "speed"]
    every = {block.index for data in times for block in data.blocks}
    return sum(len(every) - len(data.blocks) - len(data.lost_blocks) for data in times)


def changed(kept: Mapping[str, str], records: Sequence[Record]) -> tuple[int, int]:
    """Return how many of the finished records that were kept are gone, and how many have another text."""
    now = {record.case.id: record.model_dump_json() for record in records}
    lost = sum(case not in now for case in kept)
    return lost, sum(now.get(case, text) != text for case, text in kept.items())


def is_whole(records: Sequence[Record], contenders: Sequence[str]) -> bool:
    """Return whether every contender has a finished record of every measure, and there are no others."""
    have = {(record.case.contender, record.case.measure) for record in records if is_final(record)}
    wanted = {(name, measure) for name in contenders for measure in MEASURES}
    return have == wanted and len(records) == len(wanted)


def try_once(folder: Path, chance: random.Random, tally: Tally, kills: int, user: str) -> None:
    """Start a run, kill and resume it until it ends by itself; compare what it has with what it had.

    Parameters
    ----------
    user
        Whose run it is: those of one user wait for each other.
    """
    suite, results = folder / "small.toml", folder / "results"
    suite.write_text(small_suite.PAIR)
    kept: dict[str, str] = {}
    tally.runs += 1
    for resumes in range(MOST_RESUMES + 1):
        found = runs_in(results)
        tally.resumes += bool(found)
        arguments = ["--resume", found[-1].name] if found else [str(suite)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.cli", "run", *arguments, f"--results={results}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LOGNAME": user},
        )
        killed = None
        if tally.total < kills and resumes < MOST_RESUMES // 2:
            killed = disturb(process, results, chance, tally)
        try:
            process.wait(LONGEST_RUN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        found = runs_in(results)
        if not found:
            tally.resumes_that_failed += killed != "run"
            continue
        store = RunStore.open(found[-1])
        records, damaged = store.records()
        lost, repeated = changed(kept, records)
        tally.lost += lost
        tally.repeated += repeated
        kept = {record.case.id: record.model_dump_json() for record in records if is_final(record)}
        if store.manifest.outcome == "finished" and process.returncode == 0:
            tally.unpaired_blocks += unpaired_blocks(records)
            tally.unfinished += bool(damaged) or not is_whole(records, store.manifest.contenders)
            return
        tally.resumes_that_failed += killed != "run"
    tally.given_up += 1


def disturb(
    process: subprocess.Popen[bytes], results: Path, chance: random.Random, tally: Tally
) -> Victim | None:
    """Kill the run or one of its workers at a random moment; return which, if it had not ended before."""
    try:
        process.wait(chance.uniform(0.1, LONGEST))
    except subprocess.TimeoutExpired:
        workers = psutil.Process(process.pid).children(recursive=True)
        victims: tuple[Victim, ...] = ("run", "worker") if workers else ("run",)
        victim = chance.choice(victims)
        begun = bool(runs_in(results))
        try:
            if victim == "worker":
                chance.choice(workers).kill()
            else:
                process.kill()
                tally.orphans += len(psutil.wait_procs(workers, timeout=LEFT_BEHIND)[1])
            tally.kills[victim] += begun
        except psutil.NoSuchProcess:
            return None  # it had ended meanwhile: no kill
        return victim
    return None


@click.command()
@click.option("--kills", default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--jobs", default=os.cpu_count(), show_default="one for each core", help="Runs side by side.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the JSON too.")
def main(kills: int, seed: int, jobs: int, out: Path | None) -> None:
    """Kill runs and workers so many times and print what was lost, as JSON.

    Exit code 1: something was lost, repeated or left behind, or a run could not be brought to its end.
    """
    tally, tries, counted, began = Tally(), itertools.count(), Lock(), time.monotonic()

    def go_on(job: int) -> None:
        while tally.total < kills:
            own = Tally()
            with tempfile.TemporaryDirectory() as folder:
                chance = random.Random(f"{seed} try {next(tries)}")
                try_once(Path(folder), chance, own, kills - tally.total, f"survival-{job}")
            with counted:
                tally.add(own)
                click.echo(f"{tally.total} kills", err=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(go_on, range(jobs)))
    snapshot = environment.snapshot()
    found = {
        **asdict(tally),
        "passed": tally.passed,
        "contenders": ["numpy", small_suite.SECOND],
        "seed": seed,
        "seconds": round(time.monotonic() - began),
        "taken": snapshot["taken"],
        "git": snapshot["git"],
        "machine": snapshot["machine"],
    }
    text = json.dumps(found, indent=1)
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    sys.exit(not tally.passed)


if __name__ == "__main__":
    main()
