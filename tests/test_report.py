from __future__ import annotations

import datetime
import html
import re

import pytest

from benchmarks.report import FORMATS, markdown, optional, render, summary, terminal
from benchmarks.report import html as page_module
from benchmarks.store import RunStore, StoreError
from tests import synthetic_run

NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
HOSTILE = "</script><script>alert(1)</script>[x](javascript:alert(1))|`"


@pytest.fixture
def store(tmp_path):
    return synthetic_run.write(tmp_path / "run")


@pytest.fixture
def page(store):
    return page_module.page(store, NOW)


def without_library(page):
    return re.sub(r"<script>/\*\*.*?</script>", "", page, count=1, flags=re.DOTALL)


def test_every_answer_is_there_the_verdict_first(page):
    anchors = re.findall(r'<section id="([a-z-]+)">', page)
    assert anchors == [
        "verdict",
        "parity",
        "elements",
        "learning",
        "speed",
        "limit",
        "profile",
        "cold-start",
        "memory",
        "method",
        "environment",
    ]


def test_page_is_one_offline_file(page):
    own = without_library(page)
    assert len(page) < 6_000_000
    assert len(own) < len(page) / 5
    assert not re.search(r"<(script|img|link|iframe)[^>]+(src|href)=", own)
    assert not re.search(r"@import|url\(\s*['\"]?http", own)


def test_page_is_the_same_each_time_but_for_the_stamp(store, page):
    assert page_module.page(store, NOW) == page
    later = page_module.page(store, NOW + datetime.timedelta(days=1))
    assert later.replace("2026-02-01", "2026-01-31") == page


def test_no_time_without_parity(page):
    own = html.unescape(without_library(page))
    row = re.search(r"<tr><td>network</td><td>train_step</td>.*?</tr>", own).group()
    assert "no parity, no time" in row
    assert "FAILED at step 100" in own


@pytest.mark.parametrize("place", ["workload", "reason", "contender", "level"])
def test_hostile_texts_stay_texts(tmp_path, place):
    store = synthetic_run.write(tmp_path / "run")
    plain = synthetic_run.record(synthetic_run.curves(), "torch", "x", experiment="momentum", level="0")
    if place == "reason":
        bad = plain.model_copy(update={"status": "failed", "reason": HOSTILE, "data": None})
    else:
        bad = plain.model_copy(update={"case": plain.case.model_copy(update={place: HOSTILE})})
    path = store.folder / "records" / "hostile.json"
    path.write_text(bad.model_dump_json())
    page = page_module.page(RunStore.open(store.folder), NOW)
    assert "<script>alert" not in page
    assert page.lower().count("<script") == page.lower().count("</script")
    text = markdown.text(RunStore.open(store.folder))
    assert "<script>" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)


def test_damaged_record_is_listed_and_the_rest_rendered(store):
    (store.folder / "records" / "broken.json").write_text("{")
    page = page_module.page(RunStore.open(store.folder), NOW)
    assert "damaged record" in page
    assert "broken.json" in page
    assert 'id="speed"' in page


def test_empty_run_says_so(tmp_path):
    store = RunStore.create(tmp_path / "run", synthetic_run.manifest())
    assert "Nothing was measured" in page_module.page(store, NOW)


def test_all_formats(store, tmp_path):
    paths = render(store.folder, tmp_path / "out", FORMATS, NOW)
    assert {path.suffix for path in paths} == {".html", ".md", ".csv", ".parquet"}
    assert all(path.stat().st_size for path in paths)
    assert (tmp_path / "out" / "speed.csv").read_text().startswith("workload,device,threads,metric,tier")


@pytest.mark.parametrize(
    ("wanted", "package"), [("html", "plotly"), ("html", "jinja2"), ("parquet", "pyarrow")]
)
def test_missing_package_is_named_with_its_command(store, tmp_path, monkeypatch, wanted, package):
    monkeypatch.setattr(optional, "available", lambda name: name != package)
    with pytest.raises(optional.ReportUnavailable, match=rf"{package}.*pip install"):
        render(store.folder, tmp_path / "out", [wanted])
    assert render(store.folder, tmp_path / "out", ["markdown", "csv"])


def test_folder_that_cannot_be_written(store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--output"):
        render(store.folder, tmp_path / "file", ["markdown"])


def test_summary_is_plain_and_honest(store):
    told = summary(store)
    assert told["passed"] is False
    assert told["measured"] == 31
    assert {row["contender"] for row in told["tables"]["speed"]} == set(synthetic_run.CONTENDERS)


def test_terminal_shows_tables_and_verdict(store, capsys):
    terminal.print_run(store)
    shown = capsys.readouterr().out
    assert "Verdict" in shown
    assert "no parity, no time" in " ".join(shown.split())


def test_contenders_are_compared_with_each_other(tmp_path):
    folder = tmp_path / "run"
    store = RunStore.create(folder, synthetic_run.manifest())
    for name, side in (("torch", 0.0), ("keras-jax", 0.3), ("keras-torch", 3.0)):
        store.write(synthetic_run.record(synthetic_run.parity(side=side), name))
    own = html.unescape(without_library(page_module.page(store, NOW)))
    assert "distance between contenders" in own
    assert "torch – keras-jax" in own
    assert "9.0e-08 (0.900× noise at step 100, parity)" in markdown.text(store)
    assert "9.0e-07 (9.00× noise at step 100, semantic)" in markdown.text(store)
