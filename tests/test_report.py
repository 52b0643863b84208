from __future__ import annotations

import base64
import datetime
import gzip
import hashlib
import html
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from benchmarks import findings, tables
from benchmarks.once import Records
from benchmarks.report import FORMATS, markdown, optional, render, summary, terminal
from benchmarks.report import html as page_module
from benchmarks.report.material import Material, gather, of
from benchmarks.report.sections import Cell, sections
from benchmarks.report.sections.parity import MATRIX
from benchmarks.report.styles import READABLE, tint
from benchmarks.result import CurvesData, Manifest, Measure, Record, SpeedData
from benchmarks.selfcheck import result as selfcheck
from benchmarks.selfcheck.result import SelfCheck
from benchmarks.store import RunStore, StoreError
from benchmarks.suite import load_suite
from tests import synthetic_run
from tests.hostile import HOSTILE, places, poisoned

ROOT = Path(__file__).parents[1]
NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)


@pytest.fixture
def store(tmp_path):
    return synthetic_run.write(tmp_path / "run")


@pytest.fixture
def page(store):
    return page_module.page(of(store), NOW)


def block(page, name):
    return re.search(rf'<script type="[a-z/]+" id="{name}">(.*?)</script>', page, re.DOTALL).group(1)


def without_library(page):
    return page.replace(block(page, "library"), "")


def unpacked(page, name):
    return gzip.decompress(base64.b64decode(block(page, name))).decode()


def charts(page):
    return json.loads(unpacked(page, "charts"))


def test_every_answer_is_there_the_verdict_first(page):
    anchors = re.findall(r'<section id="([a-z-]+)"', page)
    assert anchors == [
        "verdict",
        "elements",
        "parity",
        "card",
        "learning",
        "speed",
        "cold-start",
        "limit",
        "profile",
        "memory",
        "method",
        "selfcheck",
        "environment",
    ]
    assert re.findall(r"<h2>(.*?)</h2>", page) == [
        "Verdict",
        "Parity",
        "Learning",
        "Speed",
        "Memory",
        "How this was measured",
        "Environment",
    ]


def test_verdict_is_three_sentences(page):
    assert len(re.findall(r'<p class="verdict">', page)) == 3 * len(synthetic_run.CONTENDERS)


def test_page_is_one_offline_file(page):
    own = without_library(page)
    assert len(page) < 6_000_000
    assert len(own) < len(page) / 2
    assert not re.search(r"<(script|img|link|iframe)[^>]+(src|href)=", own)
    assert not re.search(r"@import|url\(\s*['\"]?http", own)


def test_plotly_knows_every_entry_of_every_chart(tmp_path):
    """Charts are made as dictionaries, which plotly itself would only look at in a browser, and pass over."""
    go = pytest.importorskip("plotly.graph_objects")
    page = page_module.page(of(synthetic_run.write_everything(tmp_path / "run")), NOW)
    drawn = charts(page)
    assert {trace["type"] for chart in drawn for trace in chart["data"]} == {"scatter", "bar", "heatmap"}
    for chart in drawn:
        go.Figure({"data": chart["data"], "layout": chart["layout"]})


def test_numbers_of_charts_are_packed_and_as_long_as_they_are_seen(page):
    assert '"hovertemplate"' not in page
    assert len(charts(page)) == len(set(re.findall(r'data-chart="(\d+)"', page))) > 5
    floats = re.findall(r"\d+\.\d+(?:e-?\d+)?", unpacked(page, "charts"))
    assert floats
    assert all(float(each) == float(f"{float(each):.6g}") for each in floats)


def test_rows_have_headers_and_tables_captions(page):
    found = re.findall(r"<table>(.*?)</table>", without_library(page), re.DOTALL)
    assert len(found) > 20
    for table in found:
        assert re.match(r"\s*<caption>[^<]+</caption>", table)
        head, body = table.split("<tbody>")
        assert head.count('<th scope="col"') == head.count("<th ")
        rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
        assert rows
        for row in rows:
            first, *_ = re.findall(r"<t[hd][^>]*>", row)
            assert first.startswith('<th scope="row"')


