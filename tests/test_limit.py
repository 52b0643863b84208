"""The limit of a step: what is counted, what is divided by what, and how it is shown."""

from __future__ import annotations

import pytest

from benchmarks import roofline, tables
from benchmarks.datasets import load
from benchmarks.measures import limit
from benchmarks.plain.numpy_loop import products_of
from benchmarks.report.charts import charts
from benchmarks.report.markdown import text
from benchmarks.report.material import of
from benchmarks.report.styles import styles
from benchmarks.result import LimitData
from implementations import ModelSpec
from tests import synthetic_run


def model(layers, **changes):
    fields = {
        "inputs": [64],
        "layers": layers,
        "loss": {"name": "sparse_categorical_crossentropy", "from_logits": True},
        "optimizer": {"name": "sgd", "learning_rate": 0.1},
    }
    return ModelSpec.from_dict(fields | changes)


NETWORK = [{"units": 128, "activation": "relu"}, {"units": 64, "activation": "relu"}, {"units": 10}]


def test_floating_point_operations_are_those_of_the_products_that_are_timed(monkeypatch):
    """Counted once by formula, once from the shapes of the arrays that are multiplied."""
    counted = []

    def count(a, b, out):
        assert out.shape == (a.shape[0], b.shape[1])
        counted.append(2 * a.shape[0] * a.shape[1] * b.shape[1])

    no_bias = [{"units": 8, "activation": "glu", "use_bias": False}, {"units": 10}]
    for layers in (NETWORK, no_bias, [{"units": 10, "use_bias": False}]):
        shapes = limit.layers_of(model(layers))
        repeat = products_of(shapes, 32, "float32")
        with monkeypatch.context() as patch:
            patch.setattr("numpy.matmul", count)
            counted.clear()
            repeat(2)
        assert sum(counted) == 2 * limit.flops(shapes, 32)
        assert len(counted) == 2 * (3 * len(layers) - 1)


def test_least_bytes_are_examples_targets_and_parameters_twice():
    parameters = 65 * 128 + 129 * 64 + 65 * 10
    assert limit.least_bytes(model(NETWORK), 64) == 4 * (64 * (64 + 1) + 2 * parameters)
    dense = model([{"units": 10}], loss="mean_squared_error", dtype="float64")
    assert limit.least_bytes(dense, 2) == 8 * (2 * (64 + 10) + 2 * 650)


def test_nothing_is_calibrated_on_a_gpu_and_the_report_says_so(tmp_path):
    plain = {key: value for key, value in model(NETWORK).to_dict().items() if key != "inputs"}
    found = limit.compute({}, lambda: None, data=load("digits"), model=plain, device="gpu")
    data = LimitData(**found)
    assert data.calibration is None
    store = synthetic_run.write(tmp_path / "run")
    for workload in synthetic_run.WORKLOADS:
        store.write(synthetic_run.record(data, "numpy", workload))
    assert "not calibrated" in text(of(store))
    assert not len(tables.limit_shares(store.records()[0]))


def test_the_roof_is_the_lower_of_bandwidth_and_rate():
    found = roofline.limit(synthetic_run.limit())
    assert found.products_seconds == 50e-6
    assert found.own_rate == pytest.approx(25e9)
    assert found.square_rate == pytest.approx(40e9)
    assert found.bandwidth == pytest.approx(1e9)
    assert found.intensity == 100
    assert found.roof_seconds == pytest.approx(25e-6)
    assert roofline.limit(synthetic_run.limit(flops=1000)).roof_seconds == pytest.approx(10e-6)


def test_shares_are_floor_by_time_for_those_that_have_times(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    shares = tables.limit_shares(records).set_index(["metric", "workload", "contender"])["share"]
    for metric in ("train_step", "epoch"):  # here of ten such steps
        assert shares[metric, "network", "numpy"] == pytest.approx(0.5, rel=0.02)
        assert shares[metric, "network", "torch"] == pytest.approx(50 / 300, rel=0.02)
        assert shares[metric, "perceptron", "keras-jax"] == pytest.approx(1.0, rel=0.02)
        assert (metric, "network", "keras-jax") not in shares.index


def test_a_limit_of_another_track_is_nobody_s(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    others = [record for record in records if record.case.measure != "limit"]
    elsewhere = synthetic_run.record(synthetic_run.limit(), "numpy", threads=None)
    assert not len(tables.limit_shares([*others, elsewhere]))


def test_runs_without_a_limit_have_no_section(tmp_path):
    store = synthetic_run.write(tmp_path / "run")
    assert "How near to the limit?" in text(of(store))
    for workload in synthetic_run.WORKLOADS:
        (store.folder / "records" / f"{workload}.limit.numpy.cpu.single.json").unlink()
    assert "How near to the limit?" not in text(of(store))


def test_the_page_draws_a_roof_for_each_metric_tier_and_track(tmp_path):
    records, _ = synthetic_run.write(tmp_path / "run").records()
    other_track = [
        record.model_copy(update={"case": record.case.model_copy(update={"threads": None})})
        for record in records
    ]
    looks = styles(record.case.contender for record in records)
    made = charts([*records, *other_track], looks).charts
    drawn = [chart.traces for chart in made if chart.anchor == "limit"]
    assert len(drawn) == 4
    roof, products, numpy, *_ = drawn[0]
    assert roof["y"] == [pytest.approx(min(40e9, x * 1e9)) for x in roof["x"]]
    assert roof["x"][1] == pytest.approx(40)
    assert products["y"] == [pytest.approx(1e6 / 50e-6)] * 2
    assert numpy["name"] == "numpy"
    assert numpy["y"] == pytest.approx([1e6 / 100e-6] * 2, rel=0.02)
