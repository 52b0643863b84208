from __future__ import annotations

import pytest

from benchmarks.compare import Change, Comparison, IncomparableRuns, compare, compare_sides
from benchmarks.report.markdown import LONGEST, comparison_text
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


def test_an_element_that_no_longer_agrees_is_a_regression_and_is_named(tmp_path):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    for store, error in ((before, 0.1), (after, 9.0)):
        store.write(
            synthetic_run.record(synthetic_run.elements(error=error, passed=error < 1), "torch", "elements")
        )
    comparison = compare(before, after)
    (change,) = [each for each in comparison.changes if each.judgement == "regression"]
    assert (change.contender, change.what) == ("torch", "activation gelu value float64")
    assert comparison.exit_code == 1


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


def of(store, measure, contender="torch", workload="network"):
    return next(
        record
        for record in store.records()[0]
        if record.case.measure == measure
        and record.case.contender == contender
        and record.case.workload == workload
    )


def start_again(store, contender, starts=6, **stages):
    """Have a contender's starts take so many times as long in some stages, in all workloads."""
    for workload in synthetic_run.WORKLOADS:
        record = of(store, "speed", contender, workload)
        blocks = []
        for block in record.data.blocks:
            taken = {
                stage: stages.get(stage, 1.0) * seconds * (1 + block.index / 1000)
                for stage, seconds in block.stages.items()
                if block.index < starts or stage in ("build", "first_step")
            }
            blocks.append(block.model_copy(update={"stages": taken}))
        store.write(record.model_copy(update={"data": record.data.model_copy(update={"blocks": blocks})}))


def not_same(comparison):
    return [
        (change.contender, change.what, change.judgement)
        for change in comparison.changes
        if change.judgement != "same" and not change.what.startswith(("train_step", "epoch"))
    ]


def test_a_doubled_import_is_one_regression(tmp_path):
    """One, as all workloads have the same worker, and the stage says more than the whole start."""
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    start_again(before, "torch")
    start_again(after, "torch", **{"import": 2.0})
    comparison = compare(before, after)
    assert not_same(comparison) == [("torch", "import (cold)", "regression")]
    assert comparison.exit_code == 1
    assert "| regression | perceptron | torch | single | import (cold) | 2.00 (" in comparison_text(
        comparison
    )
    assert not_same(compare(after, before)) == [("torch", "import (cold)", "improvement")]


def test_a_start_that_no_stage_accounts_for_is_told_itself(tmp_path):
    """Each stage takes a little more, and varies by more than that."""
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    for store, more in ((before, 1.0), (after, 1.1)):
        start_again(store, "torch")
        for workload in synthetic_run.WORKLOADS:
            record = of(store, "speed", "torch", workload)
            blocks = [
                block.model_copy(
                    update={
                        "stages": {
                            "spawn": more * (0.3 + 0.05 * block.index),
                            "import": more * (0.7 - 0.05 * block.index),
                            "build": 0.1,
                            "first_step": 0.1 + 1e-5 * block.index,
                        }
                    }
                )
                for block in record.data.blocks
            ]
            store.write(record.model_copy(update={"data": record.data.model_copy(update={"blocks": blocks})}))
    told = not_same(compare(before, after))
    assert ("torch", "start (cold)", "regression") in told
    assert ("torch", "spawn (cold)", "inconclusive") in told


def test_a_single_start_stays_inconclusive(tmp_path):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    for store, more in ((before, 1.0), (after, 2.0)):
        for contender in ("numpy", "torch", "keras-jax"):
            start_again(store, contender, starts=1, **{"import": more})
    assert {change[1:] for change in not_same(compare(before, after))} == {("start (cold)", "inconclusive")}


def test_stages_that_nobody_waits_for_are_not_compared(tmp_path):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    start_again(before, "torch", build=1e-3)
    start_again(after, "torch", build=2e-3)
    assert not not_same(compare(before, after))


def test_sides_of_a_rerun_are_compared_in_their_starts(tmp_path):
    contenders = ["numpy@before", "numpy@after"]
    told = {"before": {"what": "b"}, "after": {"what": "a"}}
    store = RunStore.create(tmp_path / "r", synthetic_run.manifest("r", contenders=contenders, sides=told))
    for contender in contenders:
        for workload in synthetic_run.WORKLOADS:
            store.write(synthetic_run.record(synthetic_run.parity(), contender, workload))
            store.write(synthetic_run.record(synthetic_run.speed(1e-4), contender, workload))
    start_again(store, "numpy@before")
    start_again(store, "numpy@after", **{"import": 2.0})
    comparison = compare_sides(store)
    assert not_same(comparison) == [("numpy", "import (cold)", "regression")]
    assert comparison.exit_code == 1