def test_page_is_the_same_each_time_but_for_the_stamp(store, page):
    assert page_module.page(of(store), NOW) == page
    later = page_module.page(of(store), NOW + datetime.timedelta(days=1))
    assert later != page
    assert later.replace("2026-02-01", "2026-01-31") == page


def test_page_is_the_same_where_no_framework_is_installed(tmp_path):
    script = """
import datetime, pathlib, sys

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in sys.argv[2:]:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent)
from benchmarks.report import render
from benchmarks.report.material import gather
now = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
run = gather([pathlib.Path("results/reference/quick")])
render(run, pathlib.Path(sys.argv[1]), ["html", "markdown"], now)
"""
    pages = []
    for name, blocked in (("with", []), ("without", ["torch", "tensorflow", "jax", "keras", "jaxlib"])):
        command = [sys.executable, "-c", script, str(tmp_path / name), *blocked]
        subprocess.run(command, cwd=ROOT, check=True, timeout=120)
        pages.append([(tmp_path / name / file).read_bytes() for file in ("report.html", "report.md")])
    assert pages[0] == pages[1]


def test_policy_allows_the_page_s_two_scripts_and_no_other(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    own = re.search(r"<script>(.*?)</script>\n</body>", page, re.DOTALL).group(1)
    library = gzip.decompress(base64.b64decode(block(page, "library"))).decode()
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (own, library)
    ]
    assert html.unescape(policy).startswith(f"default-src 'none'; script-src {' '.join(hashes)};")


def test_plotly_is_itself_but_for_parentheses(page):
    given = pytest.importorskip("plotly.offline").get_plotlyjs().rstrip()
    own = unpacked(page, "library").rstrip()
    assert own != given
    assert own.replace(": this, (() =>", ": this, () =>").removesuffix("})));") + "}));" == given
    assert page_module._read_once("another form of it") == "another form of it"


def test_raw_samples_are_in_the_file(store, page):
    held = json.loads(gzip.decompress(base64.b64decode(block(page, "raw-records"))))
    assert held == [json.loads(record.model_dump_json()) for record in store.records()[0]]


def test_page_of_many_records_names_the_files_of_the_rest(store, monkeypatch):
    monkeypatch.setattr(page_module, "MOST_RAW", 10_000)
    facts = json.loads(block(page_module.page(of(store), NOW), "facts"))
    assert 0 < facts["held"] < facts["total"] == len(store.records()[0])


def test_every_reference_has_its_ratios(page):
    for contender in synthetic_run.CONTENDERS:
        assert f"ratios to {contender}" in page
    titles = {chart["layout"]["xaxis"].get("title", {}).get("text", "") for chart in charts(page)}
    assert {f"time ÷ {name}'s (less is faster)" for name in synthetic_run.CONTENDERS} <= titles


def test_contender_has_one_colour_and_marker(page):
    seen: dict[str, set[tuple[str, str]]] = {name: set() for name in synthetic_run.CONTENDERS}
    for chart in charts(page):
        for trace in chart["data"]:
            if trace["type"] == "scatter" and trace.get("name") in seen and trace["mode"] != "lines":
                seen[trace["name"]].add((trace["marker"]["color"], trace["marker"]["symbol"]))
    looks = [look for found in seen.values() for look in found]
    assert len(looks) == len(set(looks)) == len(synthetic_run.CONTENDERS)


def test_a_tolerance_of_nothing_is_no_line(store):
    data = synthetic_run.parity()
    strict = [each.model_copy(update={"tolerance": 0.0}) for each in data.trajectories]
    store.write(synthetic_run.record(data.model_copy(update={"trajectories": strict}), "numpy"))
    lines = {
        chart["title"].partition(":")[0]: len(chart["layout"].get("shapes", []))
        for chart in charts(page_module.page(of(store), NOW))
        if "distance from float64" in chart["title"]
    }
    assert lines == {"perceptron": 2, "network": 0}


