"""Several runs in one report: nothing of one is taken for the other's."""

from __future__ import annotations

import datetime
import re

import pytest

from benchmarks.report import FORMATS, html, markdown, render
from benchmarks.report.material import gather
from benchmarks.report.sections import sections
from tests import synthetic_run
from tests.test_report import charts, without_library

NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)


@pytest.fixture
def two(tmp_path):
    """Two runs of the same contenders and workloads, the second of which has another element and memory."""
    one, other = (synthetic_run.write(tmp_path / name) for name in ("one", "other"))
    other.write(synthetic_run.record(synthetic_run.elements(passed=False, error=1e-14), "torch", "elements"))
    other.write(
        synthetic_run.record(
            synthetic_run.memory().model_copy(update={"peak_bytes": {"train": 10**9}}), "torch"
        )
    )
    return one, other


@pytest.fixture
def material(two):
    return gather([store.folder for store in two])


def test_every_table_tells_the_run_of_each_row(material):
    tables = [table for section in sections(material) for table in section.tables]
    assert len(tables) > 20
    for table in tables:
        assert table.headers[0] == "run", table.title
        assert {row[0] for row in table.rows} <= {"one", "other"}, table.title


def test_one_run_has_no_column_for_it(two):
    for section in sections(gather([two[0].folder])):
        for table in section.tables:
            assert "run" not in table.headers, table.title
            assert section.anchor == "environment" or not any("one" in row for row in table.rows)


def test_rows_are_those_of_their_run(two, material):
    """What a run's rows say in a report of two is what they say in one of its own."""
    both = {
        (section.anchor, table.title): table for section in sections(material) for table in section.tables
    }
    for store in two:
        for section in sections(gather([store.folder])):
            for table in section.tables:
                if section.anchor in ("troubles", "selfcheck"):
                    continue
                shown = both[section.anchor, table.title]
                at = [shown.headers.index(header) for header in table.headers]
                own = [[row[place] for place in at] for row in shown.rows if row[0] == store.folder.name]
                assert own == table.rows, table.title


def test_the_verdict_names_the_run_of_each_sentence(material):
    verdict = sections(material)[0]
    assert [re.match(r"Run (one|other): ", text).group(1) for text in verdict.text] == ["one"] * 3 + [
        "other"
    ] * 3
    assert "torch does not in gelu" not in verdict.text[0]
    assert "torch does not in gelu" in verdict.text[3]


def test_charts_are_kept_apart(material):
    titles = [chart["title"] for chart in charts(html.page(material, NOW))]
    one, other = (
        [title.removeprefix(f"Run {run}, ") for title in titles if title.startswith(f"Run {run}, ")]
        for run in ("one", "other")
    )
    assert len(one) > 20
    assert sorted(one) == sorted(other)
    assert len(one) + len(other) == len(titles)


def test_rows_and_charts_are_marked_for_the_filter(material):
    own = without_library(html.page(material, NOW))
    assert '<select name="run">' in own
    assert re.findall(r'<option value="(one|other)">', own) == ["one", "other"]
    assert all("data-run=" in figure for figure in re.findall("<figure [^>]*>", own))


def test_files_for_other_programs_tell_the_run(material, two, tmp_path):
    render(material, tmp_path / "both", FORMATS, NOW)
    render(gather([two[0].folder]), tmp_path / "alone", ["csv"], NOW)
    for path in (tmp_path / "both").glob("*.csv"):
        head, *rows = path.read_text().splitlines()
        assert head.startswith("run,"), path.name
        assert {row.split(",")[0] for row in rows} == {"one", "other"}, path.name
        assert not (tmp_path / "alone" / path.name).read_text().startswith("run,")


def test_runs_of_the_same_name_are_numbered(tmp_path):
    stores = [synthetic_run.write(tmp_path / name / "run") for name in ("a", "b")]
    told = markdown.text(gather([store.folder for store in stores]))
    assert "# versus: run (1), run (2)" in told


def test_a_section_of_one_run_says_so(tmp_path):
    one = synthetic_run.write(tmp_path / "one")
    other = synthetic_run.write(tmp_path / "other")
    for path in (other.folder / "records").glob("*.memory.*"):
        path.unlink()
    told = markdown.text(gather([one.folder, other.folder]))
    assert "Of run one only." in told[told.index("## How much memory") :]
