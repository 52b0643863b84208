from __future__ import annotations

import pytest

from benchmarks.compare import IncomparableRuns, compare
from benchmarks.store import RunStore
from tests import synthetic_run


def judgements(comparison, what):
    return {change.judgement for change in comparison.changes if change.what.startswith(what)}


def test_a_run_against_itself_has_no_regression(tmp_path):
    store = synthetic_run.write(tmp_path / "a")
    comparison = compare(store, store)
    assert comparison.exit_code == 0
    assert {change.judgement for change in comparison.changes} <= {"same", "inconclusive"}
    assert judgements(comparison, "parity") == {"same"}


@pytest.mark.parametrize(("factor", "said", "code"), [(1.2, "regression", 1), (0.8, "improvement", 0)])
def test_changed_speed_is_found(tmp_path, factor, said, code):
    before, after = (synthetic_run.write(tmp_path / n, slower=f) for n, f in (("a", 1.0), ("b", factor)))
    comparison = compare(before, after)
    assert judgements(comparison, "train_step") == {said}
    assert comparison.exit_code == code
    assert not any(
        c.workload == "network" and c.contender == "keras-jax" and c.ratio for c in comparison.changes
    )


def test_lost_parity_is_a_regression(tmp_path):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    after.write(synthetic_run.record(synthetic_run.parity(passed=False), "torch"))
    assert "regression" in judgements(compare(before, after), "parity")


def test_lost_accuracy_is_a_regression(tmp_path):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    worse = synthetic_run.curves()
    for number, curve in enumerate(worse.curves):
        test = curve.test.model_copy(update={"accuracy": 0.5})
        worse.curves[number] = curve.model_copy(update={"test": test})
    after.write(synthetic_run.record(worse, "torch"))
    assert "regression" in judgements(compare(before, after), "test accuracy")


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": {"machine": {"processor": "slide rule"}}},
        {"environment": {"packages": {"torch": "1.0"}}},
        {"settings": {"threads": None, "device": "cpu"}},
    ],
)
def test_different_surroundings_are_refused_unless_forced(tmp_path, changes):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b", **changes)
    with pytest.raises(IncomparableRuns, match="--force"):
        compare(before, after)
    assert compare(before, after, force=True).differences


def test_nothing_in_common_is_exit_code_2(tmp_path):
    before = synthetic_run.write(tmp_path / "a")
    empty = RunStore.create(tmp_path / "b", synthetic_run.manifest("b"))
    assert compare(before, empty).exit_code == 2
