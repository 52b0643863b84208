from __future__ import annotations

import math

import pytest

from benchmarks.suite import load_suite, suite_names
from implementations import InvalidInput, ModelSpec

MINIMAL = """
description = "x"
measures = ["curves"]
[[workloads]]
name = "w"
dataset = { name = "iris" }
[workloads.model]
layers = [{ units = 3, activation = "softmax" }]
loss = "sparse_categorical_crossentropy"
optimizer = { name = "sgd", learning_rate = 0.1 }
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize("name", suite_names())
def test_suites_are_complete(name):
    suite = load_suite(name)
    assert suite.description
    assert suite.workloads
    for workload in suite.workloads:
        ModelSpec.from_dict({"inputs": [1], **workload.model})


def test_quick_is_what_the_readme_says():
    suite = load_suite("quick")
    assert [workload.dataset["name"] for workload in suite.workloads] == [
        "breast_cancer",
        "digits",
        "diabetes",
    ]


def test_course_has_every_level_that_its_findings_read():
    levels: dict[str | None, list[str | None]] = {}
    for workload in load_suite("course").workloads:
        levels.setdefault(workload.experiment, []).append(workload.level)
    assert levels["logic-gates"] == ["perceptron AND", "perceptron OR", "perceptron XOR", "network XOR"]
    assert [float(level or "") for level in levels["learning-rate"]] == [1e-4, 1e-3, 0.01, 0.1, 1, 10]
    assert levels["momentum"] == ["0", "0.5", "0.9", "0.99", "0.9 Nesterov"]
    assert levels["overfitting"] == ["baseline", "L2", "dropout", "early stopping"]
    assert levels["tensor-ranks"] == ["vector", "time series", "image"]


def test_grid_makes_every_combination():
    suite = load_suite("speed")
    assert len(suite.workloads) == 12
    assert len({workload.name for workload in suite.workloads}) == 12
    sizes = {(w.model["layers"][0]["units"], w.model["batch_size"]) for w in suite.workloads}
    assert (2048, 16) in sizes


def test_growth_goes_from_one_parameter_to_a_million_and_from_one_example_to_4096():
    sizes, batches = set(), set()
    for workload in load_suite("growth").workloads:
        model = ModelSpec.from_dict({"inputs": [workload.dataset["features"]], **workload.model})
        sizes.add(sum(map(math.prod, model.network.parameter_shapes)))
        batches.add(model.batch_size)
        assert workload.dataset["examples"] * 0.6 >= model.batch_size
    assert min(sizes) == 1
    assert max(sizes) == pytest.approx(1e6, rel=0.01)
    assert (min(batches), max(batches)) == (1, 4096)


@pytest.mark.parametrize("name", ["crossover", "growth"])
def test_maps_have_what_they_need(name):
    suite = load_suite(name, {"speed.preset": "quick"})
    assert {"speed", "limit"} <= set(suite.measures)
    assert suite.speed.metrics == ["train_step"]
    assert all(workload.experiment for workload in suite.workloads)


def test_suite_convention_is_written_into_models(written):
    suite = load_suite(written('convention = "torch"\n' + MINIMAL))
    assert suite.workloads[0].model["optimizer"]["convention"] == "torch"


def test_overrides():
    suite = load_suite("quick", {"speed.blocks": 7, "threads": "default", "workloads.0.model.epochs": 2})
    assert suite.speed.blocks == 7
    assert suite.threads is None
    assert suite.workloads[0].model["epochs"] == 2


def test_measures_of_one_workload(written):
    suite = load_suite(written(MINIMAL.replace('name = "w"', 'name = "w"\nmeasures = ["parity"]')))
    assert suite.having("parity")
    assert not suite.having("curves")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "iris"', 'name = "irish"', "dataset"),
        ('"softmax"', '"sofmax"', "activation.*softmax"),
        ('"sparse_categorical_crossentropy"', '"crossentropy"', "loss"),
        ('"sgd"', '"sdg"', "optimizer.*sgd"),
        ('measures = ["curves"]', 'measures = ["looks"]', "measures"),
        ('measures = ["curves"]', 'measures = ["speed"]', "no parity, no time"),
        ('description = "x"', 'description = "x"\nspeeed = 1', "speeed"),
        ('description = "x"', 'description = "x"\ncontenders = ["theano"]', "contender"),
        ('description = "x"', 'description = "x"\ndevice = "tpu"', "device"),
        ('description = "x"', 'description = "x"\nconvention = "jax"', "convention"),
        ('description = "x"', "description = ", "TOML"),
        ('name = "w"', 'name = "a/b"', "workload name"),
        ("learning_rate = 0.1", "learning_rate = -1", "learning_rate"),
        ("units = 3", "units = 0", "units"),
    ],
)
def test_wrong_suites_say_what_is_wrong(written, old, new, says):
    assert old in MINIMAL
    with pytest.raises(InvalidInput, match=says):
        load_suite(written(MINIMAL.replace(old, new)))


def test_two_workloads_of_one_name(written):
    with pytest.raises(InvalidInput, match="w twice"):
        load_suite(written(MINIMAL + MINIMAL[MINIMAL.index("[[workloads]]") :]))


def test_unknown_suite_and_missing_file(tmp_path):
    with pytest.raises(InvalidInput, match="quick"):
        load_suite("quik")
    with pytest.raises(InvalidInput, match="readable TOML file"):
        load_suite(str(tmp_path / "nothing.toml"))


def test_copies_to_the_device_are_timed_where_there_is_one():
    assert "place" in load_suite("gpu").speed.metrics
    assert "place" in load_suite("speed", {"device": "gpu", "speed.preset": "rigorous"}).speed.metrics
    assert "place" not in load_suite("speed").speed.metrics
    assert load_suite("gpu", {"speed.metrics": ["epoch"]}).speed.metrics == ["epoch"]
    with pytest.raises(InvalidInput, match="on a GPU only"):
        load_suite("quick", {"speed.metrics": ["place"]})
