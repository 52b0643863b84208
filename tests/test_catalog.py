"""What names mean: options, ranges, conventions, and errors that name the nearest right word."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from implementations import InvalidInput, catalog

TABLES = {
    "activation": (catalog.ACTIVATIONS, catalog.activation),
    "loss": (catalog.LOSSES, catalog.loss),
    "optimizer": (catalog.OPTIMIZERS, catalog.optimizer),
    "schedule": (catalog.SCHEDULES, catalog.schedule),
    "initializer": (catalog.INITIALIZERS, catalog.initializer),
    "normalization": (catalog.NORMALIZATIONS, catalog.normalization),
    "regularization": (catalog.REGULARIZATIONS, catalog.regularization),
    "metric": (catalog.METRICS, catalog.metric),
}
EVERY = [
    pytest.param(element, id=f"{kind} {name}")
    for kind, (table, _) in TABLES.items()
    for name, element in table.items()
]


@pytest.mark.parametrize("element", EVERY)
def test_entries_say_what_they_are(element):
    table, find = TABLES[element.kind]
    assert find(element.name) is table[element.name] is element
    assert element.formula
    assert element.reference
    names = [option.name for option in element.options]
    assert len(set(names)) == len(names)
    for option in element.options:
        assert option.meaning


@pytest.mark.parametrize("element", EVERY)
def test_defaults_and_presets_are_permitted_values(element):
    required = {option.name: 1.0 for option in element.options if option.default is None}
    for convention in (None, *element.conventions):
        given = required if convention is None else {**required, "convention": convention}
        values = element.resolve(given)
        assert list(values) == [option.name for option in element.options]
        for option in element.options:
            assert option.check("test", values[option.name]) == values[option.name]
    for preset in element.conventions.values():
        assert set(preset) <= {option.name for option in element.options}


@pytest.mark.parametrize("kind", TABLES)
def test_unknown_names_are_told_with_the_known_ones(kind):
    table, find = TABLES[kind]
    nearly = next(iter(table)) + "x"
    with pytest.raises(InvalidInput, match=f"did you mean '{next(iter(table))}'"):
        find(nearly)
    with pytest.raises(InvalidInput, match="expected one of"):
        find(["no", "name"])  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("element", "options", "says"),
    [
        (catalog.activation("relu"), {"slope": 1}, "expected one of no options"),
        (catalog.optimizer("adam"), {"beta1": 0.9}, "did you mean 'beta_1'"),
        (catalog.optimizer("adam"), {"beta_1": 1.0}, r"a number in \[0, 1\), got 1.0"),
        (catalog.optimizer("sgd"), {"momentum": -0.1}, r"a number in \[0, 1\], got -0.1"),
        (catalog.optimizer("sgd"), {"momentum": "0.9"}, "a number, got '0.9'"),
        (catalog.optimizer("sgd"), {"momentum": True}, "a number, got True"),
        (catalog.optimizer("sgd"), {"momentum": float("nan")}, "got nan"),
        (catalog.optimizer("sgd"), {"nesterov": 1}, "true or false, got 1"),
        (catalog.optimizer("sgd"), {"momentum_mode": "inside"}, "one of rate_inside, rate_outside"),
        (catalog.optimizer("sgd"), {"convention": "jax"}, "one of keras, torch, got 'jax'"),
        (catalog.loss("huber"), {"convention": "keras"}, "none: it has one meaning"),
        (catalog.loss("huber"), {"delta": 0}, r"a number in \(0, inf\), got 0"),
        (catalog.loss("huber"), {"delta": float("inf")}, r"a number in \(0, inf\), got inf"),
        (catalog.schedule("cosine"), {"decay_steps": 5}, "option initial_learning_rate .* got nothing"),
        (
            catalog.schedule("step"),
            {"initial_learning_rate": 0.1, "decay_steps": 0.5, "decay_rate": 0.5},
            r"a number in \[1, inf\), got 0.5",
        ),
        (
            catalog.schedule("step"),
            {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 1.5},
            r"a number in \(0, 1\], got 1.5",
        ),
    ],
)
def test_wrong_options_say_what_was_expected(element, options, says):
    with pytest.raises(InvalidInput, match=says):
        element.resolve(options)


def test_conventions_expand_to_options():
    adam = catalog.optimizer("adam")
    assert adam.resolve({}, "torch")["epsilon_mode"] == "plain"
    assert adam.resolve({"convention": "keras"}, "torch")["epsilon_mode"] == "hat"
    assert adam.resolve({"convention": "keras", "epsilon_mode": "plain"})["epsilon_mode"] == "plain"


def test_both_conventions_of_every_ambiguous_element_differ():
    for table, _ in TABLES.values():
        for element in table.values():
            if element.conventions:
                keras, torch = (element.resolve({"convention": name}) for name in ("keras", "torch"))
                assert keras != torch, element.name


def test_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        catalog.ACTIVATIONS["mine"] = catalog.activation("relu")  # type: ignore[index]  # on purpose


CALLED = {"gain": "scale"}
"""What JAX calls an option."""
SIGNATURES = """
import importlib, inspect, json, sys
found = {}
for call in sys.argv[1:]:
    module, _, name = call.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    found[call] = {
        each.name: "required" if each.default is each.empty else each.default
        for each in parameters
        if isinstance(each.default, (int, float)) or each.default is each.empty
    }
print(json.dumps(found))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason='needs jax: pip install -e ".[jax]"')
def test_defaults_of_jax_are_jax_s_own():
    """In a process of its own, as this one imports no framework."""
    native = [each for each in catalog.every() if "jax" in each.native and each.options]
    calls = sorted({element.native["jax"] for element in native})
    told = subprocess.run([sys.executable, "-c", SIGNATURES, *calls], capture_output=True, check=True)
    signatures = json.loads(told.stdout)
    compared = 0
    for element in native:
        own = signatures[element.native["jax"]]
        for option in element.options:
            name = CALLED.get(option.name, option.name)
            if name in own:
                claimed = option.default if option.jax_default is None else option.jax_default
                assert claimed == own[name], (element.name, option.name)
                compared += 1
    assert compared >= 10
