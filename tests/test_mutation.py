"""The planted faults: each still fits the sources and changes them; and how a fault is judged."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections import Counter
from dataclasses import replace
from typing import Literal

import pytest
from rich.console import Console

from benchmarks.measures import elements
from benchmarks.measures.elements.answers import QUANTITIES
from benchmarks.suite import load_suite
from tests.conformance import probe
from tests.mutation import __main__ as mutation
from tests.mutation import gate
from tests.mutation.__main__ import ROOT, about, faults, summary, verdict
from tests.mutation.gate import WITNESS, Complaint

ALL = faults()
ELEMENTS = {
    f"{variant.kind} {variant.name} {quantity}"
    for variant in elements.variants()
    for quantity in QUANTITIES[variant.kind]
}
TRAININGS = {f"training {workload.name}" for workload in load_suite("parity").workloads}
NETWORKS = {f"network {name}" for name in probe.MODELS}


@pytest.mark.parametrize("fault", ALL, ids=[f"{each.backend} {each.name}" for each in ALL])
def test_fault_fits_the_sources(fault):
    source = (ROOT / fault.file).read_text(encoding="utf-8")
    assert source.count(fault.old) == 1
    assert fault.new != fault.old
    compile(source.replace(fault.old, fault.new), fault.file, "exec")


@pytest.mark.parametrize("fault", ALL, ids=[f"{each.backend} {each.name}" for each in ALL])
def test_fault_expects_something_that_can_be_said(fault):
    assert fault.expects
    for each in fault.expects:
        known = each in ELEMENTS or about(each) in TRAININGS | NETWORKS or each.startswith("float64 ")
        assert known, each


def test_names_are_unique():
    assert max(Counter((each.backend, each.name) for each in ALL).values()) == 1


def test_there_are_enough_of_each_backend():
    counts = Counter(each.backend.partition("-")[0] for each in ALL)
    pytest.importorskip("torch")
    pytest.importorskip("keras")
    assert len(ALL) >= 40
    assert min(counts[name] for name in ("numpy", "torch", "keras")) >= 8


def told(*identities: str, by: Literal["parity", "tests"] = "parity") -> list[Complaint]:
    return [Complaint(each, "numpy", by) for each in identities]


def test_a_name_is_no_part_of_another():
    complaints = told("optimizer adamw keras constant 100 steps")
    assert verdict(["optimizer adam keras constant 100 steps"], complaints) == "caught"


def test_everything_expected_must_be_told():
    complaints = told("activation relu value")
    assert verdict(["activation relu value", "activation relu gradient"], complaints) == "caught"


def test_a_complaint_that_is_lost_among_others_names_nothing():
    others = told("loss a value", "loss b value")
    relu = told("activation relu gradient")
    assert verdict(["activation relu gradient"], others + relu) == "caught"
    assert verdict(["activation relu gradient"], relu + others) == "named"
    assert verdict(["activation relu gradient"], others[:1] + relu) == "named"


def test_tests_count_only_where_parity_says_nothing():
    network = told("network images: epoch", by="tests")
    assert verdict(["network images: epoch"], network) == "named by tests"
    assert verdict(["network images: epoch"], told("activation relu value") + network) == "caught"


def test_a_fault_that_hangs_is_caught(monkeypatch, tmp_path):
    def hang(*arguments):
        raise subprocess.TimeoutExpired("gate", 1)

    monkeypatch.setattr(mutation, "ask", hang)
    found = mutation.outcome(ALL[0], tmp_path, tmp_path)
    assert (found.result, found.told.partition(":")[0]) == ("caught", "it hangs")


def test_no_fault_is_planted_where_the_clean_sources_draw_complaints(monkeypatch):
    planted = [replace(ALL[0], backend=name) for name in ("numpy", "keras-jax")]
    asked = []
    monkeypatch.setattr(mutation, "ask", lambda *each: asked.append(each[2:4]))
    monkeypatch.setattr(mutation, "clean", lambda _: told("loss dice value"))
    with pytest.raises(SystemExit, match="numpy: loss dice value"):
        mutation.run(planted, 1, Console(quiet=True))
    assert asked == [("answer", "keras-jax"), ("answer", "numpy"), ("answer", WITNESS)]


def test_every_clean_contender_is_compared_with_numpy(monkeypatch, tmp_path):
    for name in ("torch", "numpy"):
        (tmp_path / name).write_bytes(pickle.dumps(name))
    compared = []

    def complaints(*compare):
        compared.append(compare)
        return told("loss dice value") if compare[0] == "torch" else []

    monkeypatch.setattr(gate, "complaints", complaints)
    assert gate.clean(tmp_path) == told("loss dice value")
    assert compared == [("numpy", "numpy", "numpy"), ("torch", "numpy", "torch")]


def test_an_interrupted_run_keeps_what_it_knows(monkeypatch):
    def outcome(fault, clean, compilations):
        return mutation.Outcome(fault.backend, fault.name, fault.file, "missed", "", fault.expects)

    def interrupted(each, what, *arguments, **options):
        yield next(iter(each))
        if what == "planting faults":
            raise KeyboardInterrupt

    monkeypatch.setattr(mutation, "ask", lambda *_: None)
    monkeypatch.setattr(mutation, "clean", lambda _: [])
    monkeypatch.setattr(mutation, "outcome", outcome)
    monkeypatch.setattr(mutation, "track", interrupted)
    (found,) = mutation.run(list(ALL[:2]), 1, Console(quiet=True))
    assert found.name in {each.name for each in ALL[:2]}


def test_a_fault_that_does_not_fit_is_not_planted(tmp_path):
    fault = replace(ALL[0], old=ALL[0].old + "nowhere")
    with pytest.raises(SystemExit, match="stands 0 times"):
        mutation.plant(fault, tmp_path)


def test_summary_counts_each_backend():
    make = mutation.Outcome
    found = summary([make("numpy", "a", "f", "named", "", ()), make("torch", "b", "f", "missed", "", ())])
    assert (found["planted"], found["share"]) == (2, 0.5)
    assert found["backends"]["torch"]["missed"] == 1


def test_committed_run_planted_these_faults():
    """A fault that was renamed, added or expects another complaint is no part of what the figures say."""
    document = json.loads((ROOT / "results" / "reference" / "mutation.json").read_text(encoding="utf-8"))
    committed = {(each["backend"], each["name"], tuple(each["expects"])) for each in document["faults"]}
    assert committed == {(each.backend, each.name, each.expects) for each in ALL}
    assert document["planted"] == len(ALL)
    named = [each["name"] for each in document["faults"] if each["result"].startswith("named")]
    assert document["share"] == len(named) / len(ALL) >= mutation.ASKED
