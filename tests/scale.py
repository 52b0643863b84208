"""The harness itself at size: many made-up records, written, loaded, compared and rendered.

    python -m tests.scale --records 10000

Prints seconds and peak memory of each command, each in a process of its own, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import psutil

from benchmarks.store import RunStore
from tests import synthetic_run

EPOCHS = 30
LOOK_SECONDS = 0.02


def write(folder: Path, records: int) -> None:
    """Write a run with that many records, a fifth of them with curves of thirty epochs."""
    measures = 4 * len(synthetic_run.CONTENDERS)
    names = [f"workload-{number}" for number in range(-(-records // measures))]
    settings = {"device": "cpu", "threads": 1, "workloads": [{"name": name} for name in names]}
    RunStore.create(folder, synthetic_run.manifest(folder.name, settings=settings))
    fall = [2.0 / (1 + epoch) for epoch in range(EPOCHS)]
    rise = [1 - value / 2 for value in fall]
    accuracies = {"train_accuracy": rise, "validation_accuracy": rise}
    learned = synthetic_run.curves().model_copy(
        update={"curves": [synthetic_run.curve(seed, losses=tuple(fall), **accuracies) for seed in range(3)]}
    )
    for name in names:
        for number, contender in enumerate(synthetic_run.CONTENDERS):
            for data in (
                synthetic_run.parity(),
                learned,
                synthetic_run.speed(synthetic_run.SECONDS[contender], seed=number),
                synthetic_run.memory(),
            ):
                record = synthetic_run.record(data, contender, name)
                path = folder / "records" / f"{record.case.id}.json"
                path.write_text(record.model_dump_json())  # without flushing each to the disk


def run(*arguments: str) -> dict[str, float | int]:
    """Run a command; return its seconds, its peak of resident memory in MB, and its exit code."""
    began, peak = time.monotonic(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.cli", *arguments], stdout=subprocess.DEVNULL
    )
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(LOOK_SECONDS)
    code = process.wait()
    return {"seconds": round(time.monotonic() - began, 1), "peak_mb": peak // 10**6, "exit_code": code}


@click.command()
@click.option("--records", default=10_000, show_default=True)
def main(records: int) -> None:
    """Write, report and compare that many records."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("before", "after"):
            write(folder / name, records)
        found = {
            "records": records,
            "report": run("report", str(folder / "after")),
            "report html only": run("report", str(folder / "after"), "--format", "html"),
            "compare": run("compare", str(folder / "before"), str(folder / "after"), "--json"),
        }
        found["report.html MB"] = (folder / "after" / "report.html").stat().st_size / 1e6
    click.echo(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
