"""One process for each backend, all started at once when the first test asks."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.environment import kept_compilations, worker_environment
from implementations import backend_names, load_backend, support
from tests.conformance.probe import Answers, answers

ROOT = Path(__file__).parents[2]
SECONDS = 900
WRITE = "from tests.conformance.probe import write; write()"


def environment(config: pytest.Config) -> dict[str, str]:
    """Return the variables of one thread and, where pytest has a cache, of JAX's compilations kept there.

    JAX compiles 900 small programs for these tests, which takes a minute, and reads them back in seconds.
    """
    variables = dict(worker_environment(1))
    if config.pluginmanager.has_plugin("cacheprovider"):
        variables |= kept_compilations(Path(config.cache.mkdir("jax-compilations")))
    return variables


@pytest.fixture(scope="session")
def asked(request, tmp_path_factory):
    """Return the processes that are computing the answers of each installed backend."""
    folder = tmp_path_factory.mktemp("answers")
    variables = environment(request.config)
    started = {}
    for name in backend_names():
        if name == "numpy" or not support(name).available:
            continue
        out = folder / name
        with (folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", WRITE, name, str(out)],
                cwd=ROOT,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started[name] = process, out
    yield started
    for process, _ in started.values():
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def reference() -> Answers:
    return answers(load_backend("numpy"))


@pytest.fixture(scope="session")
def computed(asked, reference):
    """Return a function from a backend's name to its answers."""
    read: dict[str, Answers] = {"numpy": reference}

    def of(name: str) -> Answers:
        if not support(name).available:
            pytest.skip(support(name).reason)
        if name not in read:
            process, out = asked[name]
            assert process.wait(SECONDS) == 0, out.with_suffix(".log").read_text()[-3000:]
            read[name] = pickle.loads(out.read_bytes())
        return read[name]

    return of