def test_commands_repeat_a_section(page):
    assert "versus run --set &#39;measures=[&#34;parity&#34;, &#34;speed&#34;]&#39;" in page


def test_what_a_run_consists_of_is_repeated_by_its_own_command(store):
    (run,) = of(store).runs
    assert run.command(get_args(Measure)) == "versus run"
    assert run.command(("memory",)) == "versus run --set 'measures=[\"memory\"]'"
    assert replace(run, records=Records()).command(("memory",)) == "versus run"


def evidence(page):
    """Return what stands after each table, chart and sentence of the verdict, up to the next of them."""
    own = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    main = own[own.index("<main>") : own.index("</main>")]
    parts = re.split(r"(</table>|</details>\s*(?=<p class=\"repeat\">)|<p class=\"verdict\">)", main)
    return [
        (parts[place - 1][-300:], parts[place + 1])
        for place in range(1, len(parts), 2)
        if not parts[place + 1].lstrip().startswith("</table>")
    ]


@pytest.mark.parametrize("which", ["made up", "reference"])
def test_every_number_has_its_command_and_its_raw_samples(store, which):
    folder = store.folder if which == "made up" else ROOT / "results" / "reference" / "quick"
    page = page_module.page(gather([folder]), NOW)
    found = evidence(page)
    assert len(found) > 40
    for before, after in found:
        first = after.split("<table")[0].split("<figure")[0]
        assert re.search(r'<a class="raw" href="#raw" data-(measures|source)="[a-z ]+"', first), before
        assert re.search(r"repeat it: <code>versus ", first), before
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) > 10
    for figure in figures:
        assert 'class="raw"' in figure
        assert "repeat it: <code>versus run" in figure
        assert 'class="numbers"' in figure


def test_self_check_and_manifest_are_in_the_file():
    folder = ROOT / "results" / "reference" / "quick"
    page = page_module.page(gather([folder]), NOW)
    held = json.loads(gzip.decompress(base64.b64decode(block(page, "raw-sources"))))
    (checked,), (manifest,) = held["selfcheck"], held["manifest"]
    kept = selfcheck.read(folder.parent / "selfcheck" / "epyc.json")
    assert SelfCheck.model_validate(checked["content"]) == kept
    assert manifest["content"]["command"] == json.loads((folder / "manifest.json").read_text())["command"]
    section = re.search(r'<section id="selfcheck".*?</section>', page, re.DOTALL).group(0)
    assert 'data-source="selfcheck"' in section
    assert f"<code>versus selfcheck --effort {checked['content']['effort']}</code>" in section


def test_what_failed_is_told_by_data_and_not_by_its_text(store):
    store.write(synthetic_run.record(synthetic_run.elements(name="FAILED"), "numpy", "elements"))
    store.write(
        synthetic_run.record(
            synthetic_run.elements(name="relu", passed=False, error=1e-14), "torch", "elements"
        )
    )
    own = without_library(page_module.page(of(store), NOW))
    assert '<th scope="row">FAILED</th>' in own
    assert re.search(r'<td[^>]* class="failed" data-order="1.0 3.3\d*"><button[^>]*>FAILED 3.3<', own)


def test_the_matrix_is_not_folded_and_sorts_what_failed_last(store):
    for contender, error, passed in (
        ("numpy", 1e-15, True),
        ("torch", 2e-16, False),
        ("keras-jax", 2e-15, True),
    ):
        data = synthetic_run.elements(error=error, passed=passed)
        store.write(synthetic_run.record(data, contender, "elements"))
    (table,) = (table for section in sections(of(store)) for table in section.tables if table.title == MATRIX)
    assert table.unfolded
    (row,) = table.rows
    cells = [cell for cell in row[2:] if isinstance(cell, Cell)]
    assert sorted(cells, key=lambda cell: cell.order) == ["0.33", "0.67", "FAILED 0.067"]
    page = page_module.page(of(store), NOW)
    shown = page[page.index('data-kind="matrix"') :]
    assert shown.index("<table>") < shown.index("</details>")
    assert "<details>" not in shown[: shown.index("<table>")]


