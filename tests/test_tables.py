from __future__ import annotations

import math

import pytest

from benchmarks import tables
from benchmarks.result import CurvesData
from tests import synthetic_run

TIMED = synthetic_run.speed(1e-4)


def test_no_parity_no_time(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    speed, start = tables.speed(records), tables.cold_start(records)
    for table in (speed, start):
        shown = set(zip(table["workload"], table["contender"], strict=True))
        assert ("perceptron", "keras-jax") in shown
        assert ("network", "keras-jax") not in shown
        assert ("network", "torch") in shown


def test_without_any_parity_record_nothing_is_timed(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    assert not len(tables.speed([record for record in records if record.case.measure != "parity"]))


def test_ratios_are_to_numpy(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    table = tables.speed(records)
    torch = table[(table["contender"] == "torch") & (table["metric"] == "train_step")]
    assert set(table["reference"]) == {"numpy"}
    assert torch["ratio"].between(2.9, 3.1).all()
    assert set(torch["verdict"]) == {"slower"}
    assert set(table[table["contender"] == "numpy"]["verdict"]) == {"reference"}


def test_another_reference_where_numpy_did_not_take_part(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    table = tables.speed([record for record in records if record.case.contender != "numpy"])
    assert set(table["reference"]) == {"torch"}


def test_whoever_is_not_slower_than_the_fastest_wins(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    table = tables.fastest(records)
    steps = table[table["metric"] == "train_step"].set_index(["workload", "contender"])
    assert steps["wins"].to_dict() == {
        ("perceptron", "numpy"): False,
        ("perceptron", "torch"): False,
        ("perceptron", "keras-jax"): True,
        ("network", "numpy"): True,
        ("network", "torch"): False,
    }
    assert set(table["verdict"]) == {"fastest", "slower"}
    twins = [
        synthetic_run.record(data, name)
        for name, seed in (("numpy", 1), ("torch", 2))
        for data in (synthetic_run.parity(), synthetic_run.speed(1e-4, seed=seed))
    ]
    assert tables.fastest(twins)["wins"].all()


def test_the_time_of_a_start_ends_with_the_steady_step(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    row = tables.cold_start(records).set_index(["workload", "contender"]).loc["network", "torch"]
    assert row["steady_step_seconds"] == pytest.approx(300e-6, rel=0.02)
    assert row["warm_up_steps"] == 10
    assert row["warm_up_seconds"] is None  # the record does not have it


def test_stages_of_a_start_have_intervals_and_verdicts(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    table = tables.cold_start_ratios(records).set_index(["workload", "contender", "stage"])
    assert set(table.index.get_level_values("stage")) == {"spawn", "import", "build", "first_step", "start"}
    assert set(table["verdict"]) == {"same"}
    assert set(table["blocks"]) == {6}


def test_a_stage_that_was_measured_once_is_not_judged(tmp_path):
    """As in `quick`, whose first block alone starts its workers one by one."""

    def later_blocks_begin_with_the_build(record):
        first, *others = record.data.blocks
        bare = [block.model_copy(update={"stages": {"build": 0.2, "first_step": 0.1}}) for block in others]
        data = record.data.model_copy(update={"blocks": [first, *bare]})
        return record.model_copy(update={"data": data})

    records, _ = synthetic_run.write(tmp_path / "run").records()
    table = tables.cold_start_ratios(
        [
            later_blocks_begin_with_the_build(each) if each.case.measure == "speed" else each
            for each in records
        ]
    )
    judged = table.groupby("stage")["verdict"].agg(set).to_dict()
    assert judged["import"] == judged["start"] == {"not judged"}
    assert judged["build"] == judged["first_step"] == {"same"}


def test_memory_on_a_gpu_has_its_columns():
    data = synthetic_run.memory().model_copy(
        update={"device_peak_bytes": {"build": 10**6, "train": 10**7}, "device_process_bytes": 10**9}
    )
    (row,) = tables.memory([synthetic_run.record(data, "torch", device="gpu")]).to_dict("records")
    assert (row["train on GPU_bytes"], row["process on GPU_bytes"]) == (10**7, 10**9)


def test_curves_tell_means_intervals_and_right_answers(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    table = tables.curves(records)
    row = table[(table["contender"] == "torch") & (table["dtype"] == "float32")].iloc[0]
    assert row["seeds"] == 3
    assert row["test_accuracy"] == pytest.approx(0.95)
    assert row["test_correct"] == "95, 95, 95"


def test_tables_without_rows_are_left_out():
    assert tables.tables([]) == {}


def test_every_measure_has_its_table(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    assert set(tables.tables(records)) == {
        "parity",
        "pairs",
        "elements",
        "curves",
        "speed",
        "cold_start",
        "cold_start_ratios",
        "break_even",
        "limit",
        "limit_shares",
        "profile",
        "profile_parts",
        "memory",
        "cases",
    }


def test_pairs_tell_distances_between_contenders_as_multiples_of_the_noise():
    records = [
        synthetic_run.record(synthetic_run.parity(side=side), contender, "network")
        for contender, side in (("torch", 0.0), ("keras-jax", 1.0), ("keras-torch", 3.0))
    ]
    frame = tables.pairs(records)
    float32 = frame[frame["dtype"] == "float32"].set_index(["contender", "other"])
    near, far = float32.loc[("torch", "keras-jax")], float32.loc[("torch", "keras-torch")]
    assert near["largest_distance"] == pytest.approx(3e-7)
    assert (near["noise_ratio"], near["noise_ratio_step"]) == (pytest.approx(3), 100)
    assert near["noise_verdict"] == "unclear"
    assert far["noise_ratio"] == pytest.approx(9)
    assert far["noise_verdict"] == "semantic"
    assert frame[frame["dtype"] == "float64"]["noise_ratio"].isna().all()


def test_trainings_of_earlier_records_have_no_pairs():
    data = synthetic_run.parity()
    old = data.model_copy(
        update={"trajectories": [each.model_copy(update={"sums": None}) for each in data.trajectories]}
    )
    records = [synthetic_run.record(old, name, "network") for name in ("torch", "keras-jax")]
    assert not len(tables.pairs(records))


def test_a_distance_that_is_no_number_is_semantic():
    data = synthetic_run.parity()
    broken = data.model_copy(
        update={
            "trajectories": [
                each.model_copy(update={"sums": [[0.0, 0.0], [math.nan, 0.0]]}) for each in data.trajectories
            ]
        }
    )
    records = [synthetic_run.record(each, name, "network") for each, name in ((data, "a"), (broken, "b"))]
    assert set(tables.pairs(records)["noise_verdict"].dropna()) == {"semantic"}


def test_a_training_that_never_reached_its_target_is_infinitely_long():
    reaching = [synthetic_run.curve(seed) for seed in range(2)]
    missing = synthetic_run.curve(2, validation_accuracy=[0.1, 0.2, 0.3])

    def row(*curves):
        learned = synthetic_run.record(CurvesData(task="classification", curves=list(curves)), "torch")
        others = [synthetic_run.record(data, "torch") for data in (synthetic_run.parity(), TIMED)]
        aimed = learned.model_copy(update={"spec": {"target_accuracy": 0.9}})
        (found,) = tables.time_to_target([aimed, *others]).to_dict("records")
        return found

    start = 0.1 + 1.0 + 0.1 + 0.1
    found = row(*reaching, missing)
    assert (found["seeds"], found["reached"], found["epochs"]) == (3, 2, 2.0)
    assert found["seconds"] == pytest.approx(start + 2 * 10 * 1e-4, rel=0.05)
    found = row(reaching[0], missing, missing)
    assert (found["reached"], found["epochs"], found["seconds"]) == (1, math.inf, math.inf)


def test_without_a_target_there_is_no_time_to_it():
    records = [
        synthetic_run.record(data, "torch")
        for data in (synthetic_run.curves(), synthetic_run.parity(), TIMED)
    ]
    assert not len(tables.time_to_target(records))


def test_every_contender_breaks_even_with_every_other_or_never():
    """Who starts in 1 s and takes 100 µs a step is overtaken by who starts in 3 s and takes 50 µs."""

    def starting(data, seconds):
        blocks = [
            block.model_copy(update={"stages": {**block.stages, "import": seconds}}) for block in data.blocks
        ]
        return data.model_copy(update={"blocks": blocks})

    records = [
        synthetic_run.record(data, name)
        for name, start, step in (("numpy", 1.0, 1e-4), ("torch", 3.0, 5e-5), ("slow", 4.0, 2e-4))
        for data in (synthetic_run.parity(), starting(synthetic_run.speed(step, noise=1e-6), start))
    ]
    records.append(synthetic_run.record(synthetic_run.parity(), "untimed"))
    table = tables.break_even(records).set_index(["contender", "other"])["break_even_steps"].to_dict()
    assert table.pop(("torch", "numpy")) == pytest.approx(2 / 5e-5, rel=0.01)
    assert table.pop(("numpy", "slow")) == table.pop(("torch", "slow")) == 0
    assert table == dict.fromkeys([("numpy", "torch"), ("slow", "numpy"), ("slow", "torch")], math.inf)
