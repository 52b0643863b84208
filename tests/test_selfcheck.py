"""What a self-check concludes, and that planted faults and slowdowns are what they say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from benchmarks.measures import planted
from benchmarks.measures.speed import Bench
from benchmarks.selfcheck.check import EFFORTS, check
from benchmarks.selfcheck.result import Comparison, Fault, SelfCheck, keep, margin
from implementations import load_backend
from tests.test_runner import Watcher


def comparison(planted=0.0, low=0.99, high=1.01, known=1.0, verdict="same"):
    return Comparison(
        session=0,
        workload="w",
        metric="train_step",
        left="a",
        right="b",
        planted=planted,
        blocks=6,
        ratio=(low * high) ** 0.5,
        low=low,
        high=high,
        known=known,
        verdict=verdict,
    )


def selfcheck(comparisons, faults=()):
    return SelfCheck(
        effort="quick",
        taken="2026-01-31T12:00:00+00:00",
        fingerprint="abacus",
        machine={},
        packages={},
        seconds=1.0,
        comparisons=comparisons,
        faults=list(faults),
        freezing=[],
        overhead_share=0.001,
        protocol_seconds=0.001,
        cross=[],
    )


ALARM = comparison(low=1.04, high=1.1, verdict="slower")


def test_counts():
    slower = comparison(planted=0.05, low=1.03, high=1.07, known=1.05, verdict="slower")
    missed = comparison(planted=0.05, low=0.99, high=1.04, known=1.05, verdict="inconclusive")
    found = selfcheck([comparison(), ALARM, slower, missed])
    assert (found.false_alarms, found.found(0.05), found.covered) == (1, 1, 2)
    assert any("1 of 2 (50.0%)" in row["found"] for row in found.rows())


def test_floor_is_the_margin_that_keeps_identical_contenders_together():
    assert selfcheck([comparison()] * 200).floor == 0.0
    assert selfcheck([ALARM] * 20 + [comparison()] * 80).floor == pytest.approx(0.04)
    assert selfcheck([ALARM] + [comparison()] * 199).floor == 0.0


@pytest.mark.parametrize(
    ("comparisons", "faults", "passed"),
    [
        ([comparison()] * 100, [Fault(name="f", found=True, said="x")], True),
        ([comparison()] * 100, [Fault(name="f", found=False, said="nothing")], False),
        ([comparison()] * 100 + [ALARM] * 10, [], False),
    ],
)
def test_passes_if_it_neither_cries_wolf_nor_sleeps(comparisons, faults, passed):
    assert selfcheck(comparisons, faults).passed is passed


def test_later_runs_take_their_margin_from_it(tmp_path):
    assert margin(tmp_path, "abacus") == 0.02
    keep(selfcheck([ALARM] * 20 + [comparison()] * 80), tmp_path)
    assert margin(tmp_path, "abacus") == pytest.approx(0.04)
    assert margin(tmp_path, "another") == 0.02
    (tmp_path / "local/selfcheck/abacus.json").write_text("{")
    assert margin(tmp_path, "abacus") == 0.02


@dataclass
class Learner:
    """Counts what it is asked for."""

    steps: list[int] = field(default_factory=list)

    def parameters(self):
        return [np.zeros(1)]


def bench():
    learner: Any = Learner()
    return learner, Bench(learner, {"train_step": learner.steps.append}, lambda: None)


def test_a_planted_slowdown_has_exactly_its_size():
    session: dict[str, Any] = {"backend": load_backend("numpy")}
    planted.plant(session, lambda: None, slowdown=0.05)
    learner, honest = bench()
    session["plant"](honest).repeat["train_step"](200)
    assert learner.steps == [210]
    assert planted.slowed(200, 0.05) == 210


@pytest.mark.parametrize("fault", [name for name in planted.FAULTS if name != "a worker that dies"])
def test_a_planted_fault_does_the_work_all_the_same(fault):
    learner, honest = bench()
    planted.FAULTS[fault](honest).repeat["train_step"](2)
    learner.parameters()
    assert sum(learner.steps) == 2


def test_a_whole_self_check(monkeypatch):
    """With few and short blocks: what is planted is found, and the control is not."""
    few = {"blocks": 2, "block_limit": 2, "chunks": 2, "chunk_seconds": 0.005, "warm_up_seconds": 0.01}
    effort = EFFORTS["quick"].__class__(1, 2, 1, few, 1, 2)
    monkeypatch.setitem(EFFORTS, "quick", effort)
    found = check("quick", Watcher())
    assert {fault.name: fault.found for fault in found.faults} == dict.fromkeys(
        (*planted.FAULTS, "thread count ignored", "another dtype", "none"), True
    )
    assert len(found.of(0.0)) == 1 * 3 * 2
    assert all(each.known == pytest.approx(1 + each.planted, rel=0.02) for each in found.comparisons)
    assert 0 < found.overhead_share < 0.2
    assert {each.idle_workers for each in found.freezing} == {"frozen", "running"}
    assert found.cross
