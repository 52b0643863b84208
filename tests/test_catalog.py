"""What names mean: options, ranges, conventions, and errors that name the nearest right word."""

from __future__ import annotations

import importlib.util
import json
import os
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
    assert adam.resolve({}, "torch")["weight_decay_mode"] == "l2"
    assert catalog.optimizer("adafactor").resolve({}, "torch")["weight_decay_mode"] == "decoupled"


def test_both_conventions_of_every_ambiguous_element_differ():
    for table, _ in TABLES.values():
        for element in table.values():
            if element.conventions:
                keras, torch = (element.resolve({"convention": name}) for name in ("keras", "torch"))
                assert keras != torch, element.name


def test_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        catalog.ACTIVATIONS["mine"] = catalog.activation("relu")  # type: ignore[index]  # on purpose


CALLED = {
    "keras": {
        "dropout": "rate",
        "prelu alpha": "alpha_initializer",
        "threshold value": "default_value",
        "precision threshold": "thresholds",
        "recall threshold": "thresholds",
        "linear_warmup warmup_target": "end_learning_rate",
        "linear_warmup warmup_steps": "decay_steps",
    },
    "torch": {
        "learning_rate": "lr",
        "epsilon": "eps",
        "beta_1": "betas 0",
        "beta_2": "betas 1",
        "rmsprop rho": "alpha",
        "beta_2_decay": "beta2_decay",
        "epsilon_1": "eps 0",
        "epsilon_2": "eps 1",
        "clip_threshold": "d",
        "prelu alpha": "init",
        "hard_shrink threshold": "lambd",
        "soft_shrink threshold": "lambd",
        "categorical_crossentropy class_weight": "weight",
        "sparse_categorical_crossentropy class_weight": "weight",
        "decay_steps": "step_size",
        "decay_rate": "gamma",
        "warmup_steps": "total_iters",
        "min_delta": "threshold",
        "dropout": "p",
        "constant value": "val",
        "minval": "a",
        "maxval": "b",
        "stddev": "std",
    },
    "jax": {"gain": "scale"},
    "tensorflow": {
        "learning_rate": "lr",
        "nesterov": "use_nesterov",
        "negative_slope": "alpha",
        "epsilon": "variance_epsilon",
    },
}
"""What a framework calls an option, of every element or of one; a number is the place in a pair."""
MEANT: dict[tuple[str, str], dict[object, object]] = {
    ("keras", "prelu alpha"): {"Zeros": 0.0},
    ("keras", "precision threshold"): {None: 0.5},
    ("keras", "recall threshold"): {None: 0.5},
    ("keras", "f1 threshold"): {None: "None"},
    ("torch", "adafactor epsilon_1"): {None: 2.0**-23},
    ("torch", "batch_normalization momentum"): {0.1: 0.9},
}
"""Defaults that a framework writes in another way, and what they mean; any other None is 0 or empty."""
READ = {
    "torch.nn.functional.hardshrink": "torch.nn.Hardshrink",
    "torch.nn.functional.softshrink": "torch.nn.Softshrink",
    "torch.nn.functional.prelu": "torch.nn.PReLU",
}
"""Functions without a signature or, the last, without a default -> the class that has one."""
SIGNATURES = """
import inspect, json, pkgutil, sys
found = {}
for call in sys.argv[1:]:
    parameters = inspect.signature(pkgutil.resolve_name(call)).parameters.values()
    found[call] = {
        each.name: "required" if each.default is each.empty else each.default for each in parameters
    }
print(json.dumps(found, default=str))
"""


def _installed(package):
    return importlib.util.find_spec(package) is not None


def _calls(element, framework):
    calls = (each.partition("(")[0] for each in element.native[framework].split(", "))
    return [READ.get(each, each) for each in calls]


@pytest.mark.parametrize(
    ("framework", "least"), [("keras", 150), ("torch", 80), ("jax", 10), ("tensorflow", 10)]
)
def test_defaults_of_frameworks_are_their_own(framework, least):
    """Each in a process of its own, as this one imports none."""
    runtime = next(filter(_installed, ("torch", "jax", "tensorflow")), None)
    if not _installed(framework) or runtime is None:
        pytest.skip(f"{framework} is not installed: pip install 'nn-versus[{framework}]'")
    native = [each for each in catalog.every() if framework in each.native and each.arguments]
    calls = sorted({call for each in native for call in _calls(each, framework)})
    told = subprocess.run(
        [sys.executable, "-c", SIGNATURES, *calls],
        env=os.environ | {"KERAS_BACKEND": runtime, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    signatures = json.loads(told.stdout)
    compared = 0
    for element in native:
        own = {name: each for call in _calls(element, framework) for name, each in signatures[call].items()}
        for option in element.arguments:
            claimed, name = element.own_default(framework, option), f"{element.name} {option.name}"
            called = CALLED[framework].get(name, CALLED[framework].get(option.name, option.name))
            called, _, place = called.partition(" ")
            if called not in own:  # what the framework always does, or nothing
                always = option.choices or any(option.name in each for each in element.conventions.values())
                assert claimed == catalog.ABSENT or always, name
                continue
            default = own[called][int(place)] if place else own[called]
            default = MEANT.get((framework, name), {}).get(default, default)
            assert claimed == default or (default is None and claimed in (0.0, ())), (name, claimed, default)
            compared += 1
    assert compared >= least


@pytest.mark.parametrize(
    "element", [*catalog.ACTIVATIONS.values(), *catalog.LOSSES.values()], ids=lambda each: each.name
)
def test_whoever_is_allowed_more_has_a_reason(element):
    for accuracy in (element.value, element.derivative):
        assert bool(accuracy.reason) is (accuracy != catalog.Accuracy())