def test_bands_say_what_they_are(page):
    titles = {chart["title"] for chart in charts(page)}
    told = "network: loss (train solid, validation dashed; mean, and band from lowest to highest of 3 seeds)"
    assert told in titles


def test_a_single_seed_has_no_band(store):
    for contender in synthetic_run.CONTENDERS:
        data = CurvesData(task="classification", curves=[synthetic_run.curve()])
        store.write(synthetic_run.record(data, contender))
    drawn = {chart["title"]: chart for chart in charts(page_module.page(of(store), NOW))}
    assert all(
        "fill" not in trace for trace in drawn["network: loss (train solid, validation dashed)"]["data"]
    )


def test_claims_are_those_of_the_records(store):
    told = markdown.text(of(store))
    assert "took turns" not in told
    assert "The test part was opened once for 24 of 24 trainings" in told
    turned, untested = of(store).records, []
    for record in turned:
        data = record.data
        if isinstance(data, SpeedData):
            data = json.loads(data.model_dump_json())
            for each in data["blocks"]:
                for samples in each["samples"]:
                    samples["turns"] = [0, 1, 2, 1, 0]
        elif isinstance(data, CurvesData):
            curves = [curve.model_copy(update={"test": None}) for curve in data.curves]
            data = data.model_copy(update={"curves": curves})
        untested.append(Record.model_validate({**record.model_dump(), "data": data}))
    run = replace(of(store).runs[0], records=Records(untested))
    told = markdown.text(Material([run]))
    assert "contenders took turns chunk by chunk, in an order drawn anew" in told
    assert "The test part was opened" not in told


def test_the_start_is_told_up_to_the_steady_step(store):
    (record,) = (each for each in of(store).records if each.case.id == "network.speed.torch.cpu.single")
    blocks = json.loads(record.data.model_dump_json())["blocks"]
    for each in blocks:
        each["samples"][0]["warm_up"] = [0.04, 0.02, 0.03]
    data = SpeedData.model_validate({**record.data.model_dump(), "blocks": blocks})
    store.write(synthetic_run.record(data, "torch"))
    (section,) = (each for each in sections(of(store)) if each.anchor == "cold-start")
    told = dict(
        zip(
            section.tables[0].headers,
            next(r for r in section.tables[0].rows if r[:2] == ["network", "torch"]),
            strict=True,
        )
    )
    assert told["warm up"] == "300 ms"  # 10 steps of 30 ms
    assert told["warm-up steps"] == "10.0"
    assert told["steady step"].endswith("µs")
    chart = next(
        chart
        for chart in charts(page_module.page(of(store), NOW))
        if chart["title"].startswith("network, threads single, cpu: from")
    )
    names = [trace["name"] for trace in chart["data"]]
    assert names == ["spawn", "import", "build", "first step", "warm up", "steady step"]
    assert chart["data"][-1]["text"][1] == f"then {told['steady step']} a step"


def test_a_workload_that_never_came_first_has_no_cold_start(store):
    for record in of(store).records:
        if record.case.measure == "speed" and record.case.workload == "network":
            served = [block.model_copy(update={"served_before": 1}) for block in record.data.blocks]
            store.write(record.model_copy(update={"data": record.data.model_copy(update={"blocks": served})}))
        if record.case.measure == "curves":
            store.write(record.model_copy(update={"spec": {"target_accuracy": 0.5}}))
    told = {each.anchor: each for each in sections(of(store))}
    stages, ratios = told["cold-start"].tables[:2]
    cells = {tuple(row[:2]): dict(zip(stages.headers, row, strict=True)) for row in stages.rows}
    assert cells["network", "torch"]["import"] == cells["perceptron", "torch"]["import"] == "1.00 s"
    for header in ("build", "first step", "warm-up steps", "break-even steps"):
        assert cells["network", "torch"][header] == "–"
        assert cells["perceptron", "torch"][header] != "–"
    assert "never the first one that its worker served" in " ".join(told["cold-start"].text)
    assert {row[2] for row in ratios.rows if row[0] == "network"} == {"spawn", "import"}
    times = {row[0]: row[-1] for row in told["target"].tables[0].rows if row[1] == "torch"}
    assert times["network"] == "–"
    assert times["perceptron"].endswith(" s")
    for trace in (trace for chart in charts(page_module.page(of(store), NOW)) for trace in chart["data"]):
        assert "NaN" not in json.dumps(trace)


