"""The backends' files read like a parallel text: same files, same functions, same order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from implementations import catalog

ROOT = Path(__file__).parents[2] / "implementations"
BACKENDS = sorted(path.parent.name for path in ROOT.glob("*/backend.py"))
SIGNATURES = {
    "activations": ["x"],
    "losses": ["targets", "predictions"],
}
"""Positional parameters of the elements; optimizers and schedules take what their framework needs."""
ELEMENTS = {
    "activations": catalog.ACTIVATIONS,
    "losses": catalog.LOSSES,
    "optimizers": catalog.OPTIMIZERS,
    "schedules": catalog.SCHEDULES,
}


def functions(backend, module):
    """Return a module's public functions in order, with their positional and keyword-only parameters."""
    tree = ast.parse((ROOT / backend / f"{module}.py").read_text())
    return {
        node.name: (
            [argument.arg for argument in node.args.args],
            [argument.arg for argument in node.args.kwonlyargs],
        )
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_has_the_same_rooms(backend):
    shared = {"__init__", "activations", "backend", "losses", "network", "optimizers", "runtime", "schedules"}
    assert shared <= {path.stem for path in (ROOT / backend).glob("*.py")}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("module", ELEMENTS)
def test_elements_stand_in_the_catalogue_s_order_with_its_options(backend, module):
    found = functions(backend, module)
    assert [name for name in found if name in ELEMENTS[module]] == list(ELEMENTS[module])
    for name, element in ELEMENTS[module].items():
        positional, options = found[name]
        assert options == [option.name for option in element.options], name
        assert positional == SIGNATURES.get(module, positional), name


def test_there_are_backends():
    assert set(BACKENDS) >= {"numpy", "torch", "keras"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_learners_have_the_same_methods(backend):
    def methods(name):
        tree = ast.parse((ROOT / name / "network.py").read_text())
        learner = next(
            node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Learner"
        )
        return [
            node.name
            for node in learner.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        ]

    assert methods(backend) == methods("numpy")
