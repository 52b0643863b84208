"""What the documentation says is true: examples run, commands exist, numbers are the reference run's."""

from __future__ import annotations

import doctest
import importlib.util
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks import durations, tables, units
from benchmarks.cli import main
from benchmarks.report.markdown import text
from benchmarks.report.material import of
from benchmarks.store import RunStore
from implementations.catalog import INITIALIZERS, NORMALIZATIONS, REGULARIZATIONS
from tests.browser import opening
from tests.mutation.__main__ import Outcome, summary
from tests.scale import LIMITS, MOST_LEADING_MB, MOST_MB
from tests.survival.__main__ import Tally

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(ROOT / "docs").glob("*.md"),
    *(ROOT / "results").rglob("README.md"),
]
WORKLOAD = "digits-network"


@pytest.fixture(scope="module")
def reference():
    store = RunStore.open(ROOT / "results" / "reference" / "quick")
    records, damaged = store.records()
    assert not damaged
    return {
        (record.case.measure, record.case.contender): record.data
        for record in records
        if record.case.workload == WORKLOAD
    }


def row(starts):
    """Return the cells of the row of the README's table that starts so."""
    line = next(line for line in README.splitlines() if line.startswith(f"| {starts}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_examples_run():
    results = doctest.testfile(
        str(ROOT / "README.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert results.attempted >= 6
    assert not results.failed


def test_worked_example_comes_out_as_it_says():
    results = doctest.testfile(str(ROOT / "docs" / "porting.md"), module_relative=False)
    assert results.attempted >= 19
    assert not results.failed


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("torch", "keras")),
    reason='the commands compare torch with keras-torch: pip install -e ".[torch]"',
)
def test_worked_example_s_commands_run(tmp_path):
    page = (ROOT / "docs" / "porting.md").read_text(encoding="utf-8")
    (model,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "my-model.toml").write_text(model, encoding="utf-8")
    commands = re.findall(r"^versus (.*?) *#", page, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["parity", "parity", "report"]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.cli", *shlex.split(command)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (command, done.stderr)
    assert len([*(tmp_path / "results").rglob("report.html")]) == 1


def test_table_is_the_reference_run(reference):
    contenders = row("digits")
    speed = tables.speed(
        [
            record
            for record in RunStore.open(ROOT / "results" / "reference" / "quick").records()[0]
            if record.case.workload == WORKLOAD
        ]
    )

    def ratios(metric):
        rows = speed[speed["metric"] == metric].set_index("contender").loc[contenders]
        return [
            units.seconds(rows["seconds"].iloc[0]),
            *(f"×{units.number(ratio)}" for ratio in rows["ratio"][1:]),
        ]

    drifts = [
        max(max(each.loss, each.parameters) for each in reference["parity", name].trajectories[0].drift)
        for name in contenders
    ]
    right = [
        next(curve.test.correct for curve in reference["curves", name].curves if curve.dtype == "float64")
        for name in contenders
    ]
    assert row("distance") == [units.scientific(drift) for drift in drifts]
    assert row("right answers") == [str(count) for count in right]
    assert row("a training step") == ratios("train_step")
    assert row("an epoch") == ratios("epoch")
    assert row("start") == [
        units.seconds(durations.start_seconds(reference["speed", name])) for name in contenders
    ]
    assert row("peak") == [
        units.megabytes(reference["memory", name].peak_bytes["train"]) for name in contenders
    ]


def test_reference_report_is_what_its_records_say():
    folder = ROOT / "results" / "reference" / "quick"
    assert text(of(RunStore.open(folder))) == (folder / "report.md").read_text(encoding="utf-8")


def test_commands_in_the_readme_exist():
    told = set(re.findall(r"`versus ([a-z]+)", README))
    assert told == set(main.commands)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_measuring_page_is_current():
    found = runpy.run_path(str(ROOT / "docs" / "measuring.py"))
    assert found["PAGE"].read_text(encoding="utf-8") == found["page"](), "run `python docs/measuring.py`"


SCALE: dict[str, Any] = {
    "records": 10_000,
    "commands": {name: {"seconds": 1.5, "peak_mb": 9, "exit_code": 0} for name in LIMITS},
    "leading": {"suite": "s", "preset": "p", "seconds": 9.0, "peak_mb": 90, "exit_code": 0},
    "git": {"commit": "c0ffee00"},
}


def test_measuring_page_leaves_out_what_was_not_measured(tmp_path, monkeypatch):
    found = runpy.run_path(str(ROOT / "docs" / "measuring.py"))
    monkeypatch.setitem(found["page"].__globals__, "REFERENCE", tmp_path)
    assert "<!-- survival -->\n<!-- /survival -->\n" in found["page"]()
    tally = asdict(Tally(kills={"run": 3, "worker": 4}, lost=5))
    (tmp_path / "survival.json").write_text(json.dumps({**tally, "git": {"commit": "5eedbed0"}}))
    (tmp_path / "scale.json").write_text(json.dumps(SCALE))
    limits = {name: dict(each) for name, each in opening.LIMITS.items()}
    pages = {name: {**each, "render_seconds": 2.5} for name, each in limits.items()}
    (tmp_path / "page.json").write_text(json.dumps({"pages": pages, "limits": limits}))
    assert "| code | commit 5eedbed |  |" in found["page"]()
    assert "| random kills | 7 (3 of runs, 4 of workers) |  |" in found["page"]()
    assert "| finished records lost | 5 | 0 |" in found["page"]()
    assert "| `report` of 10,000 records | 1.5 s, 9 MB | at most 20 s and 1000 MB |" in found["page"]()
    assert "| page of the reference run, size | 6.0 MB | at most 6 MB |" in found["page"]()
    assert "| page of the reference run, made in | 2.5 s |  |" in found["page"]()
    assert "| page of 1,000 cases, made in | 2.5 s | at most 20 s |" in found["page"]()
    told = "| page of 1,000 cases, first chart drawn, and filtered, in | 3.0 s | at most 3 s |"
    assert told in found["page"]()


@pytest.mark.parametrize(("peak_mb", "missed"), [(150, ""), (151, " MISSED")])
def test_measuring_page_tells_what_leading_takes(tmp_path, monkeypatch, peak_mb, missed):
    found = runpy.run_path(str(ROOT / "docs" / "measuring.py"))
    monkeypatch.setitem(found["page"].__globals__, "REFERENCE", tmp_path)
    leading = {**SCALE["leading"], "peak_mb": peak_mb}
    (tmp_path / "scale.json").write_text(json.dumps({**SCALE, "leading": leading}))
    row = f"| {peak_mb} MB; 9.0 s of its own | at most 150 MB{missed} |"
    assert f"| process that leads `s` with preset `p` {row}" in found["page"]()


@pytest.mark.parametrize("missed", [{"seconds": 5.1}, {"peak_mb": 1001}])
def test_measuring_page_marks_what_took_more_than_it_may(tmp_path, monkeypatch, missed):
    found = runpy.run_path(str(ROOT / "docs" / "measuring.py"))
    monkeypatch.setitem(found["page"].__globals__, "REFERENCE", tmp_path)
    commands = {**SCALE["commands"], "compare": {**SCALE["commands"]["compare"], **missed}}
    (tmp_path / "scale.json").write_text(json.dumps({**SCALE, "commands": commands}))
    lines = [line for line in found["page"]().splitlines() if "of 10,000 records" in line]
    assert [line.endswith(" MISSED |") for line in lines] == [False, True]
    assert (found["SECONDS"], found["MOST_MB"]) == (LIMITS, MOST_MB)
    assert found["MOST_LEADING_MB"] == MOST_LEADING_MB


def test_planted_faults_on_the_page_are_those_of_the_committed_run():
    found = runpy.run_path(str(ROOT / "docs" / "mutation.py"))
    assert found["PAGE"].read_text(encoding="utf-8") == found["page"](), "run `python docs/mutation.py`"


def test_table_of_planted_faults_counts_them(tmp_path, monkeypatch):
    found = runpy.run_path(str(ROOT / "docs" / "mutation.py"))
    outcomes = [
        Outcome("numpy", "a", "file", "named", "", (), []),
        Outcome("torch", "b", "file", "missed", "", (), []),
    ]
    document = {**summary(outcomes), "faults": [asdict(each) for each in outcomes]}
    (tmp_path / "run.json").write_text(json.dumps(document))
    monkeypatch.setitem(found["page"].__globals__, "RUN", tmp_path / "run.json")
    assert "| all | 2 | 1 | 0 | 0 | 1 |" in found["page"]()
    assert "50.0% of 2 are caught and named.\n\n- torch, b: missed\n" in found["page"]()


def test_catalogue_page_is_current():
    found = runpy.run_path(str(ROOT / "docs" / "catalogue.py"))
    assert found["PAGE"].read_text(encoding="utf-8") == found["text"](), "run `python docs/catalogue.py`"


@pytest.mark.parametrize(("name", "told"), [("hard_shrink", "-0.5, 0.5"), ("relu", "0"), ("hinge", "1")])
def test_catalogue_page_tells_kinks(name, told):
    page = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}` \| .*", page, re.MULTILINE)
    assert f"| Kinks: {told}." in row


def test_side_by_side_page_is_current():
    found = runpy.run_path(str(ROOT / "docs" / "side_by_side.py"))
    assert found["PAGE"].read_text(encoding="utf-8") == found["text"](), "run `python docs/side_by_side.py`"


def test_side_by_side_page_has_every_element_in_every_backend():
    found = runpy.run_path(str(ROOT / "docs" / "side_by_side.py"))
    page = found["PAGE"].read_text(encoding="utf-8")
    for kind, elements in found["KINDS"].items():
        for backend in found["BACKENDS"]:
            source = found["Source"].read(found["path"](backend, kind))
            for name in elements:
                assert source.of(name) or (kind, name) == ("schedules", "constant"), (backend, kind, name)
                assert source.of(name) in page


def test_side_by_side_page_has_every_layer_and_initializer():
    found = runpy.run_path(str(ROOT / "docs" / "side_by_side.py"))
    page = found["PAGE"].read_text(encoding="utf-8")
    layers, initializers = ("dense", *NORMALIZATIONS, *REGULARIZATIONS), tuple(INITIALIZERS)
    assert tuple(found["LAYERS"]) == layers
    for kind, names in (("layers", layers), ("initializers", initializers)):
        for name in names:
            assert f"[{name}](#{kind}-{name})" in page
            assert page.count(f'<a id="{kind}-{name}"></a>\n\n### {name}\n') == 1
    for backend in found["BACKENDS"]:
        source = found["Source"].read(ROOT / "implementations" / backend / "network.py")
        for name in layers:
            assert source.joined(found["LAYER_PARTS"][name][backend]) in page