def take(store, **times):
    """Have torch take so many times as much memory in some stages."""
    record = of(store, "memory")
    peaks = {stage: int(times.get(stage, 1) * peak) for stage, peak in record.data.peak_bytes.items()}
    store.write(record.model_copy(update={"data": record.data.model_copy(update={"peak_bytes": peaks})}))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ({"import": 2.0, "build": 2.0, "train": 2.0}, [("torch", "peak memory (import)", "regression")]),
        ({"train": 2.0}, [("torch", "peak memory (train)", "regression")]),
        ({"import": 0.5, "train": 1.2}, [("torch", "peak memory (train)", "regression")]),
        ({"train": 0.5}, [("torch", "peak memory (train)", "improvement")]),
        ({"train": 1.09}, []),
        ({"baseline": 1.9}, []),  # of 10 MB
    ],
)
def test_memory_beyond_the_margin_is_one_change(tmp_path, times, said):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    take(after, **times)
    comparison = compare(before, after)
    assert not_same(comparison) == said
    assert comparison.exit_code == any("regression" in change for change in said)
    if times == {"train": 2.0}:
        assert "| peak memory (train) | 200 MB -&gt; 400 MB |" in comparison_text(comparison)


def test_memory_on_the_gpu_counts(tmp_path):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    for store, peak in ((before, 10**9), (after, 2 * 10**9)):
        record = of(store, "memory")
        data = record.data.model_copy(update={"device_peak_bytes": {"train": peak}})
        store.write(record.model_copy(update={"data": data}))
    assert not_same(compare(before, after)) == [("torch", "peak memory (train on GPU)", "regression")]


def facts(part, **changes):
    """Return the made-up run's environment with one part changed."""
    return {"environment": {**synthetic_run.manifest().environment, part: changes}}


def settings(**changes):
    return {"settings": {**synthetic_run.manifest().settings, **changes}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (facts("machine", processor="slide rule", usable_cores=2), "machine processor"),
        (facts("packages", numpy="2.4.6", torch="1.0"), "packages torch"),
        (facts("python", version="3.99"), "python version"),
        (facts("variables", XLA_FLAGS="--fast"), "variables XLA_FLAGS"),
        ({"environment": {"accelerators": [{"name": "abacus"}]}}, "accelerators"),
        (
            {"environment": {"threadpools": [{"user_api": "blas", "internal_api": "mkl"}]}},
            "blas internal_api",
        ),
        (settings(threads=None), "setting threads"),
        (settings(speed={"preset": "rigorous"}), "setting speed preset"),
        (settings(speed={"freeze": False}), "setting speed freeze"),
        (settings(speed={"chunk_seconds": 1}), "setting speed chunk_seconds"),
        ({"suite": "other"}, "suite"),
    ],
)
def test_different_surroundings_are_refused_unless_forced(tmp_path, changes, told):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b", **changes)
    with pytest.raises(IncomparableRuns, match=f"{told}.*--force"):
        compare(before, after)
    assert compare(before, after, force=True).differences


def test_packages_that_an_early_manifest_does_not_name_are_not_known_to_differ(tmp_path):
    """Of those that name all, one that is missing is."""
    packages = {"numpy": "2.4.6", "torch": "2.13.0", "triton": "3.6"}
    newer = facts("packages", **packages)
    newer["environment"]["distributions"] = packages
    without = facts("packages", numpy="2.4.6", torch="2.13.0")
    without["environment"]["distributions"] = {}
    after = synthetic_run.write(tmp_path / "b", **newer)
    assert not compare(synthetic_run.write(tmp_path / "early"), after).differences
    with pytest.raises(IncomparableRuns, match=r"packages triton: None -> 3\.6"):
        compare(synthetic_run.write(tmp_path / "without", **without), after)


