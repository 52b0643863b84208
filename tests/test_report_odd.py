"""Records that keep to the schema and hold what nothing can be computed from: the rest is on the page."""

from __future__ import annotations

import copy
import csv
import datetime
import functools
import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmarks.once import Records
from benchmarks.report import FORMATS, html, markdown, render
from benchmarks.report.material import Material, Run
from benchmarks.report.spared import MOST, spared
from benchmarks.result import CurvesData, Record
from tests import synthetic_run

NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)


def material(records):
    return Material([Run("run", Path("run"), synthetic_run.manifest("run"), Records(records))])


@functools.cache
def valid():
    """Return the records of a whole run, with a course, confusion matrices and a grid."""
    with tempfile.TemporaryDirectory() as folder:
        records, _ = synthetic_run.write(Path(folder) / "run").records()
    tested = synthetic_run.curve().test.model_copy(update={"confusion": [[5, 1], [0, 4]]})
    learned = CurvesData(task="classification", curves=[synthetic_run.curve(test=tested) for _ in range(2)])
    records.append(synthetic_run.record(learned, "torch", "confused"))
    for name, levels in (
        ("momentum", ("0", "0.9")),
        ("learning-rate", ("0.1", "1")),
        ("overfitting", ("baseline", "L2")),
    ):
        records += [
            synthetic_run.record(learned, contender, f"{name}-{level}", experiment=name, level=level)
            for level in levels
            for contender in ("numpy", "torch")
        ]
    for batch in (1, 16):
        for contender in ("numpy", "torch"):
            records += [
                synthetic_run.record(data, contender, f"grid-{batch}", experiment="grid")
                for data in (
                    synthetic_run.parity(),
                    synthetic_run.speed(synthetic_run.SECONDS[contender]),
                    synthetic_run.limit(batch_size=batch),
                )
                if data.measure != "limit" or contender == "numpy"
            ]
    return records


def changed(record, change):
    """Return the record with its data changed, as it would be read from a file."""
    content = json.loads(record.model_dump_json())
    change(content["data"])
    return Record.model_validate(content)


def with_changed(wanted, change):
    """Return the valid records, one of them changed."""
    found = [changed(each, change) if each.case.id == wanted else each for each in valid()]
    assert found != valid()
    return found


def anchors(page):
    return set(re.findall(r'<section id="([a-z-]+)"', page))


def section(page, anchor):
    return re.search(rf'<section id="{anchor}".*?</section>', page, re.DOTALL).group(0)


@functools.cache
def all_anchors():
    return anchors(html.page(material(valid()), NOW))


def no_drift(data):
    for each in data["trajectories"]:
        each.update(drift=[], sums=[], floor=[], pair_floor=[])


def no_validation(data):
    for each in data["curves"]:
        each.update(validation_loss=[], validation_accuracy=None)


def no_epochs(data):
    for each in data["curves"]:
        each.update(train_loss=[], validation_loss=[], train_accuracy=[], validation_accuracy=[])


def no_blocks(data):
    data["blocks"] = []


def no_samples(data):
    data["blocks"][-1]["samples"] = []


@pytest.mark.parametrize(
    ("record", "change"),
    [
        ("network.parity.torch.cpu.single", no_drift),
        ("network.curves.torch.cpu.single", no_validation),
        ("network.curves.torch.cpu.single", no_epochs),
        ("network.curves.torch.cpu.single", lambda data: data.update(curves=[])),
        ("overfitting-baseline.curves.torch.cpu.single", no_validation),
        ("learning-rate-1.curves.torch.cpu.single", no_epochs),
        ("momentum-0.curves.torch.cpu.single", lambda data: data.update(curves=[])),
        ("network.speed.torch.cpu.single", no_blocks),
        ("network.speed.torch.cpu.single", no_samples),
        ("elements.elements.numpy.cpu.single", lambda data: data.update(agreements=[])),
        ("network.profile.numpy.cpu.single", lambda data: data.update(functions=[], operations=[])),
        ("network.memory.torch.cpu.single", lambda data: data.update(peak_bytes={})),
        ("elements.card.numpy.cpu.single", lambda data: data.update(facts={})),
    ],
)
def test_what_is_empty_is_empty_and_nothing_is_left_out(record, change):
    page = html.page(material(with_changed(record, change)), NOW)
    assert anchors(page) >= all_anchors() - {"card"}
    assert "cannot be made" not in page


@pytest.mark.parametrize("name", ["learning-rate", "momentum", "overfitting"])
def test_levels_need_not_be_numbers(name):
    odd = [
        each.model_copy(
            update={"case": each.case.model_copy(update={"level": f"as they like {each.case.level}"})}
        )
        if each.case.experiment == name
        else each
        for each in valid()
    ]
    page = html.page(material(odd), NOW)
    assert "as they like" in section(page, "course")
    assert "cannot be made" not in page