def test_unreadable_run_is_told_and_the_rest_rendered(tmp_path):
    store = synthetic_run.write(tmp_path / "run")
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "manifest.json").write_text('{"schema_version": 99}')
    material = gather([newer, store.folder])
    assert "written by a newer versus (schema 99" in page_module.page(material, NOW)
    with pytest.raises(StoreError, match="schema 99"):
        gather([newer])


def test_record_of_a_newer_schema_is_told_and_the_rest_rendered(store):
    path = next((store.folder / "records").glob("*.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    page = page_module.page(gather([store.folder]), NOW)
    assert "written by a newer versus (schema 99, this one reads up to 2); upgrade" in page
    assert 'id="speed"' in page


def test_self_check_of_the_machine_is_shown():
    told = markdown.text(gather([ROOT / "results" / "reference" / "quick"]))
    assert "identical contenders called faster or slower" in told


def test_text_fits_a_comment(store):
    many = synthetic_run.elements()
    agreements = [many.agreements[0].model_copy(update={"name": f"element {n}"}) for n in range(2000)]
    record = synthetic_run.record(many.model_copy(update={"agreements": agreements}), "torch", "elements")
    store.write(record)
    told = markdown.text(of(store))
    assert len(told) <= markdown.LONGEST
    assert "Every element: 2002 rows, left out for length" in told
    assert "## Which is faster here?" in told


def test_no_time_without_parity(page):
    own = html.unescape(without_library(page))
    rows = re.findall(r"<tr[^>]*>.*?</tr>", own, re.DOTALL)
    row = next(row for row in rows if ">network</th>" in row and ">train_step</th>" in row)
    assert "no parity, no time" in row
    assert "FAILED at step 100" in own


@pytest.mark.parametrize("place", places(Manifest) + places(Record), ids=".".join)
def test_hostile_texts_stay_texts(tmp_path, place):
    material = poisoned(synthetic_run.write(tmp_path / "run"), place)
    page = page_module.page(material, NOW)
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.lower().count("<script") == page.lower().count("</script")
    for chart in charts(page):
        assert "<img" not in json.dumps(chart)
    text = markdown.text(material)
    assert "<script>" not in text
    assert "<img" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)


def test_hostile_levels_of_the_course_stay_texts(store):
    curves = CurvesData(task="classification", curves=[synthetic_run.curve()])
    for number in range(2):
        store.write(
            synthetic_run.record(
                curves, "torch", f"w{number}", experiment="momentum", level=f"{number}{HOSTILE}"
            )
        )
    page = page_module.page(gather([store.folder]), NOW)
    assert 'id="course"' in page
    assert "<script>alert" not in page
    assert "<img" not in page


def test_damaged_record_is_listed_and_the_rest_rendered(store):
    (store.folder / "records" / "broken.json").write_text("{")
    page = page_module.page(gather([store.folder]), NOW)
    assert ">damaged<" in page
    assert "broken.json" in page
    assert 'id="speed"' in page


def self_checked(folder):
    """Return a run with a short self-check of its machine beside it, and the self-check's path."""
    store = synthetic_run.write(folder / "run")
    content = json.loads((ROOT / "results" / "reference" / "selfcheck" / "xeon.json").read_text())
    content["machine"] = store.manifest.environment["machine"]
    content["comparisons"] = content["comparisons"][:20]
    path = folder / "selfcheck.json"
    path.write_text(json.dumps(content))
    return store, path


@pytest.mark.parametrize("place", places(SelfCheck), ids=".".join)
def test_hostile_texts_of_a_self_check_stay_texts(tmp_path, place):
    store, path = self_checked(tmp_path)
    assert of(store).runs[0].checked
    page = page_module.page(poisoned(store, place, [path]), NOW)
    assert HOSTILE not in page
    assert "<script>alert" not in page
    assert "<img" not in page


@pytest.mark.parametrize("text", ["{", '{"schema_version": 99}'])
def test_a_self_check_that_cannot_be_read_is_listed(tmp_path, text):
    store, path = self_checked(tmp_path)
    path.write_text(text)
    told = markdown.text(of(store))
    assert "selfcheck.json | damaged" in told
    assert "No readable self-check of this machine" in told


def test_an_interrupted_self_check_is_not_quoted(tmp_path):
    store, path = self_checked(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "interrupted": True}))
    assert "No readable self-check of this machine" in markdown.text(of(store))