@pytest.mark.parametrize(
    "changes",
    [
        facts("machine", processor="abacus", usable_cores=2, memory_bytes=8 * 2**30),
        facts("variables", OMP_NUM_THREADS="7"),
        settings(speed={"block_limit": 60}),
    ],
)
def test_what_decides_nothing_is_not_refused(tmp_path, changes):
    memory = {"memory_bytes": 8 * 2**30 - 10**6, "processor": "abacus", "usable_cores": 2}
    plain = facts("machine", **memory) if "memory_bytes" in str(changes) else {}
    before = synthetic_run.write(tmp_path / "a", **plain)
    assert not compare(before, synthetic_run.write(tmp_path / "b", **changes)).differences


def test_another_model_of_the_same_name_is_refused(tmp_path):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    for record in after.records()[0]:
        if record.case.workload == "network":
            after.write(record.model_copy(update={"spec": {"model": {"units": 3}}}))
    with pytest.raises(IncomparableRuns, match="workload network model units: None -> 3"):
        compare(before, after)


def lose(store, measure, contender, status):
    record = next(
        record
        for record in store.records()[0]
        if (record.case.measure, record.case.contender) == (measure, contender)
    )
    if status == "missing":
        (store.folder / "records" / f"{record.case.id}.json").unlink()
    else:
        store.write(record.model_copy(update={"status": status, "reason": "it burst", "data": None}))


@pytest.mark.parametrize("status", ["failed", "skipped", "missing"])
@pytest.mark.parametrize("measure", ["parity", "curves", "speed", "memory"])
def test_what_can_no_longer_be_measured_is_a_regression(tmp_path, measure, status):
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    lose(after, measure, "torch", status)
    comparison = compare(before, after)
    assert comparison.exit_code == 1
    lost = [change for change in comparison.changes if change.lost]
    assert [(change.what, change.contender, change.judgement) for change in lost] == [
        (measure, "torch", "regression")
    ]
    assert status == "missing" or "it burst" in comparison_text(comparison)
    assert compare(after, before).exit_code == 0


def test_who_asks_for_less_loses_nothing(tmp_path):
    before = synthetic_run.write(tmp_path / "a")
    after = synthetic_run.write(tmp_path / "b", contenders=["numpy"])
    for contender in ("torch", "keras-jax"):
        for measure in ("elements", "parity", "curves", "speed", "memory"):
            for _ in synthetic_run.WORKLOADS if measure != "elements" else ("elements",):
                lose(after, measure, contender, "missing")
    assert compare(before, after).exit_code == 0


def test_times_that_were_wanted_and_none_that_was_compared_is_exit_code_2(tmp_path):
    """All passed parity before, none after, by a change that is forced to be no regression of parity."""
    before, after = (synthetic_run.write(tmp_path / name) for name in ("a", "b"))
    for record in before.records()[0]:
        if record.case.measure == "parity":
            before.write(record.model_copy(update={"status": "failed", "reason": "", "data": None}))
    comparison = compare(before, after)
    assert not [change for change in comparison.changes if change.ratio]
    assert comparison.exit_code == 2


@pytest.mark.parametrize("side", ["before", "after"])
def test_doubts_of_either_side_leave_it_inconclusive(tmp_path, side):
    stores = {
        name: synthetic_run.write(tmp_path / name, slower=factor)
        for name, factor in (("before", 1.0), ("after", 1.5))
    }
    for record in stores[side].records()[0]:
        if record.case.measure == "speed" and record.case.contender == "torch":
            blocks = [
                block.model_copy(update={"problems": ["2 threads instead of 1"]})
                for block in record.data.blocks
            ]
            data = record.data.model_copy(update={"blocks": blocks})
            stores[side].write(record.model_copy(update={"data": data}))
    comparison = compare(stores["before"], stores["after"])
    torch = [change for change in comparison.changes if change.ratio and change.contender == "torch"]
    assert {change.judgement for change in torch} == {"inconclusive"}
    assert all(f"{side}: 2 threads instead of 1" in change.why for change in torch)
    numpy = {
        change.judgement
        for change in comparison.changes
        if change.contender == "numpy" and change.what.startswith(("train_step", "epoch"))
    }
    assert numpy == {"regression"}


