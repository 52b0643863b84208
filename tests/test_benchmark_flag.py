"""`pytest --benchmark` as its users meet it, in processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import stats
from benchmarks.result import SpeedData
from benchmarks.store import RunStore, runs_in
from benchmarks.test_speed import Replay
from tests import small_suite

ROOT = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    (tmp_path / "small.toml").write_text(small_suite.TEXT)
    (tmp_path / "pair.toml").write_text(small_suite.TIMED_PAIR)

    def run(*arguments, path="benchmarks"):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            ROOT / "pyproject.toml",
            "--rootdir",
            ROOT,
            ROOT / path,
        ]
        return subprocess.run(
            [*map(str, command), "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_a_pair_of_readings_lies_as_far_apart_as_asked():
    timer = Replay()
    timer.load([0.25, 1e-9])
    readings = [timer() for _ in range(4)]
    assert [readings[1] - readings[0], readings[3] - readings[2]] == [0.25, 1e-9]
    assert timer() < timer()


def test_table_and_json_hold_what_the_harness_measured(run, tmp_path):
    done = run("--benchmark", "--suite", "small.toml", "-k", "numpy and step", "--benchmark-json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "w train_step (loop)" in done.stdout
    (told,) = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    (folder,) = runs_in(tmp_path / "results")
    record = next(each for each in RunStore.open(folder).records()[0] if each.case.measure == "speed")
    measured = [
        seconds / samples.iterations
        for block in record.data.blocks
        for samples in block.samples
        if samples.metric == "train_step"
        for seconds in samples.seconds
    ]
    assert told["stats"]["data"] == measured
    assert told["stats"]["rounds"] == len(measured) == 4
    assert told["extra_info"]["parity"]["float64"] <= 1e-12
    assert told["extra_info"]["verdict"] == "reference"
    assert (told["extra_info"]["contender"], told["extra_info"]["tier"]) == ("numpy", "loop")


def strict(text):
    """Return JSON that holds nothing which only Python reads."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("blocks", [1, 2])
def test_json_has_the_ratio_with_its_interval(run, tmp_path, blocks):
    text = (tmp_path / "pair.toml").read_text().replace("blocks = 2", f"blocks = {blocks}")
    (tmp_path / "pair.toml").write_text(text.replace("block_limit = 2", f"block_limit = {blocks}"))
    done = run("--benchmark", "--suite", "pair.toml", "--benchmark-json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = strict((tmp_path / "out.json").read_text())["benchmarks"]
    ratios = {each["extra_info"]["contender"]: each["extra_info"]["ratio"] for each in told}
    assert set(ratios) == {"numpy", small_suite.SECOND}
    assert all(set(ratio) == {"to", "estimate", "low", "high"} for ratio in ratios.values())
    (folder,) = runs_in(tmp_path / "results")
    data = {
        record.case.contender: record.data
        for record in RunStore.open(folder).each()
        if isinstance(record.data, SpeedData)
    }
    expected = stats.paired_ratio(data[small_suite.SECOND], data["numpy"], "train_step")
    ratio = ratios[small_suite.SECOND]
    assert (ratio["to"], ratio["estimate"]) == ("numpy", expected.estimate)
    interval = [None, None] if blocks == 1 else [expected.low, expected.high]
    assert [ratio["low"], ratio["high"]] == interval


def test_saved_runs_can_be_compared_by_pytest_benchmark_itself(run, tmp_path):
    for _ in range(2):
        done = run("--benchmark", "--suite", "small.toml", "-k", "predict", "--benchmark-save", "x")
        assert done.returncode == 0, done.stdout + done.stderr
    done = run("--benchmark", "--suite", "small.toml", "-k", "predict", "--benchmark-compare")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Comparing against benchmarks from" in done.stdout + done.stderr
    command = [sys.executable, "-m", "pytest_benchmark", "compare"]
    table = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert table.returncode == 0
    assert "test_speed[numpy-predict-w]" in table.stdout


def test_without_the_flag_no_benchmark_is_collected(run):
    done = run("--collect-only", "-q")
    assert "test_speed" not in done.stdout


def test_benchmark_file_without_the_flag_says_what_to_add(run):
    done = run(path="benchmarks/test_speed.py")
    assert done.returncode == 4
    assert "add --benchmark" in done.stderr


def test_unknown_suite_is_told(run):
    done = run("--benchmark", "--suite", "nosuch")
    assert done.returncode != 0
    assert "expected one of accuracy, course" in done.stdout + done.stderr
