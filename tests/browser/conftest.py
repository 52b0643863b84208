"""Pages in a real browser: Debian's chromium, driven by Playwright; nothing is downloaded.

Without chromium, Playwright or axe-core these tests skip, and say so once more at the end.
VERSUS_BROWSER=required and VERSUS_AXE=required make them fail instead; .ci/run sets these, or itself fails,
unless it is told VERSUS_BROWSER=optional and VERSUS_AXE=optional.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from benchmarks.report import html
from benchmarks.report.material import gather, of
from tests import synthetic_run
from tests.browser import opening
from tests.browser.opening import NOW, ROOT

AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def browser():
    if importlib.util.find_spec("playwright") is None:
        _missing("VERSUS_BROWSER", 'needs playwright: pip install -e ".[dev]"')
    if opening.chromium() is None:
        _missing("VERSUS_BROWSER", "needs chromium: apt-get install chromium, as .ci/run does where it may")
    with opening.browser() as running:
        yield running


@pytest.fixture(scope="session")
def axe():
    if not AXE.exists():
        _missing("VERSUS_AXE", "needs axe-core: npm ci --prefix tests/browser, as .ci/run does where npm is")
    return AXE.read_text(encoding="utf-8")


def _missing(variable, reason):
    if os.environ.get(variable) == "required":
        pytest.fail(f"{variable}=required, but this test {reason}", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter):
    skipped = [each for each in terminalreporter.stats.get("skipped", []) if "tests/browser/" in each.nodeid]
    for reason in dict.fromkeys(each.longrepr[2] for each in skipped):
        count = sum(each.longrepr[2] == reason for each in skipped)
        terminalreporter.write_line(
            f"The HTML page was not looked at: {count} tests in tests/browser {reason.lower()}", yellow=True
        )


@pytest.fixture(scope="session")
def reference_page(tmp_path_factory):
    """The page of the committed run, with all five contenders."""
    return html.write(
        gather([ROOT / "results" / "reference" / "quick"]), tmp_path_factory.mktemp("page"), NOW
    )


@pytest.fixture(scope="session")
def made_up_page(tmp_path_factory):
    """A page with every measure on it."""
    folder = tmp_path_factory.mktemp("page")
    return html.write(of(synthetic_run.write_everything(folder / "run")), folder, NOW)


@pytest.fixture(scope="session")
def page_of_two_runs(tmp_path_factory):
    """A page of two runs, the second of which is slower and has another memory."""
    folder = tmp_path_factory.mktemp("page")
    one, other = synthetic_run.write(folder / "one"), synthetic_run.write(folder / "other", slower=2.0)
    grown = synthetic_run.memory().model_copy(update={"peak_bytes": {"train": 10**9}})
    other.write(synthetic_run.record(grown, "torch"))
    return html.write(gather([one.folder, other.folder]), folder, NOW)


@pytest.fixture(scope="session")
def page_of_places(tmp_path_factory):
    """A page of two thread tracks, two devices, two tiers and a grid, on which all contenders tie."""
    folder = tmp_path_factory.mktemp("page")
    return html.write(of(synthetic_run.write_places(folder / "run")), folder, NOW)


@pytest.fixture
def visit(browser):
    """Open a page and return it with everything that went wrong or left the file."""
    opened = []

    def open_page(path: Path, fragment: str = "", **context):
        inside = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context})
        opened.append(inside)
        page = inside.new_page()
        page.troubles = []
        page.on("console", lambda said: page.troubles.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: page.troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: page.troubles.append(f"dialog: {dialog.message}"))
        page.on(
            "request",
            lambda asked: (
                asked.url.startswith(("file:", "blob:", "data:")) or page.troubles.append(asked.url)
            ),
        )
        page.goto(f"file://{path}{fragment}")
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    yield open_page
    for each in opened:
        each.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory):
    """Folder for screenshots; SCREENSHOTS=FOLDER keeps them for a look."""
    kept = os.environ.get("SCREENSHOTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
