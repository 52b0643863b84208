"""The backends' files read like a parallel text: same files, same functions, same order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from implementations import catalog
from implementations.interface import Framework

ROOT = Path(__file__).parents[2] / "implementations"
BACKENDS = sorted(path.parent.name for path in ROOT.glob("*/network.py"))
SIGNATURES = {
    "activations": ["x"],
    "losses": ["targets", "predictions"],
    "metrics": ["targets", "predictions"],
}
"""Positional parameters of the elements; optimizers and schedules take what their framework needs."""
SHARED = ("weight_decay", "weight_decay_mode", "clipvalue", "clipnorm", "global_clipnorm")
"""Options of every optimizer, applied before its rule."""
ELEMENTS = {
    "activations": catalog.ACTIVATIONS,
    "losses": catalog.LOSSES,
    "optimizers": catalog.OPTIMIZERS,
    "schedules": catalog.SCHEDULES,
    "metrics": catalog.METRICS,
}


def functions(backend, module):
    """Return a module's public functions in order, with their positional and keyword-only parameters.

    Of a framework without schedules, those that are computed on the host.
    """
    own = ROOT / backend / f"{module}.py"
    tree = ast.parse((own if own.exists() else ROOT / "host" / own.name).read_text())
    found = {}
    for node in tree.body:
        # a schedule that remembers losses is a class, which is called like a function
        call = node
        if isinstance(node, ast.ClassDef):
            call = next((each for each in node.body if getattr(each, "name", "") == "__init__"), None)
        if isinstance(call, ast.FunctionDef) and not node.name.startswith("_"):
            positional = [each.arg for each in call.args.args if each.arg != "self"]
            found[node.name] = positional, [each.arg for each in call.args.kwonlyargs], call.args.kwarg
    return found


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_has_the_same_rooms(backend):
    shared = {
        "__init__",
        "activations",
        "backend",
        "losses",
        "metrics",
        "native",
        "network",
        "optimizers",
        "runtime",
    }
    found = {path.stem for path in (ROOT / backend).glob("*.py")}
    assert shared <= found
    assert "schedules" in found or "host.steps import" in (ROOT / backend / "optimizers.py").read_text()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("module", ELEMENTS)
def test_elements_stand_in_the_catalogue_s_order_with_its_options(backend, module):
    found = functions(backend, module)
    assert [name for name in found if name in ELEMENTS[module]] == list(ELEMENTS[module])
    for name, element in ELEMENTS[module].items():
        positional, options, passed_on = found[name]
        own = [option.name for option in element.options if option.name not in SHARED]
        if passed_on:  # to the framework's class, which refuses what it does not know
            assert set(options) <= set(own), name
        else:
            assert [option for option in options if option in own] == own, name
        assert positional == SIGNATURES.get(module, positional), name


@pytest.mark.parametrize(
    ("framework", "least"), [("keras", 50), ("torch", 50), ("jax", 25), ("tensorflow", 25)]
)
def test_what_the_catalogue_calls_native_is_called(framework, least):
    """The page of coverage says so; a call in snake case counts for its class."""
    called = set()
    for path in (ROOT / framework).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute | ast.alias):
                called.add(_plain(node.attr if isinstance(node, ast.Attribute) else node.name))
    claimed = {
        (element.kind, element.name, call)
        for element in catalog.every()
        if element.kind != "initializer"  # drawn in NumPy
        for call in element.native.get(framework, "").split(", ")
        if call
    }
    assert len(claimed) > least
    assert not {
        each for each in claimed if _plain(each[2].partition("(")[0].rpartition(".")[2]) not in called
    }


def _plain(name):
    return name.lower().replace("_", "")


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_framework_is_asked_the_same(backend):
    asked = functions("numpy", "native")
    assert list(functions(backend, "native").items()) == list(asked.items())
    assert list(asked) == [name for name in vars(Framework) if not name.startswith("_")]


def test_there_are_backends():
    assert set(BACKENDS) >= {"numpy", "torch", "jax", "tensorflow", "keras"}


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
