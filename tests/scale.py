"""The harness itself at size: many made-up records, written, loaded, compared and rendered.

    python -m tests.scale --records 10000 --out results/reference/scale.json

Prints seconds and peak memory of each command, each in a process of its own, as JSON, and which limits they
broke.
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

from benchmarks import environment
from benchmarks.store import RunStore
from tests import synthetic_run

EPOCHS = 30
LOOK_SECONDS = 0.02
LIMITS = {"report": 20.0, "compare": 5.0}
"""Seconds for 10,000 records."""
MOST_MB = 1000


def write(folder: Path, records: int) -> None:
    """Write a run with that many records, a quarter of them with curves of thirty epochs."""
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


def broken(commands: dict[str, dict[str, float | int]]) -> list[str]:
    """Return which limits the commands did not keep to."""
    found = [f"{name}: exit code {each['exit_code']}" for name, each in commands.items() if each["exit_code"]]
    found += [
        f"{name}: {commands[name]['seconds']} s instead of {limit:g}"
        for name, limit in LIMITS.items()
        if commands[name]["seconds"] > limit
    ]
    return found + [
        f"{name}: {each['peak_mb']} MB instead of {MOST_MB}"
        for name, each in commands.items()
        if each["peak_mb"] > MOST_MB
    ]


@click.command()
@click.option("--records", default=10_000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the JSON too.")
def main(records: int, out: Path | None) -> None:
    """Write, report and compare that many records.

    Exit code 1: a command failed, or took more time or memory than it may.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in ("before", "after"):
            write(folder / name, records)
        commands = {
            "report": run("report", str(folder / "after")),
            "compare": run("compare", str(folder / "before"), str(folder / "after"), "--json"),
        }
        page_mb = (folder / "after" / "report.html").stat().st_size / 1e6
    snapshot = environment.snapshot()
    found = {
        "records": records,
        "commands": commands,
        "report_html_mb": round(page_mb, 1),
        "broken": broken(commands),
        **{name: snapshot[name] for name in ("taken", "git", "machine")},
    }
    text = json.dumps(found, indent=1)
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    sys.exit(bool(found["broken"]))


if __name__ == "__main__":
    main()
