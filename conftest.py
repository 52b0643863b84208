"""What pytest collects: tests and doctests, or, with `--benchmark`, the benchmark cases and nothing else."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent
BENCHMARKS = ROOT / "benchmarks"
BACKENDS = ROOT / "implementations"
FRAMEWORK_FOLDERS = ("torch", "jax", "tensorflow", "keras", "processes")
FOLDERS_WITH_FIXTURES = ("tests/conformance/", "tests/browser/")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--benchmark",
        action="store_true",
        help="run the benchmark cases (benchmarks/test_*.py) instead of the tests",
    )
    parser.addoption(
        "--suite",
        default="quick",
        help="with --benchmark: the suite to run, by name or path (default: quick)",
    )


def pytest_configure(config: pytest.Config) -> None:
    # pytest-benchmark measures nothing where it sees this, and some tests start processes in which it has to
    if worker := os.environ.pop("PYTEST_XDIST_WORKER", None):
        # runs of one user wait for each other, which two processes of tests need not
        os.environ["LOGNAME"] = f"{getpass.getuser()}-{worker}"
    if config.getoption("--benchmark"):
        config.option.doctestmodules = False
        return
    for path in _named_on_command_line(config):
        if _holds_benchmarks(path):
            raise pytest.UsageError(
                f"{path.relative_to(ROOT)}: expected a test, got a file of benchmark cases; add --benchmark"
            )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if config.getoption("--benchmark"):
        on_the_way = collection_path in (ROOT, BENCHMARKS)
        return None if on_the_way or _holds_benchmarks(collection_path) else True
    if _holds_benchmarks(collection_path) or _reads_framework_unasked(collection_path, config):
        return True
    return None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return one process more than usual for `auto`: many tests wait for what they have started."""
    from xdist.plugin import pytest_xdist_auto_num_workers as usual

    if config.option.numprocesses != "auto" or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return usual(config) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal the tests out to processes by file, and what shares costly fixtures to one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFixtures(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return next((folder for folder in FOLDERS_WITH_FIXTURES if file.startswith(folder)), file)

    return ByFixtures(config, log)


def _named_on_command_line(config: pytest.Config) -> list[Path]:
    return [config.invocation_params.dir / str(argument).split("::")[0] for argument in config.args]


def _holds_benchmarks(path: Path) -> bool:
    return path.parent == BENCHMARKS and path.match("test_*.py")


def _reads_framework_unasked(path: Path, config: pytest.Config) -> bool:
    """Whether reading this file's doctests would import a framework that is not asked for.

    A process holds one framework, and Keras holds one runtime, so `tests/test_doctests.py` reads each of
    these folders in a process of its own by naming it: `pytest implementations/torch`.
    """
    for name in FRAMEWORK_FOLDERS:
        folder = BACKENDS / name
        if folder not in (path, *path.parents):
            continue
        named = any(folder in (argument, *argument.parents) for argument in _named_on_command_line(config))
        # "tensorflow" is what Keras itself falls back to.
        runtimes = ("__init__", os.environ.get("KERAS_BACKEND", "tensorflow"))
        return not named or (path.parent.name == "runtimes" and path.stem not in runtimes)
    return False
