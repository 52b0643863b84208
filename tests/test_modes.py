"""Contenders that are a backend in its compiled mode: their names, what they need, and whole runs of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import contenders, launch, listing
from benchmarks.deviations import deviations
from benchmarks.modes import COMPILED, Mode, contender_names, default_contenders, mode_of
from benchmarks.result import ParityData, SpeedData
from benchmarks.runner import AS_ITS_BACKEND
from benchmarks.store import RunStore
from benchmarks.suite import load_suite
from implementations import (
    BackendUnavailable,
    InvalidInput,
    ModelSpec,
    Placement,
    backend_names,
    load_backend,
    registry,
)
from tests import small_suite
from tests.test_runner import Watcher


def test_compiled_modes_come_after_the_backends_and_are_none_themselves():
    assert contender_names() == (*backend_names(), *COMPILED)
    assert not set(COMPILED) & set(backend_names())
    assert mode_of("keras-tensorflow-xla") == Mode("keras-tensorflow", compiled=True)


def test_who_takes_part_by_default_and_who_by_name_only():
    usual = ("numpy", "torch", "keras-tensorflow", "keras-jax", "keras-torch")
    assert default_contenders(compiled=False) == usual
    compiled = ("torch-compile", "keras-tensorflow-xla")
    assert default_contenders(compiled=True) == (*usual, *compiled)
    told = {row["name"]: row["takes part"] for row in listing.rows("contenders", Path())}
    assert told == {
        **dict.fromkeys(usual, "by default"),
        **dict.fromkeys(compiled, "in suites with compiled modes"),
        **dict.fromkeys(("jax", "tensorflow", "tensorflow-xla"), "by name only"),
    }
    assert load_suite("quick", {"contenders": ["jax"]}).entrants == ("jax",)


def test_who_traces_or_compiles_before_running():
    slow = ("keras-tensorflow", "keras-jax", "jax", "tensorflow")
    assert tuple(name for name in contender_names() if mode_of(name).compiles) == (*slow, *COMPILED)


def test_every_compiled_contender_s_backend_has_such_a_mode(monkeypatch):
    monkeypatch.setattr("implementations.registry.importlib.util.find_spec", str)
    monkeypatch.setattr("implementations.registry.shutil.which", str)
    assert all(mode_of(name).support.available for name in COMPILED)


@pytest.mark.parametrize(("suite", "compiled"), [("quick", False), ("speed", True)])
def test_suites_ask_for_them_or_do_not(suite, compiled):
    assert load_suite(suite).entrants == default_contenders(compiled=compiled)
    assert load_suite(suite, {"contenders": ["torch-compile"]}).entrants == ("torch-compile",)


def test_everybody_who_is_there_takes_part_on_a_gpu():
    assert set(load_suite("gpu").entrants) == set(contender_names())


def test_an_unknown_one_is_refused_with_the_nearest_name():
    with pytest.raises(InvalidInput, match="did you mean 'torch-compile'"):
        contenders.installed(["torch-compiled"])
    with pytest.raises(InvalidInput, match="did you mean 'torch-compile'"):
        load_suite("quick", {"contenders": ["torch-compiled"]})


def test_its_backend_s_deviations_are_its_own():
    for name, backend in COMPILED.items():
        assert set(deviations(name)) >= set(deviations(backend))
        assert deviations(backend)
    assert not deviations("nobody")


def test_without_a_compiler_it_says_so(monkeypatch):
    monkeypatch.setattr("implementations.registry.importlib.util.find_spec", str)
    monkeypatch.setattr("implementations.registry.shutil.which", lambda _: None)
    assert registry.support("torch").available
    (found,) = contenders.installed(["torch-compile"])
    assert not found.usable
    assert "no C++ compiler" in found.reason
    with pytest.raises(BackendUnavailable, match=r"no C\+\+ compiler"):
        contenders.require(["torch-compile"])


def test_a_backend_without_such_a_mode_refuses():
    model = ModelSpec.from_dict(
        {
            "inputs": [2],
            "layers": [{"units": 1}],
            "loss": "mean_squared_error",
            "optimizer": {"name": "sgd", "learning_rate": 0.1},
        }
    )
    with pytest.raises(BackendUnavailable, match="numpy has no compiled mode"):
        load_backend("numpy").build(model, placement=Placement(compiled=True))


@pytest.mark.parametrize("contender", COMPILED)
def test_it_trains_the_same_and_its_times_stand_in_a_tier_of_their_own(contender, tmp_path):
    support = mode_of(contender).support
    if not support.available:
        pytest.skip(support.reason)
    path = tmp_path / "small.toml"
    path.write_text(small_suite.TEXT.replace('"numpy"', f'"numpy", "{contender}"'))
    settings = {
        "measures": ["elements", "parity", "speed"],
        "speed.blocks": 1,
        "speed.block_limit": 1,
        "timeout_seconds": 300,
    }
    begun = launch.begin(str(path), settings, [contender], tmp_path / "results")
    launch.carry_out(begun, Watcher())
    found = {each.case.measure: each for each in RunStore.open(begun.store.folder).records()[0]}
    assert isinstance(found["parity"].data, ParityData)
    assert found["parity"].data.passed
    for measure in ("card", "elements"):
        assert found[measure].status == "skipped"
        assert found[measure].reason == AS_ITS_BACKEND.format(COMPILED[contender])
    assert isinstance(found["speed"].data, SpeedData)
    assert {each.tier for each in found["speed"].data.blocks[0].samples} == {"compiled"}