def test_a_ragged_confusion_matrix_is_left_out_by_name():
    def ragged(data):
        data["curves"][0]["test"]["confusion"] = [[1, 2], [3]]

    page = html.page(material(with_changed("confused.curves.torch.cpu.single", ragged)), NOW)
    assert anchors(page) == all_anchors()
    told = section(page, "learning")
    assert (
        "Charts: Made without the record confused.curves.torch.cpu.single, with which it cannot be made"
        in told
    )
    assert "network: loss" in told
    assert page.count("cannot be made") == 1


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_times_of_nothing_are_left_out_by_name(seconds, tmp_path):
    def timeless(data):
        for each in data["blocks"]:
            for samples in each["samples"]:
                samples["seconds"] = [seconds] * 5

    odd = material(with_changed("network.speed.torch.cpu.single", timeless))
    page = html.page(odd, NOW)
    assert anchors(page) >= all_anchors() - {"inconclusive"}
    told = "Made without the record network.speed.torch.cpu.single, with which it cannot be made: "
    for anchor in ("verdict", "speed"):
        assert told in section(page, anchor)
        assert "keras-jax" in section(page, anchor)
    assert told in markdown.text(odd)
    render(odd, tmp_path, FORMATS, NOW)
    listed = (tmp_path / "left_out.csv").read_text()
    assert "network.speed.torch.cpu.single" in listed
    with (tmp_path / "speed.csv").open(newline="") as file:
        timed = {(row["workload"], row["contender"]) for row in csv.DictReader(file)}
    assert timed >= {("network", "numpy"), ("perceptron", "torch"), ("perceptron", "keras-jax")}
    assert ("network", "torch") not in timed


def test_a_manifest_may_describe_its_machine_in_any_way():
    run = Run(
        "run",
        Path("run"),
        synthetic_run.manifest(
            "run", environment={"machine": "abacus", "python": [], "packages": 3, "git": "x"}
        ),
        Records(valid()),
    )
    assert anchors(html.page(Material([run]), NOW)) == all_anchors()


def test_what_cannot_be_made_of_nothing_names_no_record():
    def fails(_):
        raise ValueError("never")

    made, (left_out,) = spared(fails, Records(valid()[:3]))
    assert made is None
    assert str(left_out) == "Cannot be made: ValueError: never."


def test_the_culprits_are_found_and_with_too_many_nothing_is_made():
    records = Records(valid()[:40])

    def picky(given, unwanted):
        if bad := [record for record in given if record.case.id in unwanted]:
            raise ValueError(bad[0].case.id)
        return len(given)

    few = {records[place].case.id for place in (3, 17, 39)}
    made, left_out = spared(lambda given: picky(given, few), records)
    assert made == len(records) - len(few)
    assert {each.record.case.id for each in left_out} == few
    assert all(each.reason == f"ValueError: {each.record.case.id}" for each in left_out)
    many = {record.case.id for record in records[: MOST + 1]}
    made, left_out = spared(lambda given: picky(given, many), records)
    assert made is None
    assert left_out[-1].record is None


def places(content, above=()):
    """Return the path of everything within a record's data."""
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    return [above] * bool(above) + [path for name, each in inner for path in places(each, (*above, name))]


ODD = {
    bool: st.booleans(),
    int: st.sampled_from([0, 1, -1, 10**15]),
    float: st.sampled_from([0.0, -1.0, 1e-320, 1e308, float("nan"), float("inf"), float("-inf")]),
    str: st.sampled_from(["", "<b>", "nan", "a" * 500, "\n"]),
    type(None): st.sampled_from([0, 1.5, "", [], {}, [[]]]),
}


@st.composite
def mangled(draw):
    """Return the records of a run, up to three of which hold something else that the schema allows."""
    records = list(valid())
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(records) - 1))
        content = json.loads(records[number].model_dump_json())
        where = draw(st.sampled_from(places(content["data"])))
        *above, name = where
        inside = functools.reduce(lambda outer, key: outer[key], above, content["data"])
        old = inside[name]
        if isinstance(old, list):
            new = draw(st.sampled_from([[], old[:1], old[:-1], old + old]))
        elif isinstance(old, dict):
            new = draw(st.sampled_from([{}, dict(list(old.items())[:1])]))
        else:
            new = draw(st.none() | ODD[type(old)])
        inside[name] = copy.deepcopy(new)
        try:
            records[number] = Record.model_validate(content)
        except ValidationError:
            continue  # the reader refuses it, and lists it as damaged
    return records


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(mangled())
def test_any_valid_records_make_a_page(records):
    page = html.page(material(records), NOW)
    assert anchors(page) >= all_anchors() - {"inconclusive", "card"}
