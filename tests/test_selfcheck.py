"""What a self-check concludes, and that planted faults and slowdowns are what they say."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import environment, launch
from benchmarks.cli import main
from benchmarks.interleaving import BUSY_CORES, Outcome, cores
from benchmarks.measures import planted
from benchmarks.measures.speed import Bench
from benchmarks.packed import Packed
from benchmarks.result import Block, Samples
from benchmarks.selfcheck.check import EFFORTS, Effort, _Bench, check
from benchmarks.selfcheck.result import (
    SCHEMA_VERSION,
    Comparison,
    Cross,
    Fault,
    SelfCheck,
    keep,
    margin,
    read,
)
from benchmarks.sides import Side
from benchmarks.store import StoreError
from benchmarks.suite import load_suite
from benchmarks.worker import WorkerFailed
from implementations import backend_names, load_backend
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


def selfcheck(comparisons, faults=(), **changes):
    fields = {
        "schema_version": SCHEMA_VERSION,
        "effort": "quick",
        "settings": {},
        "taken": "2026-01-31T12:00:00+00:00",
        "git": None,
        "fingerprint": "abacus",
        "machine": {},
        "packages": {},
        "seconds": 1.0,
        "comparisons": comparisons,
        "faults": list(faults),
        "freezing": [],
        "overhead_share": 0.001,
        "protocol_seconds": 0.001,
        "cross": [],
    }
    return SelfCheck.model_validate(fields | changes)


ALARM = comparison(low=1.04, high=1.1, verdict="slower")
SLOWER_5 = comparison(planted=0.05, low=1.04, high=1.06, known=1.05, verdict="slower")
SLOWER_10 = comparison(planted=0.1, low=1.09, high=1.11, known=1.1, verdict="slower")
MISSED_5 = comparison(planted=0.05, low=0.99, high=1.06, known=1.05, verdict="inconclusive")
MISSED_10 = comparison(planted=0.1, low=1.06, high=1.14, known=1.1, verdict="inconclusive")
OFF = comparison(low=1.005, high=1.01)
HONEST = [comparison()] * 1000 + [OFF] * 50 + [SLOWER_5] * 100 + [SLOWER_10] * 100


def cross(ratio):
    return Cross(
        workload="w", contender="numpy", tool="tool", ratio=ratio, low=ratio - 0.01, high=ratio + 0.01
    )


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
    ("comparisons", "changes", "passed"),
    [
        (HONEST, {"cross": [cross(0.97)]}, True),
        ([comparison()] * 18 + [SLOWER_10], {}, True),
        (HONEST + [ALARM] * 20, {}, False),
        (HONEST + [MISSED_5] * 30, {}, False),
        (HONEST + [MISSED_10] * 10, {}, False),
        ([comparison()] * 18 + [MISSED_10] * 18, {}, False),
        ([comparison()] * 18 + [comparison(0.1, 0.9, 1.3, 1.1, "inconclusive")] * 18, {}, True),
        ([comparison()] * 18 + [ALARM] * 2 + [SLOWER_10], {}, True),
        ([comparison()] * 18 + [ALARM] * 3 + [SLOWER_10], {}, False),
        ([comparison()] * 1000 + [OFF] * 200 + [SLOWER_5, SLOWER_10] * 100, {}, False),
        ([comparison()] * 1000 + [SLOWER_5, SLOWER_10] * 100, {}, False),
        (HONEST, {"faults": [Fault(name="f", found=True, said="x")]}, True),
        (HONEST, {"faults": [Fault(name="f", found=False, said="nothing")]}, False),
        (HONEST, {"overhead_share": 0.006}, False),
        (HONEST, {"overhead_share": math.nan, "failures": ["overhead: it died"]}, False),
        (HONEST, {"cross": [cross(0.97), cross(0.9)]}, False),
        (HONEST, {"failures": ["session 1, w, same 1: it died"]}, False),
    ],
    ids=[
        "honest",
        "honest and short",
        "cries wolf",
        "misses 5 %",
        "misses 10 %",
        "sleeps",
        "cannot tell",
        "perhaps chance",
        "cries wolf, and short",
        "intervals too narrow",
        "intervals too wide",
        "finds a fault",
        "misses a fault",
        "costs too much",
        "cost unknown",
        "other tools disagree",
        "a contender failed",
    ],
)
def test_passes_if_every_figure_is_what_it_should_be(comparisons, changes, passed):
    found = selfcheck(comparisons, **changes)
    assert found.passed is passed
    assert any("MISSED" in row["should be"] for row in found.rows()) is not passed


def test_too_few_comparisons_are_not_judged():
    marks = {each.what: each.mark for each in selfcheck([comparison()] * 18 + [SLOWER_10]).figures}
    assert marks["slower by 5%, and found"] == marks["95 % intervals that hold the true ratio"]
    assert marks["slower by 5%, and found"] == "(not enough to judge)"


FOUR_PERCENT = [ALARM] * 20 + [comparison()] * 80


def test_later_runs_take_their_margin_from_it(tmp_path):
    assert margin(tmp_path, "abacus") == 0.02
    kept = keep(selfcheck(FOUR_PERCENT), tmp_path)
    assert margin(tmp_path, "abacus") == pytest.approx(0.04)
    assert margin(tmp_path, "another") == 0.02
    kept.write_text("{")
    assert margin(tmp_path, "abacus") == 0.02


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema_version": 99}, "got schema 99, this versus reads 2; `versus selfcheck` makes a new one"),
        ({"schema_version": None}, "got schema 1, this versus reads 2"),
        ({"settings": None}, "settings: "),
    ],
    ids=["newer", "before versions", "incomplete"],
)
def test_a_self_check_of_another_version_is_refused_by_its_number(tmp_path, changes, says):
    kept = keep(selfcheck(FOUR_PERCENT), tmp_path)
    assert read(kept) == selfcheck(FOUR_PERCENT)
    content = json.loads(kept.read_text()) | changes
    kept.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    with pytest.raises(StoreError, match=re.escape(says)):
        read(kept)
    assert margin(tmp_path, "abacus") == 0.02


@pytest.mark.parametrize(
    ("git", "says"),
    [
        (None, "of an unknown commit"),
        ({"commit": "c0ffee", "dirty": False}, "commit c0ffee"),
        ({"commit": "c0ffee", "dirty": True}, "commit c0ffee, with uncommitted changes"),
    ],
)
def test_its_table_names_the_code(git, says):
    assert selfcheck(HONEST, git=git).rows()[0]["found"] == says


@pytest.mark.parametrize(
    ("comparisons", "versions", "expected"),
    [
        ([comparison()] * 18, "1.0", 0.04),
        ([comparison()] * 18, "2.0", 0.04),
        ([comparison()] * 100, "1.0", 0.04),
        ([comparison()] * 100, "2.0", 0.02),
    ],
    ids=["too few", "too few, other versions", "shorter", "other versions"],
)
def test_a_shorter_self_check_does_not_replace_a_longer_one(tmp_path, comparisons, versions, expected):
    keep(selfcheck(FOUR_PERCENT, effort="long", packages={"numpy": "1.0"}), tmp_path)
    later = {"effort": "quick", "packages": {"numpy": versions}, "taken": "2026-02-01T12:00:00+00:00"}
    keep(selfcheck(comparisons, **later), tmp_path)
    assert margin(tmp_path, "abacus") == pytest.approx(expected)


@dataclass
class Learner:
    """Counts what it is asked for."""

    steps: list[int] = field(default_factory=list)

    def parameters(self):
        return [np.zeros(1)]


def counted():
    learner: Any = Learner()
    return learner, Bench(learner, {"train_step": learner.steps.append}, lambda: None)


def test_a_planted_slowdown_has_exactly_its_size():
    session: dict[str, Any] = {"backend": load_backend("numpy")}
    planted.plant(session, lambda: None, slowdown=0.05)
    learner, honest = counted()
    session["plant"](honest).repeat["train_step"](200)
    assert learner.steps == [210]
    assert planted.slowed(200, 0.05) == 210


@pytest.mark.parametrize("fault", [name for name in planted.FAULTS if name != "a worker that dies"])
def test_a_planted_fault_does_the_work_all_the_same(fault):
    learner, honest = counted()
    planted.FAULTS[fault](honest).repeat["train_step"](2)
    learner.parameters()
    assert sum(learner.steps) == 2


FEW = {"blocks": 4, "block_limit": 4, "chunks": 6, "chunk_seconds": 0.005, "warm_up_seconds": 0.01}
TINY = Effort(1, 2, 1, FEW, 2, 2)
"""Two identical contenders and two slower ones, once."""


def made_up(sides, suite, changes=lambda _, block: block):
    """Return blocks that were measured without noise, but for a hundredth from block to block."""
    outcome = Outcome()
    for workload in suite.workloads:
        for number, (name, side) in enumerate(sides.items()):
            slowdown = side.planted.get("slowdown", 0.0)
            blocks = [
                timed_block(index, 1e-4 * (1 + slowdown) * (1 + 1e-3 * (number + index) % 2e-3), suite)
                for index in range(suite.speed.blocks)
            ]
            outcome.blocks[workload.name, name] = Packed(
                made for block in blocks if (made := changes(name, block)) is not None
            )
    return outcome


def timed_block(index, seconds, suite):
    return Block(
        index=index,
        stages={"first_step": seconds},
        warm_up_steps=10,
        idle_workers="frozen",
        threads_seen=1,
        cpu_per_wall=1.0,
        samples=[
            Samples(metric=metric, tier="loop", iterations=200, examples=1, seconds=[200 * seconds] * 6)
            for metric in suite.speed.metrics
        ],
    )


@pytest.fixture
def found(monkeypatch):
    """Return the function that checks without workers: what is compared is made up, and so never noisy."""

    def found(measure, effort=TINY, **stages):
        monkeypatch.setitem(EFFORTS, "quick", effort)
        monkeypatch.setattr(_Bench, "_measure", lambda _, sides, suite, what: measure(sides, suite, what))
        known = {"overhead": lambda _: iter([(0.001, 0.002)]), "cross_check": lambda *_: iter([cross(1.0)])}
        for name, stage in {**known, **stages}.items():
            monkeypatch.setattr(_Bench, name, stage)
        return check("quick", Watcher())

    return found


def test_a_whole_self_check(found):
    """In the made-up times nothing is planted but slowdowns, so every fault is missed."""
    told = found(lambda sides, suite, _: made_up(sides, suite))
    assert (len(told.of(0.0)), len(told.of(0.05)), len(told.of(0.1))) == (6, 12, 12)
    assert told.false_alarms == 0
    assert (told.found(0.05), told.found(0.1)) == (12, 12)
    assert all(each.known == pytest.approx(1 + each.planted) for each in told.comparisons)
    assert {fault.name: fault.found for fault in told.faults} == {
        **dict.fromkeys((*planted.FAULTS, "thread count ignored", "another dtype"), False),
        "none": True,
    }
    assert {each.idle_workers for each in told.freezing} == {"frozen", "running"}
    assert told.failures == ()
    assert not told.passed
    assert told.git == environment.snapshot()["git"]
    assert (told.settings["sessions"], told.settings["same"], told.settings["slower"]) == (1, 2, 1)
    ran = told.settings["speed"]
    assert (ran["blocks"], ran["chunk_seconds"], ran["margin"]) == (4, 0.005, 0.02)
    assert (ran["preset"], ran["half_width"]) == ("standard", 0.02)


def test_frameworks_are_compared_with_themselves(found, monkeypatch):
    asked = []

    def measure(sides, suite, what):
        if what == "frameworks":
            asked.append((suite.threads, suite.speed.metrics, suite.speed.block_limit))
        return made_up(sides, suite)

    monkeypatch.setattr(_Bench, "_usable", lambda _, names: names)
    told = found(measure, dataclasses.replace(TINY, framework_blocks=3))
    assert asked == [(None, ["train_step", "epoch"], 3)]
    of = [each for each in told.comparisons if each.session == TINY.sessions]
    assert {each.contender for each in of} == set(backend_names()[1:3])
    assert all({each.left.split()[0], each.right.split()[0]} == {each.contender} for each in of)
    assert [each.verdict for each in of if each.planted] == ["slower"] * 4
    assert {each.metric for each in of if each.planted} == {"train_step"}
    lines = [row["found"] for row in told.rows() if "against itself, with the threads" in row["what"]]
    assert lines == ["0 of 2 called faster or slower, 2 of 2 found slower by 10%"] * 2


def test_a_contender_that_fails_is_told_and_the_rest_is_kept(found):
    """One dies in its third block, one in its second, which leaves no interval, and one before its first."""

    def changes(name, block):
        gone = {"same 2": 2, "+5% 1": 1, "numpy 2": 0}
        return block if block.index < gone.get(name, 9) else None

    def measure(sides, suite, _):
        outcome = made_up(sides, suite, changes)
        for name in ("same 2", "+5% 1", "numpy 2"):
            if name in sides:
                outcome.failures[suite.workloads[0].name, name] = "it died"
        return outcome

    told = found(measure)
    assert {each.blocks for each in told.of(0.0)} == {2}
    assert {each.right for each in told.comparisons} == {"same 2", "+10% 1"}
    assert told.freezing == []
    assert told.failures[:2] == (
        "session 1, digits-network, same 2: it died",
        "session 1, digits-network, +5% 1: it died",
    )
    assert not told.passed


@pytest.mark.parametrize(
    ("at", "faults", "during"), [(0, 0, "session 1"), (3, 2, "fault: "), (-1, None, "overhead")]
)
def test_an_interruption_keeps_what_was_measured(monkeypatch, at, faults, during):
    """Whatever came before it is judged, and nothing comes after it."""
    timings = itertools.count()

    def interleave(suite, _workloads, participants, _data, _hire, outcome, *_):
        sides = {
            name: Side("numpy", planted={"slowdown": int(name[1:-3]) / 100} if name[0] == "+" else {})
            for name in next(iter(participants.values()))
        }
        outcome.blocks |= made_up(sides, suite).blocks
        if next(timings) == at:
            raise KeyboardInterrupt

    def interrupted(_):
        yield from ()
        raise KeyboardInterrupt

    def never(*_):
        yield from ()
        pytest.fail("nothing comes after an interruption")

    monkeypatch.setitem(EFFORTS, "quick", TINY)
    monkeypatch.setattr("benchmarks.selfcheck.check.interleave", interleave)
    monkeypatch.setattr(_Bench, "overhead", interrupted)
    monkeypatch.setattr(_Bench, "cross_check", never)
    told = check("quick", Watcher())
    assert (len(told.comparisons), told.found(0.05), told.found(0.1)) == (36, 12, 12)
    if faults is not None:
        assert (len(told.faults), told.freezing) == (faults, [])
    (failure,) = told.failures
    assert failure.startswith(during)
    assert "interrupted" in failure
    assert told.interrupted
    assert not told.passed


def test_what_was_cross_checked_before_an_interruption_stays(found):
    def broken_off(*_):
        yield cross(1.0)
        raise KeyboardInterrupt

    told = found(lambda sides, suite, _: made_up(sides, suite), cross_check=broken_off)
    assert (len(told.cross), told.interrupted) == (1, True)


def test_an_interrupted_self_check_replaces_no_whole_one(tmp_path):
    whole = selfcheck([comparison()] * 30)
    keep(whole, tmp_path)
    beside = keep(whole.model_copy(update={"interrupted": True, "comparisons": []}), tmp_path)
    assert beside.name.endswith(".quick.interrupted.json")
    assert read(beside.with_name(beside.name.replace(".interrupted", ""))) == whole


def test_ctrl_c_tells_what_was_measured_and_where_it_is(monkeypatch, tmp_path):
    ended = selfcheck([comparison()] * 30, interrupted=True)
    monkeypatch.setattr("benchmarks.selfcheck.check.check", lambda *_: ended)
    said = CliRunner().invoke(main, ["selfcheck", "--effort", "quick", "--results", str(tmp_path)])
    assert said.exit_code == 130
    assert "0 of 30" in said.stdout
    assert "quick.interrupted.json" in said.stdout
    assert "interrupted" in said.stderr


@pytest.mark.parametrize(
    ("says", "finds"),
    [(lambda name: f"2.0: {planted.SAID.get(name, '')}", True), (lambda _: "its process ended", False)],
    ids=["the fault", "something else"],
)
def test_a_fault_is_found_by_its_own_words(found, says, finds):
    """Not by anything that may happen to a worker, such as not being able to start."""

    def measure(sides, suite, what):
        outcome = made_up(sides, suite)
        if "planted" in sides:
            name = what.removeprefix("fault: ")
            outcome.failures[suite.workloads[0].name, "planted"] = says(name) if name in planted.SAID else ""
        return outcome

    told = found(measure)
    assert {fault.name: fault.found for fault in told.faults} == {
        **dict.fromkeys(planted.SAID, finds),
        "none": True,
    }


def test_verdicts_are_those_of_a_run(found):
    """A doubt leaves its comparisons open; one contender that is a little slower among many is chance."""

    def changes(name, block):
        return block.model_copy(update={"problems": ["it slept"]}) if name == "+10% 1" else block

    told = found(lambda sides, suite, _: made_up(sides, suite, changes))
    assert {each.verdict for each in told.of(0.1)} == {"inconclusive"}
    assert {each.doubts for each in told.of(0.1)} == {"+10% 1: it slept"}
    assert {each.verdict for each in told.of(0.05)} == {"slower"}


def test_a_check_that_fails_is_told(found):
    def failing(_):
        yield from ()
        raise WorkerFailed("worker", expected="a result", got="none", action="see its log")

    told = found(lambda sides, suite, _: made_up(sides, suite), overhead=failing)
    assert told.failures == ("overhead: worker: expected a result, got none; see its log",)
    assert math.isnan(told.overhead_share)
    assert not any("own time" in row["what"] for row in told.rows())
    assert SelfCheck.model_validate_json(told.model_dump_json()).failures == told.failures


@pytest.fixture
def bench(tmp_path):
    """What is checked with real workers."""
    suite = load_suite("selfcheck", {f"speed.{name}": value for name, value in FEW.items()})
    return _Bench(suite, launch.read_data(suite), Watcher(), tmp_path)


HELPED = """
import hashlib, time
from benchmarks.measures import planted
planted._helped(None)
own, every = time.thread_time(), time.process_time()
while time.thread_time() - own < 0.3:
    hashlib.sha256(planted.HASHED)
