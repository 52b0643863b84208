"""How fast reports are made and opened, in headless chromium.

    python -m tests.browser.opening --out results/reference/page.json

Makes the pages of the reference run and of 1,000 made-up cases with curves, opens each three times, and
prints seconds and sizes as JSON, and which limits they broke. A page is open once its filters, sorting and
links answer, and used once its first chart, to which it is scrolled at once, is drawn and has followed a
filter.
"""

from __future__ import annotations

import datetime
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks import environment
from benchmarks.report import render
from benchmarks.report.material import gather
from tests import scale

ROOT = Path(__file__).parents[2]
NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
ARGUMENTS = [
    "--no-sandbox",  # root, as in a container, has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIMITS = {
    "the reference run": {"mb": 6.0, "open_seconds": 2.0, "use_seconds": 2.0},
    "1,000 cases": {"mb": 6.0, "render_seconds": 20.0, "open_seconds": 3.0, "use_seconds": 3.0},
}
REPEATS = 3
USE = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  while (!document.documentElement?.dataset.ready) await frame();
  const chart = document.querySelector("main .chart"), box = document.querySelector("input[name=contender]");
  const traces = () => (chart.data ?? []).filter((trace) => trace.visible !== false).length;
  chart.scrollIntoView();
  while (!chart.querySelector(".main-svg .trace")) {
    if (chart.matches(".failed")) throw new Error(chart.textContent);
    await frame();
  }
  const before = traces();
  box.click();
  while (traces() === before) await frame();
  await frame();
  const filtered = getComputedStyle(document.querySelector(`main [data-contender="0"]`)).display === "none";
  if (!filtered) throw new Error("a chart followed the filter, and its tables did not");
  return [Number(document.documentElement.dataset.ready), performance.now()];
}"""
"""Playwright's own way of waiting searches the whole page again and again."""


def chromium() -> str | None:
    """Return the path of the system's browser, if there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def browser() -> Iterator[Any]:
    """Start chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


def opened(running: Any, path: Path) -> tuple[float, float]:
    """Return the seconds from asking for a page until it is open and until it is used."""
    page = running.new_page()
    try:
        page.goto(f"file://{path}", wait_until="commit")
        ready, used = page.evaluate(USE)
        return ready / 1000, used / 1000
    finally:
        page.close()


def measured(running: Any, folder: Path, into: Path) -> dict[str, float]:
    """Return how long a run's page takes to be made and opened, and its size."""
    began = time.monotonic()
    (path,) = render(gather([folder]), into, ["html"], NOW)
    rendered = time.monotonic() - began
    ready, used = zip(*(opened(running, path) for _ in range(REPEATS)), strict=True)
    return {
        "mb": round(path.stat().st_size / 1e6, 2),
        "render_seconds": round(rendered, 1),
        "open_seconds": round(median(ready), 2),
        "use_seconds": round(median(used), 2),
    }


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write the JSON too.")
def main(out: Path | None) -> None:
    """Make and open both pages.

    Exit code 1: a limit was broken.
    """
    with tempfile.TemporaryDirectory() as temporary, browser() as running:
        scale.write(Path(temporary) / "run", 1000)
        pages = {
            "the reference run": measured(running, ROOT / "results" / "reference" / "quick", Path(temporary)),
            "1,000 cases": measured(running, Path(temporary) / "run", Path(temporary)),
        }
    broken = [
        f"{name}: {what} {pages[name][what]} instead of {limit:g}"
        for name, limits in LIMITS.items()
        for what, limit in limits.items()
        if pages[name][what] > limit
    ]
    snapshot = environment.snapshot()
    kept = {name: snapshot[name] for name in ("taken", "git", "machine")}
    text = json.dumps({"pages": pages, "limits": LIMITS, "broken": broken, **kept}, indent=1)
    click.echo(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
