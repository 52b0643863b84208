from __future__ import annotations

import math
import re

import pytest

from benchmarks import findings
from benchmarks.result import Agreement, CurvesData, ElementsData
from tests import synthetic_run


def experiment(name, levels):
    """Return the finding of an experiment whose levels have these curves."""
    records = [
        synthetic_run.record(
            CurvesData(task="classification", curves=curves), "torch", f"w{n}", experiment=name, level=level
        )
        for n, (level, curves) in enumerate(levels.items())
    ]
    return findings.course(records)[0]


def curve(*losses, **changes):
    plain = {
        "losses": losses,
        "train_accuracy": None,
        "validation_accuracy": None,
        "best_epoch": len(losses) - 1,
        "test": None,
    }
    return synthetic_run.curve(**plain | changes)


def test_verdict_tells_who_agrees_and_who_does_not(tmp_path):
    agreement, speed, beware = findings.verdict(synthetic_run.write(tmp_path / "run").records()[0])
    assert "2 of 3 contenders compute the same" in agreement
    assert "keras-jax does not on network" in agreement
    assert "2.0e-16 in float64" in agreement
    assert "95 of 100 on network" in agreement
    assert re.search(r"torch 3\.\d+ \(3\.\d+ to 3\.\d+\)", speed)
    assert "keras-jax on 1 of 2 workloads" in speed
    assert "1 check of parity did not pass" in beware
    assert "1 case not timed" not in beware


def test_verdict_names_elements_that_are_wrong():
    def agreement(name, *, passed, deviation=None):
        return Agreement(
            kind="activation", name=name, quantity="value", dtype="float64", error=9.0, tolerance=4.0,
            passed=passed, deviation=deviation,
        )  # fmt: skip

    judged = [
        agreement("relu", passed=True),
        agreement("softmax", passed=False),
        agreement("gelu", passed=True, deviation="constants"),
    ]
    records = [
        synthetic_run.record(ElementsData(agreements=judged, passed=False), "numpy", "elements"),
        synthetic_run.record(ElementsData(agreements=judged[:1], passed=True), "torch", "elements"),
    ]
    first = findings.verdict(records)[0]
    assert first.startswith("3 of 4 elements of the catalogue in 2 contenders give the exact results")
    assert "1 of these with known deviations; numpy does not in softmax." in first


def test_verdict_follows_the_reference(tmp_path):
    _, speed, _ = findings.verdict(synthetic_run.write(tmp_path / "run").records()[0], "torch")
    assert "relative to torch" in speed
    assert re.search(r"numpy 0\.3\d+", speed)


def test_a_mean_over_fewer_workloads_and_another_reference_are_told():
    timed = [
        *(
            (name, "small", seconds)
            for name, seconds in (("numpy", 1e-4), ("torch", 3e-4), ("keras-jax", 2e-4))
        ),
        *((name, "large", seconds) for name, seconds in (("numpy", 1e-4), ("torch", 3e-4))),
        *((name, "torch's", seconds) for name, seconds in (("torch", 1e-4), ("keras-jax", 5e-4))),
    ]
    records = [
        synthetic_run.record(data, name, workload)
        for name, workload, seconds in timed
        for data in (synthetic_run.parity(), synthetic_run.speed(seconds))
    ]
    speed = findings.verdict(records)[1]
    assert re.search(r"keras-jax 2\.0\d* \([^)]*\) on 1 of 2 workloads", speed)
    assert re.search(r"relative to torch \(geometric[^:]*: keras-jax [45]\.", speed)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (100.1e-6, "numpy or torch (not told apart) on 1 of 2 workloads"),
        (130e-6, "numpy on 2 of 2 workloads took the least time"),
    ],
)
def test_whoever_cannot_be_told_from_the_fastest_is_named_with_it(other, told):
    """However their medians lie: with a thousandth between them nobody is the fastest."""
    timed = [
        ("numpy", "small", 100e-6),
        ("torch", "small", other),
        ("keras-jax", "small", 400e-6),
        ("numpy", "large", 100e-6),
        ("torch", "large", 300e-6),
    ]
    records = [
        synthetic_run.record(data, name, workload)
        for number, (name, workload, seconds) in enumerate(timed)
        for data in (synthetic_run.parity(), synthetic_run.speed(seconds, seed=number))
    ]
    speed = findings.verdict(records)[1]
    assert told in speed
    assert "keras-jax on" not in speed