def test_doubts_of_a_side_of_a_rerun_leave_it_inconclusive(tmp_path):
    def write(name, problems):
        told = {"before": {"what": "b"}, "after": {"what": "a"}}
        contenders = ["numpy@before", "numpy@after"]
        store = RunStore.create(
            tmp_path / name, synthetic_run.manifest(name, contenders=contenders, sides=told)
        )
        for contender, seconds in zip(contenders, (1e-4, 2e-4), strict=True):
            store.write(synthetic_run.record(synthetic_run.parity(), contender))
            data = synthetic_run.speed(seconds)
            blocks = [block.model_copy(update={"problems": problems}) for block in data.blocks]
            store.write(synthetic_run.record(data.model_copy(update={"blocks": blocks}), contender))
        return compare_sides(store)

    assert judgements(write("sound", []), "train_step") == {"regression"}
    assert judgements(write("doubted", ["asleep"]), "train_step") == {"inconclusive"}


def test_nothing_in_common_is_exit_code_2(tmp_path):
    before = synthetic_run.write(tmp_path / "a")
    empty = RunStore.create(tmp_path / "b", synthetic_run.manifest("b"))
    assert compare(before, empty).exit_code == 2


def test_a_comment_is_never_too_long_and_begins_with_regressions(tmp_path):
    changes = [
        Change(f"workload {number}", "torch", "cpu", "single", "epoch", 1.0, 2.0, judgement, why="x" * 100)
        for judgement in ("inconclusive", "same", "regression")
        for number in range(500)
    ]
    told = comparison_text(Comparison("a", "b", [], changes))
    assert len(told) <= LONGEST
    rows = [line for line in told.splitlines() if line.startswith(("| regr", "| inc"))]
    assert [row.split()[1] for row in rows[:500]] == ["regression"] * min(500, len(rows))
    assert told.rstrip().endswith(f"and {1000 - len(rows)} more, left out for length")


@pytest.mark.parametrize("kind", ["running", "interrupted", "damaged"])
def test_what_is_not_whole_is_refused_and_said_when_forced(tmp_path, kind):
    """Records that a run has not come to yet are no regressions."""
    before, after = synthetic_run.write(tmp_path / "a"), synthetic_run.write(tmp_path / "b")
    if kind == "damaged":
        path = after.folder / "records" / f"{of(after, 'speed').case.id}.json"
        path.write_text("{")
    else:
        after.update_manifest(outcome=kind)
    with pytest.raises(IncomparableRuns, match="whole"):
        compare(before, after)
    (told,) = compare(before, after, force=True).differences
    assert (path.name if kind == "damaged" else kind) in told


def test_times_without_an_interval_are_nothing_that_could_be_compared(tmp_path):
    stores = [synthetic_run.write(tmp_path / name) for name in "ab"]
    assert compare(*stores).exit_code == 0
    for store in stores:
        for record in store.records()[0]:
            if record.case.measure == "speed":
                data = record.data.model_copy(update={"blocks": record.data.blocks[:1]})
                store.write(record.model_copy(update={"data": data}))
    assert compare(*stores).exit_code == 2


@pytest.mark.parametrize(("diverged", "judgement"), [((0, 1), "regression"), ((1, 0), "improvement")])
def test_trainings_that_diverge_are_counted(tmp_path, diverged, judgement):
    stores = [synthetic_run.write(tmp_path / name) for name in "ab"]
    for store, count in zip(stores, diverged, strict=True):
        record = of(store, "curves")
        for number in range(count):
            record.data.curves[number] = record.data.curves[number].model_copy(
                update={"diverged": True, "test": None}
            )
        store.write(record)
    (change,) = [each for each in compare(*stores).changes if each.what == "diverged trainings"]
    assert (change.before, change.after, change.judgement) == (*diverged, judgement)


@pytest.mark.parametrize(
    ("factor", "judgement"), [(1.5, "regression"), (0.5, "improvement"), (float("inf"), "regression")]
)
def test_the_loss_decides_where_there_is_no_accuracy(tmp_path, factor, judgement):
    stores = [synthetic_run.write(tmp_path / name) for name in "ab"]
    for store, times in zip(stores, (1.0, factor), strict=True):
        record = of(store, "curves")
        for number, curve in enumerate(record.data.curves):
            test = curve.test.model_copy(update={"accuracy": None, "loss": times * (0.1 + number / 1000)})
            record.data.curves[number] = curve.model_copy(update={"test": test})
        store.write(record)
    (change,) = [each for each in compare(*stores).changes if each.what == "test loss"]
    assert change.judgement == judgement
