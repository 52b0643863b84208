"""Where no browser is, its tests say so; where one was promised, they fail, and so does .ci/run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("promised", "code", "outcome"), [("", 0, "1 skipped"), ("required", 1, "1 error")])
def test_missing_browser(promised, code, outcome):
    asked = ["tests/browser/test_page.py::test_links_lead_somewhere", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *asked],
        cwd=ROOT,
        env=os.environ | {"PATH": "/nowhere", "VERSUS_BROWSER": promised},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout
    assert outcome in done.stdout
    assert "needs chromium: apt-get install chromium" in done.stdout
    assert ("The HTML page was not looked at: 1 tests" in done.stdout) == (not promised)


def ci_run(folder, installed, **asked):
    """Run .ci/run as root where these commands work; `make` says what it was told."""
    found = {
        "apt-get": "exit 1",
        "npm": "exit 1",
        "id": "echo 0",
        "make": 'echo "$VERSUS_BROWSER $VERSUS_AXE"',
    }
    for name, does in (found | dict.fromkeys(installed, "exit 0")).items():
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)
    (folder / "dirname").symlink_to(shutil.which("dirname"))
    return subprocess.run(
        [str(shutil.which("bash")), str(ROOT / ".ci" / "run")],
        env={"PATH": str(folder), **asked},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("installed", "optional", "missing"),
    [
        ((), (), "chromium could not be installed, without which the tests in tests/browser are not run"),
        ((), ("VERSUS_AXE",), "chromium could not be installed"),
        (("chromium",), ("VERSUS_BROWSER",), "axe-core could not be installed, without which the tests of"),
    ],
)
def test_ci_fails_where_nobody_looks_at_the_page(tmp_path, installed, optional, missing):
    done = ci_run(tmp_path, installed, **dict.fromkeys(optional, "optional"))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(missing)
    assert not done.stdout


@pytest.mark.parametrize("browser", ["chromium", "chromium-browser"])
def test_ci_requires_what_it_has(tmp_path, browser):
    assert ci_run(tmp_path, (browser, "npm")).stdout == "required required\n"


def test_ci_without_browser_where_it_is_asked_for(tmp_path):
    done = ci_run(tmp_path, (), VERSUS_BROWSER="optional", VERSUS_AXE="optional")
    assert done.returncode == 0
    assert done.stdout == "optional optional\n"
    assert done.stderr.count("could not be installed") == 2