def test_verdict_of_nothing():
    assert findings.verdict([]) == []


def test_different_right_answers_are_told():
    records = [synthetic_run.record(synthetic_run.curves(), contender) for contender in ("numpy", "torch")]
    other = records[1].data.curves[-1]
    records[1].data.curves[-1] = other.model_copy(
        update={"test": other.test.model_copy(update={"correct": 94})}
    )
    assert "do not learn the same on network" in findings.verdict(records)[0]


def test_failed_cases_and_few_blocks_are_warned_of():
    timed = synthetic_run.record(synthetic_run.speed(1e-4, blocks=2), "numpy")
    failed = timed.model_copy(update={"status": "failed", "data": None})
    assert "1 case failed; 2 blocks" in findings.verdict([timed, failed])[-1]


@pytest.mark.parametrize(("xor", "holds"), [(0.75, True), (1.0, False)])
def test_logic_gates(xor, holds):
    right = [0.5, 1.0]
    finding = experiment(
        "logic-gates",
        {
            "perceptron AND": [curve(1, 0, train_accuracy=right)],
            "perceptron OR": [curve(1, 0, train_accuracy=right)],
            "perceptron XOR": [curve(1, 1, train_accuracy=[0.5, xor])],
            "network XOR": [curve(1, 0, train_accuracy=right)],
        },
    )
    assert finding.holds is holds
    assert f"perceptron XOR: {int(xor)} of 1 trainings" in finding.sentence


@pytest.mark.parametrize("diverges", [True, False])
def test_learning_rate(diverges):
    finding = experiment(
        "learning-rate",
        {
            "0.001": [curve(8, 7, 6)],
            "0.1": [curve(8, 1, 1)],
            "10.0": [curve(8, 90, math.inf, diverged=True) if diverges else curve(8, 1, 1)],
        },
    )
    assert finding.holds is diverges
    assert "0.001: never; 0.1: 10" in finding.sentence
    assert ("1 of 1 diverge" in finding.sentence) is diverges


@pytest.mark.parametrize(("fast", "holds"), [((8, 1, 1), True), ((8, 8, 8), False)])
def test_momentum(fast, holds):
    finding = experiment("momentum", {"0": [curve(8, 4, 2)], "0.9": [curve(*fast)]})
    assert finding.holds is holds
    assert "0: 20" in finding.sentence


@pytest.mark.parametrize(("narrowed", "holds"), [(0.2, True), (9.0, False)])
def test_overfitting(narrowed, holds):
    base = curve(2, 1, 0.1, validation_loss=[2, 1.1, 3])
    other = curve(2, 1, 0.1, validation_loss=[2, 1.1, 0.1 + narrowed])
    finding = experiment("overfitting", {"baseline": [base], "L2": [other]})
    assert finding.holds is holds
    assert "baseline: 2.90" in finding.sentence


def test_gap_of_early_stopping_is_that_of_the_best_epoch():
    stopped = curve(2, 1, 0.1, validation_loss=[2, 1.5, 3], best_epoch=1, stopped_early=True)
    assert findings.gap(stopped) == 0.5


@pytest.mark.parametrize(("other", "holds"), [(1.0, True), (1.1, False)])
def test_tensor_ranks(other, holds):
    finding = experiment("tensor-ranks", {"vector": [curve(2, 1.0)], "image": [curve(2, other)]})
    assert finding.holds is holds


def test_missing_levels_do_not_hold():
    assert not experiment("tensor-ranks", {"vector": [curve(2, 1.0)]}).holds
    assert not experiment("momentum", {"0": [curve(2, 1.0)]}).holds
    assert not experiment("overfitting", {"baseline": [curve(2, 1.0, 1.0)]}).holds
