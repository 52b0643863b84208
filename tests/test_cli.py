"""The command as its users meet it: exit codes, one line for each error, JSON and nothing else."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.cli import main
from tests import small_suite, synthetic_run

KINDS = [
    "contenders",
    "suites",
    "datasets",
    "activations",
    "losses",
    "optimizers",
    "schedules",
    "normalizations",
    "regularizations",
    "metrics",
    "initializers",
    "runs",
]


def versus(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(small_suite.TEXT)
    return path


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


@pytest.mark.parametrize("command", ["run", "parity", "report", "compare", "list", "doctor"])
def test_every_command_explains_itself(command):
    shown = versus(command, "--help")
    assert shown.exit_code == 0
    assert "--json" in shown.stdout


def test_run_prints_verdicts_and_the_path_of_its_report(suite, results):
    done = versus("run", suite, "--results", results)
    assert done.exit_code == 0, done.output
    assert "1 of 1 contenders compute the same" in " ".join(done.stdout.split())
    path = done.stdout.strip().splitlines()[-1].removeprefix("report: ")
    assert path.endswith("report.html")
    assert Path(path).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_is_all_that_standard_output_holds(suite, results):
    done = versus("run", suite, "--results", results, "--json", "--set", "measures=['parity']")
    told = json.loads(done.stdout)
    assert told["passed"] is True
    assert set(told["tables"]) == {"parity", "cases"}


def test_parity_asks_nothing_else(suite, results):
    done = versus("parity", suite, "--results", results, "--json")
    assert done.exit_code == 0
    assert {case["measure"] for case in json.loads(done.stdout)["tables"]["cases"]} == {
        "card",
        "elements",
        "parity",
    }


def test_disagreement_is_exit_code_1(suite, results, monkeypatch):
    from benchmarks.measures import parity

    monkeypatch.setattr(parity, "FLOAT32_TOLERANCE_PER_ROOT_STEP", 0.0)
    monkeypatch.setattr(parity, "NOISE_RATIO", 0.0)
    done = versus("run", suite, "--results", results, "--set", "measures=['parity']")
    assert done.exit_code == 1
    assert "FAILED" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "quik"], "suite"),
        (["run", "--contenders", "theano"], "contender|backend"),
        (["run", "--device", "tpu"], "tpu"),
        (["run", "--threads", "many"], "threads"),
        (["run", "--set", "speed"], "KEY=VALUE"),
        (["run", "--set", "speed.blocks=none"], "speed.blocks"),
        (["run", "--set", "workloads.0.dataset.name=irish"], "irish"),
        (["run", "--set", "workloads.0.model.layers.0.activation=sigmoids"], "sigmoid"),
        (["run", "--resume", "nothing"], "run nothing"),
        (["run", "--resume", "nothing", "--threads", "2"], "no other choices"),
        (["parity", "--card", "parity-full"], "no choices but --contenders and --json, got [SUITE]"),
        (["parity", "--card", "--full", "--device", "cpu"], "got --full, --device"),
        (["parity", "--card", "--set", "seed=1", "--resume", "x"], "got --set, --results, --resume"),
        (["report", "nothing"], "run nothing"),
        (["compare", "a", "b"], "run a"),
        (["list", "cats"], "cats"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, says, results):
    where = ["--results", results] if arguments[0] != "list" else []
    done = versus(*arguments, *where)
    assert done.exit_code == 2
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert any(word in last for word in says.split("|"))
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
def test_results_folder_that_cannot_be_written(suite, tmp_path):
    (tmp_path / "file").write_text("")
    done = versus("run", suite, "--results", tmp_path / "file" / "results")
    assert done.exit_code == 2
    assert "can be written" in done.stderr


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("function", "name", "says"),
    [
        ("open", "numpy.log", "/logs: expected a folder that can be written"),
        ("mkdir", "temporary", "temporary files in .*: expected a folder that can be written"),
        ("mkdir", "w", "results in .*: expected a folder that can be written"),  # parameters of the reference
        ("write_text", "report.html", "report in .*: expected a folder that can be written"),
    ],
)
def test_a_full_disk_is_one_line_and_exit_code_2(suite, results, monkeypatch, function, name, says):
    whole = getattr(Path, function)
    monkeypatch.setattr(
        Path, function, lambda path, *a, **b: (full if path.name == name else whole)(path, *a, **b)
    )
    done = versus("run", suite, "--results", results, "--set", "measures=['parity']")
    assert done.exit_code == 2, done.output
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(f"{says}, got No space left on device; free space", last)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's device that is always full")
def test_output_that_finds_no_space_is_one_line_and_exit_code_2():
    with Path("/dev/full").open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.cli", "list", "losses", "--json"],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "versus: a disk: expected space, got No space left on device; free some\n"


def test_run_on_a_device_that_is_not_there(suite, results):
    done = versus("run", suite, "--results", results, "--device", "gpu")
    assert done.exit_code == 2
    assert "NumPy computes on the CPU only" in done.stderr


def test_a_comment_for_a_pull_request_names_the_regressions(tmp_path):
    before, after = (synthetic_run.write(tmp_path / name, slower=by) for name, by in (("a", 1.0), ("b", 1.5)))
    done = versus("compare", before.folder, after.folder, "--markdown")
    assert done.exit_code == 1
    told = [
        line for line in done.stdout.splitlines() if line.startswith("| regression | perceptron | torch |")
    ]
    assert any("step (loop) | 1.50 (1.4" in line for line in told)
    assert versus("compare", before.folder, before.folder, "--markdown").exit_code == 0


def test_without_the_report_packages_a_run_ends_with_markdown(suite, results, monkeypatch):
    from benchmarks.report import optional

    monkeypatch.setattr(optional, "available", lambda name: name not in ("plotly", "jinja2"))
    done = versus("run", suite, "--results", results, "--set", "measures=['parity']")
    assert done.exit_code == 0
    assert done.stdout.strip().endswith("report.md")
    assert "pip install" in done.stderr


def test_nan_in_data(suite, results, tmp_path):
    """A table of districts, one of them with an unknown price, in the true format."""
    rows = [",".join(f"{column + number:.1f}" for column in range(9)) for number in range(40)]
    rows[7] = rows[7].rpartition(",")[0] + ",nan"
    text = "\n".join(rows).encode()
    with tarfile.open(tmp_path / "cal_housing.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("CaliforniaHousing/cal_housing.data")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    dataset = f"workloads.0.dataset={{name='california_housing', folder='{tmp_path}'}}"
    done = versus("run", suite, "--results", results, "--set", dataset)
    assert done.exit_code == 2
    assert "targets of california_housing: expected finite numbers, got 1 that are NaN" in done.stderr


def test_report_of_saved_runs(tmp_path):
    results = tmp_path / "results"
    (results / "local").mkdir(parents=True)
    synthetic_run.write(results / "local" / "made-up")
    done = versus("report", "--results", results, "--format", "markdown", "--format", "csv", "--json")
    assert done.exit_code == 0
    assert any(path.endswith("report.md") for path in json.loads(done.stdout)["files"])


def test_damaged_record_does_not_stop_the_report(tmp_path):
    store = synthetic_run.write(tmp_path / "run")
    (store.folder / "records" / "broken.json").write_text("{")
    done = versus("report", store.folder, "--format", "markdown")
    assert done.exit_code == 0
    assert "broken.json" in (store.folder / "report.md").read_text().replace("\\", "")


@pytest.mark.parametrize(("factor", "code"), [(1.0, 0), (1.5, 1)])
def test_compare(tmp_path, factor, code):
    before, after = (
        synthetic_run.write(tmp_path / n, slower=f).folder for n, f in (("a", 1.0), ("b", factor))
    )
    assert versus("compare", before, after).exit_code == code
    told = json.loads(versus("compare", before, after, "--json").stdout)
    assert told["exit_code"] == code


def test_compare_refuses_different_machines(tmp_path):
    before = synthetic_run.write(tmp_path / "a").folder
    after = synthetic_run.write(tmp_path / "b", environment={"machine": {"processor": "slide rule"}}).folder
    assert versus("compare", before, after).exit_code == 2
    forced = versus("compare", before, after, "--force")
    assert forced.exit_code == 0
    assert "slide rule" in forced.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_list(kind, tmp_path):
    synthetic_run.write(tmp_path / "local" / "made-up")
    rows = json.loads(versus("list", kind, "--results", tmp_path, "--json").stdout)
    assert rows
    assert all(list(row) == list(rows[0]) for row in rows)
    assert rows[0]["name"] in versus("list", kind, "--results", tmp_path).stdout


def test_doctor_says_what_is_missing_and_how_to_get_it(monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    gone = ("torch", "keras", "tensorflow", "jax")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name in gone else find(name, *a)
    )
    done = versus("doctor")
    assert done.exit_code == 0
    words = " ".join(done.stdout.split())
    assert 'torch not installed; pip install -c constraints.txt -e ".[torch]"' in words
    told = {each["name"]: each["usable"] for each in json.loads(versus("doctor", "--json").stdout)}
    assert told["numpy"] is True
    assert told["keras-jax"] is False


def _heed_interrupts():
    """A shell starts what runs in its background deaf to them, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("handler", "code"), [(signal.SIG_DFL, 130), (signal.SIG_IGN, 0)], ids=["by default", "ignored"]
)
def test_kill_is_a_ctrl_c_while_a_command_runs(monkeypatch, handler, code):
    def rows(*_):
        os.kill(os.getpid(), signal.SIGTERM)
        return []

    monkeypatch.setattr("benchmarks.listing.rows", rows)
    before = signal.signal(signal.SIGTERM, handler)
    try:
        assert versus("list", "suites").exit_code == code
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_interruption_says_how_to_go_on(suite, results, ending):
    """Ctrl-C, or `kill`, in the middle of a run that would take minutes."""
    command = [sys.executable, "-m", "benchmarks.cli", "run", str(suite), "--results", str(results)]
    with subprocess.Popen(
        [*command, "--set", "speed.blocks=100000"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    ) as process:
        try:
            records = results / "local"
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and len(list(records.glob("*/records/*.json"))) < 2:
                time.sleep(0.1)
            time.sleep(1)
            process.send_signal(ending)
            _, told = process.communicate(timeout=60)
        finally:
            process.kill()  # or it would keep the machine from the tests that follow
    assert process.returncode == 130
    assert "Go on with: versus run --resume" in told
    kept = [json.loads(path.read_text()) for path in records.glob("*/records/*.json")]
    assert {record["case"]["measure"] for record in kept} >= {"parity", "curves"}


def test_cards_are_printed():
    done = versus("parity", "--card", "--contenders", "numpy", "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)["numpy"]
    assert "mean over all numbers" in facts["reduction of the squared error"]
    assert "numpy" in facts["versions"]