print((time.process_time() - every) / (time.thread_time() - own))
"""


def test_a_planted_thread_computes_beside_the_steps():
    """In a process of its own, as it never ends. However busy the machine is, both get their share."""
    done = subprocess.run([sys.executable, "-c", HELPED], capture_output=True, text=True, check=True)
    assert float(done.stdout) > BUSY_CORES


def test_planted_faults_are_found(bench):
    """Whether nothing is found in the control depends on how busy the machine is: the command tells."""
    told = {fault.name: fault for fault in bench.faults()}
    wanted = {*planted.FAULTS, "thread count ignored", "another dtype", "none"}
    assert set(told) == wanted - ({"a thread that nobody counts"} if cores()[1] < 2 else set())
    for name, says in planted.SAID.items():
        if name != "a thread that nobody counts":  # on a busy machine nobody is given two cores
            assert says in told[name].said
            assert told[name].found


def test_the_harness_costs_what_it_costs_where_steps_are_shortest(bench, monkeypatch):
    names = [workload.name for workload in bench.suite.workloads]
    shares = dict(zip(names, ((0.001, 2e-3), (0.004, 1e-3), (0.002, 3e-3)), strict=True))
    monkeypatch.setattr(bench, "_own_cost", shares.pop)
    assert list(bench.overhead()) == [(0.004, 3e-3)]
    assert not shares


def test_own_cost_and_other_tools(bench):
    ((share, seconds),) = bench.overhead()
    assert min(share, seconds) > 0
    told = list(bench.cross_check(2))
    assert {each.workload for each in told} == {each.name for each in bench.suite.workloads}
    assert {each.tool for each in told if each.contender == "numpy"} == {"pytest-benchmark"}
    assert all(0 < each.low <= each.ratio <= each.high for each in told)
