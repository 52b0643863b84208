"""Texts from result files in Markdown and CSV: readers of those run things, too."""

from __future__ import annotations

import csv
import html
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from benchmarks.compare import Change, Comparison
from benchmarks.report import markdown
from benchmarks.report.data import guarded, write_csv
from benchmarks.report.material import Material, of
from benchmarks.report.sections import Table
from tests import synthetic_run
from tests.hostile import HOSTILE

MENTION = re.compile(r"(?:^|[^A-Za-z0-9_])@[A-Za-z0-9]|#[0-9]")
"""What GitHub looks for in the text of a page."""
NAMES = [
    "@octocat",
    "to @octocat/team, closes #12",
    "other/project#3",
    "a | b",
    r"a \| b",
    "two\nlines\r\n\r\nand | more",
    "`code` and ``more`",
    "<b>bold</b><!-- gone",
    "[link](javascript:alert(1))",
    "*a* _b_ ~~c~~ $d$",
    "</summary></details>",
    HOSTILE,
]


def rendered(text):
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)


def texts(tokens):
    """Return what is read: the text of every inline part and of every piece of HTML."""
    found = []
    for token in tokens:
        if token.type == "inline":
            assert {each.type for each in token.children} <= {"text", "strong_open", "strong_close"}, (
                token.content
            )
            found.append("".join(each.content for each in token.children))
        elif token.content:
            found.append(token.content)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_table_shows_any_name_as_it_is(name):
    table = Table(name, ["workload", name], [[name, "1"], ["plain", name]])
    tokens = rendered("\n".join(markdown._table(table)))
    assert [token.type for token in tokens].count("tr_open") == 3
    shown = " ".join(name.split())
    assert [text.replace("\u200b", "") for text in texts(tokens)] == [
        shown, "workload", shown, shown, "1", "plain", shown,
    ]  # fmt: skip
    assert not any(MENTION.search(text) for text in texts(tokens))


@pytest.mark.parametrize("name", NAMES)
def test_a_folded_table_shows_any_title(name):
    tokens = rendered("\n".join(markdown._table(Table(name, ["a"], [["1"]], detail=True))))
    first, *_, last = [token.content for token in tokens if token.type == "html_block"]
    assert re.fullmatch(r"<details><summary>[^<>]*</summary>\n", first)
    assert last == "</details>\n"
    title = html.unescape(first.removeprefix("<details><summary>").removesuffix("</summary>\n"))
    assert title.replace("\u200b", "") == " ".join(name.split())
    assert not MENTION.search(title)


@pytest.mark.parametrize("begin", ["# ", "- ", "+ ", "* ", "> ", "=", "`", "|"])
def test_a_paragraph_stays_one(begin):
    (opened, inline, closed) = rendered(markdown._paragraph(f"{begin}text"))
    assert (opened.type, closed.type) == ("paragraph_open", "paragraph_close")
    assert "".join(each.content for each in inline.children) == f"{begin}text"


@pytest.mark.parametrize("name", ["@octocat", "closes #12"])
def test_a_comment_on_a_pull_request_calls_nobody(name):
    change = Change(name, name, "cpu", "single", name, 1.0, 2.0, "regression", why=name)
    told = markdown.comparison_text(Comparison(name, name, [name], [change]))
    read = texts(rendered(told))
    assert name in " ".join(read).replace("\u200b", "")
    assert not any(MENTION.search(text) for text in read)


def test_sides_of_a_rerun_are_written_as_they_are():
    assert markdown._plain("numpy@before") == "numpy@before"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "-", "+", "-2+3"]
)
def test_a_formula_is_guarded(text):
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "+1", "-1.5e-07", "-.5", "numpy@before", "a=b", "", "1-1", "– "])
def test_numbers_and_other_text_are_left_alone(text):
    assert guarded(text) == text


def test_written_csv_has_no_formula(tmp_path):
    store = synthetic_run.write(tmp_path / "run")
    (run,) = of(store).runs
    records = [
        record.model_copy(update={"case": record.case.model_copy(update={"workload": "=1+1"})})
        for record in run.records
    ]
    made = Material([replace(run, records=type(run.records)(records))])
    for path in write_csv(made, tmp_path):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows
        for row in rows:
            assert row.get("workload") in (None, "'=1+1")
            assert not any(cell.startswith(("=", "@", "+")) for cell in row.values()), row
    speed = (tmp_path / "speed.csv").read_text()
    assert "\"'" not in speed.replace("'=1+1", "")  # numbers, negative ones too, are numbers
