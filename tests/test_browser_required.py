"""Where no browser is, its tests say so; where one was promised, they fail."""

from __future__ import annotations

import os
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