@pytest.mark.parametrize("which", ["everything", "ties", "reference"])
def test_every_command_on_the_page_is_one_that_versus_takes(tmp_path, which):
    folder = {
        "everything": lambda: synthetic_run.write_everything(tmp_path / "run").folder,
        "ties": lambda: synthetic_run.write_places(tmp_path / "run").folder,
        "reference": lambda: ROOT / "results" / "reference" / "quick",
    }[which]()
    page = page_module.page(gather([folder]), NOW)
    assert ('id="inconclusive"' in page) is (which != "everything")
    told = {html.unescape(each) for each in re.findall(r"<code>(versus run[^<]*)</code>", page)}
    assert len(told) > 4
    for command in told:
        words = shlex.split(command)[2:]
        given = list(zip(words[::2], words[1::2], strict=True))
        assert {option for option, _ in given} <= {"--set", "--preset"}
        settings = dict(value.split("=", 1) for option, value in given if option == "--set")
        preset = next((value for option, value in given if option == "--preset"), "quick")
        found = {name: json.loads(value) for name, value in settings.items()}
        assert load_suite("quick", {"speed.preset": preset, **found}).measures


def course_chart(store, experiment, levels):
    """Return the picture of an experiment whose levels have these trainings."""
    for level, curve in levels.items():
        for contender in ("numpy", "torch"):
            data = CurvesData(task="classification", curves=[curve])
            place = {"experiment": experiment, "level": level}
            store.write(synthetic_run.record(data, contender, f"{experiment}-{level}", **place))
    drawn = charts(page_module.page(of(store), NOW))
    (found,) = (each for each in drawn if each["title"].startswith(f"{experiment}, "))
    return found


def test_lines_of_the_course_have_the_colour_of_their_level_and_the_marker_of_their_contender(store):
    drawn = course_chart(store, "momentum", {"0": synthetic_run.curve(), "0.9": synthetic_run.curve()})
    looks = {(each["line"]["color"], each["marker"]["symbol"]) for each in drawn["data"]}
    assert len(looks) == 4
    assert len({colour for colour, _ in looks}) == len({symbol for _, symbol in looks}) == 2
    assert "range" not in drawn["layout"]["yaxis"]


def test_what_diverges_does_not_flatten_the_other_lines_of_the_course(store):
    levels = {"0.1": synthetic_run.curve(), "10": synthetic_run.curve(losses=(2.0, 1e9, 1e30))}
    drawn = course_chart(store, "learning-rate", levels)
    low, high = drawn["layout"]["yaxis"]["range"]
    assert 10**low < 0.5
    assert 10**high == pytest.approx(20)
    assert "losses above 20 lie beyond the picture" in drawn["title"]


def test_logic_gates_are_drawn_by_what_their_finding_says(store):
    drawn = course_chart(store, "logic-gates", {"network XOR": synthetic_run.curve()})
    assert drawn["data"][0]["y"] == [0.1, 0.5, 1.0]
    assert drawn["layout"]["yaxis"]["title"]["text"] == "accuracy"


