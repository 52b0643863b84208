"""The doors that only a running process shows: what an import loads, and what works without a framework."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")
HEAVY = (*FRAMEWORKS, "numpy", "pandas", "scipy", "sklearn", "pydantic", "plotly", "pyarrow", "rich")
READ_SIDE = ("result", "store", "stats", "units", "compare", "findings", "report")
RUN_SIDE = ("worker", "runner", "measures", "suite", "datasets")
BACKENDS = {
    "numpy": "numpy",
    "torch": "torch",
    "tensorflow": "tensorflow",
    "keras": "keras",
}


def loaded_by(code: str, *, blocked: tuple[str, ...] = ()) -> set[str]:
    """Return the names of all modules in a fresh interpreter after `code`; importing `blocked` ones fails."""
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n{code}\n"
        "print(*(name for name, module in sys.modules.items() if module is not None))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def modules_of(package: str) -> list[str]:
    """Return a package's own modules as dotted names, without those that pytest collects."""
    paths = (ROOT / package).rglob("*.py")
    names = (path.relative_to(ROOT).with_suffix("") for path in paths if not path.name.startswith("test_"))
    return sorted(".".join(name.parts).removesuffix(".__init__") for name in names)


def test_command_starts_without_anything_heavy():
    assert not loaded_by("import benchmarks.cli") & set(HEAVY)


def test_help_needs_nothing_heavy():
    """Blocking is stricter than timing and holds on a slow machine."""
    loaded_by(
        "from click.testing import CliRunner; from benchmarks.cli import main\n"
        "result = CliRunner().invoke(main, ['--help'])\n"
        "assert result.exit_code == 0, (result.output, result.exception)",
        blocked=HEAVY,
    )


@pytest.mark.parametrize("name", READ_SIDE)
def test_read_side_lives_without_frameworks_and_run_side(name):
    run_side = tuple(f"benchmarks.{module}" for module in RUN_SIDE)
    backends = tuple(f"implementations.{backend}" for backend in BACKENDS)
    modules = [
        module for module in modules_of("benchmarks") if f"{module}.".startswith(f"benchmarks.{name}.")
    ]
    assert modules
    loaded_by(f"import {', '.join(modules)}", blocked=(*FRAMEWORKS, *run_side, *backends))


def test_parent_process_loads_no_framework():
    loaded = loaded_by("import benchmarks.runner, benchmarks.environment, benchmarks.suite")
    assert not loaded & set(FRAMEWORKS)


def test_contract_loads_no_framework():
    loaded = loaded_by("import implementations; implementations.backend_names()", blocked=FRAMEWORKS)
    assert "implementations" in loaded


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_loads_no_other_backend(backend):
    if importlib.util.find_spec(BACKENDS[backend]) is None:
        pytest.skip(f"{backend} is not installed: pip install 'nn-versus[{backend}]'")
    others = {f"implementations.{other}" for other in BACKENDS if other != backend}
    loaded = loaded_by(f"import implementations.{backend}")
    assert not loaded & (others | {"benchmarks"})


def test_numpy_backend_needs_no_framework():
    modules = modules_of("implementations/numpy")
    assert modules
    loaded_by(f"import {', '.join(modules)}", blocked=FRAMEWORKS)


def test_torch_backend_needs_no_other_framework():
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: pip install 'nn-versus[torch]'")
    modules = modules_of("implementations/torch")
    assert modules
    loaded_by(f"import {', '.join(modules)}", blocked=("tensorflow", "keras", "jax"))


def test_tensorflow_backend_needs_no_keras():
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow is not installed: pip install 'nn-versus[tensorflow]'")
    modules = modules_of("implementations/tensorflow")
    assert modules
    loaded_by(f"import {', '.join(modules)}", blocked=("torch", "keras", "jax"))
