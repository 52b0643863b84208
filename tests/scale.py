"""The harness itself at size: many made-up records, loaded, compared and rendered; the longest timing.

    python -m tests.scale --records 10000 --out results/reference/scale.json

Prints seconds and peak memory of each command, each in a process of its own, as JSON, and which limits they
broke.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks import environment
from benchmarks.store import RunStore
from tests import synthetic_run

EPOCHS = 30
LOOK_SECONDS = 0.02
LIMITS = {"report": 20.0, "compare": 5.0}
"""Seconds for 10,000 records."""
MOST_MB = 1000
RUNS = ("before", "after")
LONGEST = ("speed", "rigorous")
"""Suite and preset of the longest timing."""
MOST_LEADING_MB = 150
"""Of the process that leads it."""


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


def run(module: str, *arguments: str) -> dict[str, float | int]:
    """Run a module; return its seconds, its peak of resident memory in MB, and its exit code."""
    began, peak = time.monotonic(), 0
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, _peak_kib(process.pid))
        time.sleep(LOOK_SECONDS)
    return {
        "seconds": round(time.monotonic() - began, 1),
        "peak_mb": peak * 1024 // 10**6,
        "exit_code": process.returncode,
    }


def _peak_kib(process: int) -> int:
    """Return the peak of its memory so far; what `wait4` tells would have that of its parent in it."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has just ended
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


def broken(commands: dict[str, dict[str, float | int]], leading: dict[str, float | int]) -> list[str]:
    """Return which limits the commands, and the process that leads a timing, did not keep to."""
    found = [f"{name}: exit code {each['exit_code']}" for name, each in commands.items() if each["exit_code"]]
    found += [
        f"{name}: {commands[name]['seconds']} s instead of {limit:g}"
        for name, limit in LIMITS.items()
        if commands[name]["seconds"] > limit
    ]
    found += [
        f"{name}: {each['peak_mb']} MB instead of {MOST_MB}"
        for name, each in commands.items()
        if each["peak_mb"] > MOST_MB
    ]
    if leading["exit_code"]:
        found.append(f"leading a timing: exit code {leading['exit_code']}")
    if leading["peak_mb"] > MOST_LEADING_MB:
        found.append(f"leading a timing: {leading['peak_mb']} MB instead of {MOST_LEADING_MB}")
    return found


@click.command()
@click.option("--records", default=10_000, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the JSON too.")
def main(records: int, out: Path | None) -> None:
    """Write, report and compare that many records, and lead the longest timing.

    Exit code 1: a command failed, or took more time or memory than it may.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in RUNS:
            write(folder / name, records)
        commands = {
            "report": run("benchmarks.cli", "report", str(folder / "after")),
            "compare": run("benchmarks.cli", "compare", *(str(folder / name) for name in RUNS), "--json"),
        }
        run_mb = sum(path.stat().st_size for path in (folder / "before" / "records").iterdir()) / 1e6
        page_mb = (folder / "after" / "report.html").stat().st_size / 1e6
    leading = run("tests.long_timing", *LONGEST)
    snapshot = environment.snapshot()
    found = {
        "records": records,
        "commands": commands,
        "leading": {"suite": LONGEST[0], "preset": LONGEST[1], **leading},
        "run_mb": round(run_mb, 1),
        "report_html_mb": round(page_mb, 1),
        "broken": broken(commands, leading),
        **{name: snapshot[name] for name in ("taken", "git", "machine")},
    }
    text = json.dumps(found, indent=1)
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    sys.exit(bool(found["broken"]))


if __name__ == "__main__":
    main()