def test_empty_run_says_so(tmp_path):
    store = RunStore.create(tmp_path / "run", synthetic_run.manifest())
    assert "Nothing was measured" in page_module.page(of(store), NOW)


def test_all_formats(store, tmp_path):
    paths = render(gather([store.folder]), tmp_path / "out", FORMATS, NOW)
    assert {path.suffix for path in paths} == {".html", ".md", ".csv", ".parquet"}
    assert all(path.stat().st_size for path in paths)
    assert (tmp_path / "out" / "speed.csv").read_text().startswith("workload,device,threads,metric,tier")


@pytest.mark.parametrize(
    ("wanted", "package"), [("html", "plotly"), ("html", "jinja2"), ("parquet", "pyarrow")]
)
def test_missing_package_is_named_with_its_command(store, tmp_path, monkeypatch, wanted, package):
    monkeypatch.setattr(optional, "available", lambda name: name != package)
    with pytest.raises(optional.ReportUnavailable, match=rf"{package}.*pip install"):
        render(gather([store.folder]), tmp_path / "out", [wanted])
    assert render(gather([store.folder]), tmp_path / "out", ["markdown", "csv"])


def test_folder_that_cannot_be_written(store, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--output"):
        render(gather([store.folder]), tmp_path / "file", ["markdown"])


def test_summary_is_plain_and_honest(store):
    told = summary(of(store))
    assert told["passed"] is False
    assert told["measured"] == 32
    assert {row["contender"] for row in told["tables"]["speed"]} == set(synthetic_run.CONTENDERS)


def test_maps_of_answers_are_pale_enough_for_black_text(tmp_path):
    store = RunStore.create(tmp_path / "run", synthetic_run.manifest(contenders=["keras-tensorflow"]))
    learned = synthetic_run.curves()
    tested = learned.curves[0].test.model_copy(update={"confusion": [[9, 1], [5, 6]]})
    curves = learned.model_copy(update={"curves": [learned.curves[0].model_copy(update={"test": tested})]})
    store.write(synthetic_run.record(curves, "keras-tensorflow"))
    found = [each for each in charts(page_module.page(of(store), NOW)) if "answers to test" in each["title"]]
    ((cells,),) = [chart["data"] for chart in found]
    assert cells["colorscale"][-1][1] == tint("#0072B2", READABLE)
    assert cells["textfont"]["color"] == "#000000"


def test_what_stays_open_for_another_reference_only_is_listed(tmp_path, monkeypatch):
    def judged(records, wanted=tables.REFERENCE):
        frame = inner(records, wanted)
        return frame.assign(verdict="inconclusive" if wanted == "torch" else "same")

    inner = tables.judged
    monkeypatch.setattr(tables, "judged", judged)
    text = without_library(page_module.page(of(synthetic_run.write(tmp_path / "run")), NOW))
    assert 'id="inconclusive"' in text
    assert "Nothing, relative to this contender." in text


def test_terminal_shows_tables_and_verdict(store, capsys):
    terminal.print_run(of(store))
    shown = capsys.readouterr().out
    assert "Verdict" in shown
    assert "no parity, no time" in " ".join(shown.split())
    assert shown.index("Is each element the same?") < shown.index("Verdict")
    assert shown.split()[-3:] == findings.verdict(store.records()[0])[-1].split()[-3:]


def test_contenders_are_compared_with_each_other(tmp_path):
    folder = tmp_path / "run"
    store = RunStore.create(folder, synthetic_run.manifest())
    for name, side in (("torch", 0.0), ("keras-jax", 0.3), ("keras-torch", 3.0)):
        store.write(synthetic_run.record(synthetic_run.parity(side=side), name))
    own = html.unescape(without_library(page_module.page(of(store), NOW)))
    assert "distance between contenders" in own
    assert "torch – keras-jax" in own
    assert "9.0e-08 (0.900× noise at step 100, parity)" in markdown.text(of(store))
    assert "9.0e-07 (9.00× noise at step 100, semantic)" in markdown.text(of(store))
