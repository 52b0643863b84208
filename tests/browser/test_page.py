from __future__ import annotations

import contextlib
import csv
import re
import time
import zlib

import pytest

from benchmarks.report import html
from benchmarks.report.data import guarded
from benchmarks.report.material import of
from benchmarks.report.styles import rgb
from benchmarks.result import Manifest, Record
from benchmarks.store import RunStore
from tests import synthetic_run
from tests.browser import opening
from tests.browser.opening import NOW
from tests.hostile import places, poisoned

PATIENCE = 20.0
"""Seconds."""
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}
DRAWN = """(anchor) => document.querySelector(`#${anchor} .chart`).data
  .filter((each) => each.visible !== false)
  .map((each) => [each.meta?.contenders?.[0] ?? each.name, each.type === 'heatmap' ? each.text : each.y])"""
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
DRAW = """async (selector) => {
  for (const chart of document.querySelectorAll(selector)) {
    if (!chart.checkVisibility()) continue;
    chart.scrollIntoView();
    for (let tries = 0; tries < 1000 && !chart.matches('.failed, :has(.main-svg)'); tries++) {
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}"""
"""On a busy machine the browser needs a while to notice that a chart has come into view."""
BLANK = """(selector) => {
  const marks = 'path.js-line, .scatterlayer path.point, .barlayer path, .heatmaplayer image';
  const seen = (mark) => ['width', 'height'].some((side) => mark.getBoundingClientRect()[side] > 0);
  return [...document.querySelectorAll(selector)].filter((chart) => chart.checkVisibility())
    .filter((chart) => ![...chart.querySelectorAll(marks)].some(seen)).map((chart) => chart.ariaLabel);
}"""
"""Charts without a line, a point, a bar or a map, however far the rest of them is drawn."""
AXE = "(within) => axe.run({ include: [within], exclude: ['.main-svg'] }, { resultTypes: ['violations'] })"
UNFOLD = "document.querySelectorAll('main details:not(.numbers)').forEach((each) => { each.open = true; })"


def until(page, expression):
    """Wait until an expression holds; Playwright's own way evaluates text, which the policy forbids."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def draw_all(page):
    page.evaluate(OPEN_ALL)
    draw(page, "main .chart")


def draw(page, charts):
    page.evaluate(DRAW, charts)
    assert page.locator(f"{charts} .main-svg").count()
    assert page.evaluate(BLANK, charts) == []


def shown(page, selector):
    return page.locator(f"{selector} >> visible=true").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_looks_right(visit, reference_page, shots, scheme, size):
    page = visit(reference_page, viewport=size, color_scheme=scheme)
    page.screenshot(path=shots / f"{scheme}-{size['width']}-top.png")
    for anchor in ("parity", "learning", "speed"):
        draw(page, f"#{anchor} .chart")
        page.locator(f"#{anchor}").screenshot(path=shots / f"{scheme}-{size['width']}-{anchor}.png")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == GROUNDS[scheme]
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert not page.troubles


WATCH_HEIGHTS = """() => {
  window.heights = new Map();
  const watcher = new ResizeObserver((entries) => entries.forEach(({ target, contentRect: { height } }) => {
    heights.set(target, [...(heights.get(target) ?? []), Math.round(height)]);
  }));
  document.querySelectorAll('main .chart').forEach((each) => watcher.observe(each));
}"""
HEIGHTS = "[...heights.values()].map((each) => [Math.min(...each), Math.max(...each)])"


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("which", ["reference_page", "made_up_page"])
def test_every_chart_is_drawn_and_nothing_moves_meanwhile(visit, request, which, size):
    page = visit(request.getfixturevalue(which), viewport=size)
    page.evaluate(OPEN_ALL)
    page.evaluate(WATCH_HEIGHTS)
    draw(page, "main .chart")
    heights = page.evaluate(HEIGHTS)
    assert len(heights) == page.locator("main .chart").count()
    assert all(100 < low == high for low, high in heights)
    assert page.locator(".chart.failed").count() == 0
    assert page.locator(".chart.drawn").count() == page.locator("main .chart").count() > 5
    assert not page.troubles


@pytest.mark.parametrize(
    ("which", "links"),
    [("reference_page", ["#memory a.raw"]), ("made_up_page", ["#memory a.raw", "button.worst"])],
)
def test_accessible_in_light_and_dark(visit, request, axe, which, links):
    page = visit(request.getfixturevalue(which), color_scheme="light")
    draw_all(page)
    page.evaluate(axe)
    for scheme, ground in GROUNDS.items():
        page.emulate_media(color_scheme=scheme)
        until(page, f"getComputedStyle(document.body).backgroundColor === '{ground}'")
        assert not grave(page), scheme
        for link in links:
            page.locator(link).first.click()
            until(page, "document.querySelector('#dialog').open")
            assert not grave(page, "#dialog"), (scheme, link)
            page.keyboard.press("Escape")


def grave(page, within="html"):
    """Return what axe-core finds serious or critical, with the first places.

    Not within charts: they are images with a label, and what an image is made of is not read out.
    """
    found = page.evaluate(AXE, within)["violations"]
    return [
        (each["id"], [node["html"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


TOO_WIDE = """() => [...document.querySelectorAll('body *')]
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .filter((each) => each.checkVisibility() && !each.closest('.table, .chart, svg, dialog'))
  .map((each) => each.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("which", ["reference_page", "made_up_page", "long_names_page"])
def test_a_phone_scrolls_sideways_within_tables_only(visit, request, which):
    page = visit(request.getfixturevalue(which), viewport=PHONE)
    draw_all(page)
    for width in (PHONE["width"], 320):
        page.set_viewport_size({**PHONE, "width": width})
        until(page, f"document.documentElement.scrollWidth <= {width}")  # charts follow a moment later
        assert page.evaluate("innerWidth") == width
        assert page.evaluate(TOO_WIDE) == [], width


@pytest.fixture(scope="session")
def long_names_page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    store = RunStore.create(
        folder / "run", synthetic_run.manifest("run-" * 40, contenders=["contender-" * 6])
    )
    for data in (synthetic_run.parity(), synthetic_run.memory(), synthetic_run.speed(1e-4, seed=0)):
        store.write(synthetic_run.record(data, "contender-" * 6, "workload_" * 10))
    return html.write(of(store), folder, NOW)


def test_links_lead_somewhere(visit, reference_page):
    page = visit(reference_page)
    targets = page.eval_on_selector_all("a[href^='#']", "(all) => all.map((each) => each.hash.slice(1))")
    assert len(targets) > 10
    assert page.evaluate("(names) => names.filter((name) => !document.getElementById(name))", targets) == []
    page.click("nav a[href='#memory']")
    assert "at=memory" in page.url
    assert page.evaluate("document.activeElement.id") == "memory"


def test_page_of_the_reference_run_is_small(reference_page):
    assert reference_page.stat().st_size <= opening.LIMITS["the reference run"]["mb"] * 1e6


def test_filters_hide_and_the_link_remembers(visit, reference_page):
    page = visit(reference_page)
    rows = "#memory tr[data-contender]"
    assert shown(page, rows) == 5
    page.uncheck("input[value='torch']")
    assert shown(page, rows) == 4
    page.select_option("select[name=workload]", "sigmoid-perceptron")
    assert shown(page, "#parity tbody tr") == 1
    page.select_option("select[name=theme]", "dark")
    again = visit(reference_page, page.url[page.url.index("#") :])
    assert shown(again, rows) == shown(page, rows)
    assert not again.is_checked("input[value='torch']")
    assert again.input_value("select[name=workload]") == "sigmoid-perceptron"
    assert again.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"
    again.click("button[type=reset]")
    assert shown(again, rows) == 5
    assert not page.troubles + again.troubles


@pytest.mark.parametrize(
    ("fragment", "checked"),
    [
        ("#contender=torch&contender=numpy", {"torch", "numpy"}),
        ("#contender=", set()),
        ("#contender=unheard-of", None),
        ("#contender=torch&contender=unheard-of", {"torch"}),
        ("#%", None),
        ("#reference=%&workload=unheard-of&sort=9:9 x&at=%", None),
    ],
)
def test_any_fragment_is_read(visit, reference_page, fragment, checked):
    page = visit(reference_page, fragment)
    boxes = page.locator("input[name=contender]")
    names = [boxes.nth(place).get_attribute("value") for place in range(boxes.count())]
    found = {name for place, name in enumerate(names) if boxes.nth(place).is_checked()}
    assert found == (set(names) if checked is None else checked)
    assert not page.troubles


def test_filters_reach_into_charts(visit, reference_page):
    page = visit(reference_page, "#speed")
    chart = "#speed .chart"
    until(page, "document.querySelector('#speed .chart .main-svg')")
    names = f"document.querySelector('{chart}').data.filter((t) => t.visible !== false).map((t) => t.name)"
    points = f"document.querySelector('{chart}').data[0].x.length"
    before = page.evaluate(points)
    page.uncheck("input[value='keras-jax']")
    until(page, f"!{names}.includes('keras-jax')")
    page.select_option("select[name=workload]", "digits-network")
    until(page, f"{points} < {before}")
    assert not page.troubles


def test_ratios_follow_the_reference(visit, reference_page):
    page = visit(reference_page)
    cell = "#speed table >> nth=0 >> tbody tr:first-child > * >> nth={}"
    assert not page.locator(cell.format(2)).inner_text().count("×")  # NumPy's own
    page.select_option("select[name=reference]", "torch")
    assert page.locator(cell.format(2)).inner_text().count("×") == 1
    assert not page.locator(cell.format(3)).inner_text().count("×")
    assert "relative to torch" in page.inner_text("#verdict")
    assert "reference=torch" in page.url
    page.locator("#speed .chart").first.scroll_into_view_if_needed()
    until(page, "document.querySelector('#speed .chart .main-svg')")
    title = page.evaluate("document.querySelector('#speed .chart').layout.xaxis.title.text")
    assert title.startswith("time ÷ torch")
    page.select_option("select[name=reference]", "numpy")
    assert not page.locator(cell.format(2)).inner_text().count("×")
    assert "relative to numpy" in page.inner_text("#verdict")
    assert not page.troubles


def test_tables_are_sorted_by_size_and_not_by_letters(visit, reference_page):
    page = visit(reference_page)
    head = page.locator("#memory th", has_text="train").first
    column = (
        "[...document.querySelectorAll('#memory tbody tr')].map((row) => parseFloat(row.cells[5].innerText))"
    )
    for order in ("ascending", "descending"):
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == order
        sizes = page.evaluate(column)
        assert sizes == sorted(sizes, reverse=order == "descending")
    again = visit(reference_page, page.url[page.url.index("#") :])
    assert again.evaluate(column) == page.evaluate(column)


ROWS = (
    """(selector) => [...document.querySelectorAll(`${selector} tbody tr`)].map((row) => row.textContent)"""
)
TABLES = "main :is(.block, .block > details:not(.numbers)) > .table"


def press(page, anchor, heading):
    page.locator(f"{anchor} th", has_text=heading).first.locator("button").press("Enter")


def test_show_everything_puts_rows_back_in_their_first_order(visit, made_up_page):
    page = visit(made_up_page)
    unfold(page.locator("#memory .numbers").first)
    tables = ["#memory .block > .table", "#memory .numbers"]
    before = [page.evaluate(ROWS, table) for table in tables]
    for heading in ("train", "contender"):
        press(page, tables[0], heading)
    press(page, tables[1], "stage")
    assert [page.evaluate(ROWS, table) for table in tables] != before
    assert page.locator("main [aria-sort]").count() == 2
    page.click("button[type=reset]")
    until(page, "document.querySelectorAll('main [aria-sort]').length === 0")
    assert [page.evaluate(ROWS, table) for table in tables] == before
    assert "sort=" not in page.url
    assert page.locator("main details[open]").count() == 1  # what is unfolded is not hidden
    press(page, tables[0], "train")
    assert page.locator("main [aria-sort]").get_attribute("aria-sort") == "ascending"
    assert not page.troubles


def test_what_ties_is_ordered_as_in_the_link(visit, made_up_page):
    """A link keeps a table's last order, and not those before it."""
    page = visit(made_up_page)
    for heading in ("contender", "workload"):
        press(page, "#memory", heading)
    again = visit(made_up_page, page.url[page.url.index("#") :])
    assert page.evaluate(ROWS, "#memory .block > .table") == again.evaluate(ROWS, "#memory .block > .table")


def test_a_link_followed_within_the_page_shows_what_a_new_page_would(visit, made_up_page):
    page = visit(made_up_page)
    before = page.evaluate(ROWS, TABLES)
    press(page, "#memory", "train")
    page.locator("#speed .block > details:not(.numbers) > summary").first.click()
    until(page, "location.hash.includes('open=')")
    one = page.url[page.url.index("#") :]
    page.click("button[type=reset]")
    page.locator("#speed .block > details[open] > summary").click()
    press(page, "#learning", "validation loss")
    page.locator("#memory .numbers summary").first.click()
    until(page, "location.hash.includes('.numbers')")
    other = page.url[page.url.index("#") :]
    state = """() => {
      const all = (selector, told) => [...document.querySelectorAll(selector)]
        .map((each) => [each.closest('section').id, told(each)]);
      return [
        all('main [aria-sort]', (head) => head.innerText),
        all('main details[open]', (details) => details.className),
        [...new URLSearchParams(location.hash.slice(1)).keys()].sort(),
      ];
    }"""
    told = {
        one: [[["memory", "train"]], [["speed", ""]], ["open", "sort"]],
        other: [[["learning", "validation loss"]], [["memory", "numbers"]], ["open", "sort"]],
        "#": [[], [], []],
    }
    for fragment in (one, other, one, "#"):
        page.evaluate("(hash) => { location.hash = hash; }", fragment)
        page.wait_for_timeout(300)  # for what is folded to say so, which could undo it
        assert page.evaluate(state) == told[fragment]
    assert page.evaluate(ROWS, TABLES) == before
    assert not page.troubles


def test_a_cell_of_the_matrix_tells_the_worst_input(visit, made_up_page):
    page = visit(made_up_page)
    page.evaluate(OPEN_ALL)
    page.locator("button.worst").first.click()
    told = page.inner_text("#dialog")
    assert "gelu" in told
    assert "worst at" in told
    assert "tolerance" in told
    page.keyboard.press("Escape")
    assert not page.evaluate("document.querySelector('#dialog').open")


def test_raw_samples_open(visit, reference_page):
    page = visit(reference_page)
    page.locator("#memory td a.raw").first.click()
    until(page, "document.querySelector('#dialog').open")
    assert '"peak_bytes"' in page.inner_text("#dialog pre")
    page.keyboard.press("Escape")
    page.locator("#speed td a.raw").first.click()
    until(page, "document.querySelectorAll('#dialog summary').length == 10")
    page.locator("#dialog summary", has_text="speed.torch").click()
    assert '"iterations"' in page.inner_text("#dialog pre")
    assert not page.troubles


def test_copies(visit, reference_page):
    page = visit(reference_page, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#memory .csv").first.click()
    until(page, "document.querySelector('#said').textContent.endsWith('copied.')")
    table = page.evaluate("navigator.clipboard.readText()")
    assert re.match(
        r'"workload","contender","baseline","import","build","train"\r?\n"digits-network","numpy"', table
    )
    page.locator("#memory .svg").click()
    until(page, "document.querySelector('#said').textContent.includes('.svg')")
    assert page.evaluate("navigator.clipboard.readText()").startswith("<svg")
    page.locator("#memory .png").click()
    until(page, "document.querySelector('#said').textContent.includes('.png')")
    kinds = page.evaluate("navigator.clipboard.read().then((items) => items[0].types)")
    assert kinds == ["image/png"]
    assert not page.troubles


FOCUSED = """() => [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')]
  .indexOf(document.activeElement)"""


def test_keyboard_goes_through_all_in_order(visit, made_up_page):
    page = visit(made_up_page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    places = []
    for _ in range(80):
        places.append(page.evaluate(FOCUSED))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", places
        page.keyboard.press("Tab")
    assert places == sorted(set(places))
    assert places[0] == 0
    assert page.evaluate("Boolean(document.activeElement.closest('main'))")


def test_skip_link_leads_to_the_verdict(visit, reference_page):
    page = visit(reference_page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "verdict"


@pytest.mark.parametrize("link", ["#memory a.raw", "button.worst"])
def test_a_dialog_opens_and_gives_the_focus_back_by_keyboard(visit, made_up_page, link):
    page = visit(made_up_page)
    page.evaluate(OPEN_ALL)
    for closing in ("Escape", "Enter"):
        page.locator(link).first.focus()
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#dialog').open")
        assert page.evaluate("document.activeElement.id") == "close"
        page.keyboard.press(closing)
        assert not page.evaluate("document.querySelector('#dialog').open")
        assert page.evaluate("(link) => document.activeElement === document.querySelector(link)", link)
    assert not page.troubles


def test_filters_and_folds_work_by_keyboard(visit, reference_page):
    page = visit(reference_page)
    rows = "#memory tr[data-contender]"
    page.focus("input[value='torch']")
    page.keyboard.press("Space")
    assert shown(page, rows) == 4
    page.focus("select[name=theme]")
    page.keyboard.press("d")
    until(page, "document.documentElement.dataset.theme === 'dark'")
    page.focus("#learning details summary")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('#learning details').open")
    page.focus("button[type=reset]")
    page.keyboard.press("Enter")
    assert shown(page, rows) == 5


LOOK_AT_PRINT = """() => addEventListener("beforeprint", () => {
  const charts = [...document.querySelectorAll("main .chart")];
  window.printed = {
    missing: charts.filter((each) => !each.querySelector(".main-svg")).length,
    folded: document.querySelectorAll("main details:not([open]):not(.numbers)").length,
    inks: [...new Set(charts.map((each) => each.layout?.font.color))],
    widest: Math.max(...charts.map((each) => each.layout?.width ?? Infinity)),
  };
})"""
LIGHT_INK = "#595959"


@pytest.mark.parametrize("which", ["reference_page", "made_up_page"])
def test_print_from_dark_is_light_and_has_every_chart(visit, request, which):
    page = visit(request.getfixturevalue(which), "#theme=dark", color_scheme="dark")
    until(page, "Boolean(window.Plotly)")  # loaded while nothing else was to be done, and not by scrolling
    assert page.locator(".chart.drawn").count() < page.locator("main .chart").count()
    page.evaluate(LOOK_AT_PRINT)
    pdf = page.pdf()
    assert page.evaluate("window.printed") == {
        "missing": 0,
        "folded": 0,
        "inks": [LIGHT_INK],
        "widest": 680,
    }
    painted = operators(pdf)
    assert paint("#E69F00") in painted  # NumPy's lines
    assert paint("#16181b") not in painted  # the dark ground
    until(page, "document.documentElement.dataset.theme === 'dark'")
    assert page.locator("main details:not([open])").count() > 0
    assert not page.troubles


@pytest.mark.parametrize("media", ["screen", "print"])
def test_charts_that_cannot_be_drawn_say_so_and_leave_no_hole(visit, made_up_page, tmp_path, media):
    text = made_up_page.read_text(encoding="utf-8")
    broken, count = re.subn(r'(<script[^>]*id="library"[^>]*>)[^<]*', r"\1AAAA", text)
    assert count == 1
    (tmp_path / "broken.html").write_text(broken, encoding="utf-8")
    page = visit(tmp_path / "broken.html")
    page.emulate_media(media=media)
    page.evaluate("document.querySelector('#memory .chart').scrollIntoView()")
    chart = page.locator("#memory .chart").first
    chart.get_by_text("could not be drawn").wait_for()
    assert chart.evaluate("(each) => each.offsetHeight") < 100
    charts = "main .chart" if media == "print" else "#memory .chart"
    assert page.locator(f"{charts}.failed").count() == page.locator(charts).count()
    assert not page.troubles


def operators(pdf):
    """Return what a PDF paints, its streams without compression."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        with contextlib.suppress(zlib.error):
            found.append(zlib.decompress(stream))
    return b"\n".join(found).decode("latin-1")


def paint(colour):
    """Return a colour's red and green as Skia writes them into a PDF."""
    return " ".join(f"{value / 255:.4f}".rstrip("0").removeprefix("0") for value in rgb(colour)[:2])


def test_paper_is_light_and_the_screen_comes_back(visit, reference_page):
    page = visit(reference_page, "#theme=dark")
    folded = page.locator("main details:not([open]):not(.numbers)").count()
    page.emulate_media(media="print")
    until(
        page,
        "[...document.querySelectorAll('main .chart')].every((each) => each.querySelector('.main-svg'))",
    )
    assert not page.is_visible("#controls")
    assert page.locator("main details:not([open]):not(.numbers)").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")
    left = "document.querySelectorAll('main details:not([open]):not(.numbers)').length"
    until(page, f"{left} === {folded} && {folded} > 0")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 27)"
    until(page, "document.querySelector('main .chart').layout.font.color !== '#595959'")
    assert not page.troubles


def test_copied_table_has_no_formula(visit, tmp_path):
    names = ["=1+1", "-2+3", "@SUM(A1)", "+1+1", "plain"]
    store = RunStore.create(tmp_path / "run", synthetic_run.manifest())
    for name in names:
        store.write(synthetic_run.record(synthetic_run.memory(), "numpy", name))
    page = visit(html.write(of(store), tmp_path, NOW), permissions=["clipboard-read", "clipboard-write"])
    page.locator("#memory .csv").first.click()
    until(page, "document.querySelector('#said').textContent.endsWith('copied.')")
    rows = list(csv.reader(page.evaluate("navigator.clipboard.readText()").splitlines()))
    assert sorted(row[0] for row in rows[1:]) == sorted(map(guarded, names))
    assert guarded("=1+1") == "'=1+1"


def test_every_link_to_raw_samples_finds_some(visit, made_up_page):
    """Those of tables, charts, sentences and sections; of rows a few."""
    page = visit(made_up_page)
    page.evaluate(OPEN_ALL)
    links = page.locator("main p.repeat a.raw")
    assert links.count() > 40
    for place in range(links.count()):
        links.nth(place).evaluate("(link) => link.click()")
        until(page, "document.querySelector('#dialog').open")
        assert page.locator("#dialog details").count(), links.nth(place).evaluate("(a) => a.outerHTML")
        page.evaluate("document.querySelector('#dialog').close()")
    assert not page.troubles


@pytest.mark.parametrize(
    ("anchor", "measures"),
    [
        ("course", {"curves"}),
        ("crossover", {"parity", "speed", "limit"}),
        ("cold-start", {"parity", "speed"}),
    ],
)
def test_a_chart_s_samples_are_its_own(visit, made_up_page, anchor, measures):
    page = visit(made_up_page)
    page.locator(f"#{anchor} figure a.raw").first.evaluate("(link) => link.click()")
    until(page, "document.querySelector('#dialog').open")
    names = page.locator("#dialog summary").all_inner_texts()
    assert {name.split(".")[-5] for name in names} == measures
    prefix = {"course": "m-", "crossover": "grid-", "cold-start": "perceptron."}[anchor]
    assert all(name.startswith(f"records/{prefix}") for name in names)


def test_self_check_has_its_raw_samples(visit, reference_page):
    page = visit(reference_page)
    page.locator("#selfcheck a.raw").evaluate("(link) => link.click()")
    until(page, "document.querySelector('#dialog').open")
    assert '"comparisons"' in page.inner_text("#dialog pre")
    page.keyboard.press("Escape")
    page.locator("#environment a.raw").evaluate("(link) => link.click()")
    until(page, "document.querySelector('#dialog').open")
    assert '"command"' in page.inner_text("#dialog pre")
    assert not page.troubles


def trace_names(page, anchor):
    """Return the names of what is drawn in a section's first chart, each with the numbers of its points."""
    page.locator(f"#{anchor} .chart").first.scroll_into_view_if_needed()
    until(page, f"document.querySelector('#{anchor} .chart .main-svg')")
    page.wait_for_timeout(300)
    return page.evaluate(DRAWN, anchor)


def test_filters_reach_into_cold_start_crossover_and_course(visit, made_up_page):
    page = visit(made_up_page)
    assert {tuple(y) for _, y in trace_names(page, "cold-start")} == {("numpy", "torch", "keras-jax")}
    ((_, text),) = trace_names(page, "crossover")
    assert text == [["numpy", "torch"]]
    assert [name for name, _ in trace_names(page, "course")] == ["numpy", "torch"] * 2
    page.uncheck("input[value='torch']")
    assert {tuple(y) for _, y in trace_names(page, "cold-start")} == {("numpy", "keras-jax")}
    assert trace_names(page, "crossover")[0][1] == [["numpy", ""]]  # not the fastest where torch is
    assert [name for name, _ in trace_names(page, "course")] == ["numpy"] * 2
    page.check("input[value='torch']")
    page.select_option("select[name=workload]", "m-0")
    assert [name for name, _ in trace_names(page, "course")] == ["numpy", "torch"]
    page.select_option("select[name=workload]", "grid-16")
    assert trace_names(page, "crossover")[0][1] == [["", "torch"]]
    assert not page.troubles


TOLD = {
    "tier": "[Tt]ier (\\w+)|^Ratios of (start)s",
    "threads": "[Tt]hreads ([\\w-]+)",
    "device": "[Tt]hreads [\\w-]+, (\\w+)",
}
"""How titles of tables and charts name what they are about; other tables have a column."""
ABOUT = """([kind, pattern]) => {
  const named = (title) => title.match(pattern)?.slice(1).filter(Boolean) ?? [];
  const column = (table) => {
    const place = [...table.tHead.rows[0].cells].findIndex((head) => head.textContent.trim() === kind);
    const rows = [...table.tBodies[0].rows].filter((row) => place >= 0 && row.checkVisibility());
    return rows.map((row) => row.cells[place].textContent.trim());
  };
  const shown = (selector) => [...document.querySelectorAll(selector)]
    .filter((each) => each.checkVisibility());
  return {
    tables: shown('section:not(#environment) .block > :not(.numbers) table')
      .map((table) => [table.caption.textContent, [...named(table.caption.textContent), ...column(table)]]),
    charts: shown('main figcaption').map((each) => [each.textContent, named(each.textContent)]),
  };
}"""


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("tier", "loop"),
        ("tier", "idiomatic"),
        ("tier", "start"),
        ("threads", "single"),
        ("threads", "default"),
        ("device", "cpu"),
        ("device", "gpu"),
    ],
)
def test_a_filter_leaves_nothing_of_the_others(visit, page_of_places, kind, name):
    page = visit(page_of_places)
    page.evaluate(UNFOLD)

    def about():
        found = page.evaluate(ABOUT, [kind, TOLD[kind]])
        return {part: [(title, set(names)) for title, names in each] for part, each in found.items()}

    names = {
        option for option in page.locator(f"select[name={kind}] option").all_inner_texts() if option != "all"
    }
    before = about()
    assert set().union(*(each for _, each in before["tables"])) == names
    assert set().union(*(each for _, each in before["charts"])) == names - {"start"}
    page.select_option(f"select[name={kind}]", name)
    after = about()
    for part in ("tables", "charts"):
        ours = [(title, each & {name}) for title, each in before[part] if not each or name in each]
        assert after[part] == [(title, each) for title, each in ours if each or kind == "tier"]
    assert not page.troubles


def test_pairs_follow_the_contenders(visit, page_of_places):
    page = visit(page_of_places)
    page.evaluate(UNFOLD)
    pairs = page.locator("#parity table", has_text="pair").last
    rows = pairs.locator("tbody tr >> visible=true")
    everyone = {"numpy – torch", "numpy – keras-jax", "torch – keras-jax"}

    def shown_pairs():
        return {text for row in rows.all() for text in row.locator("th").all_inner_texts() if "–" in text}

    def drawn_pairs():
        drawn = "[...document.querySelectorAll('#parity .chart.drawn')].flatMap((each) => each.data ?? [])"
        kept = ".filter((each) => each.visible !== false && each.meta?.contenders).map((each) => each.name)"
        return set(page.evaluate(drawn + kept))

    draw(page, "#parity .chart")
    assert shown_pairs() == drawn_pairs() == everyone
    page.uncheck("input[value='torch']")
    until(page, "document.querySelector('#parity .chart').data.some((each) => each.visible === false)")
    page.wait_for_timeout(300)
    assert shown_pairs() == drawn_pairs() == {"numpy – keras-jax"}
    rows.first.locator("a.raw").click()
    until(page, "document.querySelector('#dialog').open")
    records = page.locator("#dialog summary").all_inner_texts()
    assert {name.split(".")[2] for name in records} == {"numpy", "keras-jax"}
    assert not page.troubles


FASTEST = """() => {
  const [table, chart] = ['table', '.chart'].map((each) => document.querySelector(`#crossover ${each}`));
  return [
    [...table.tBodies[0].rows].map((row) => [...row.cells].slice(1).map((cell) => cell.innerText)),
    chart.data[0].text.map((row) => row.map((names) => names.replaceAll('<br>', ' '))),
  ];
}"""


def test_the_table_of_who_is_fastest_says_what_its_map_does(visit, page_of_places):
    page = visit(page_of_places, permissions=["clipboard-read", "clipboard-write"])
    draw(page, "#crossover .chart")
    (cells,), drawn = page.evaluate(FASTEST)
    assert [cells] == drawn
    assert [set(cell.split(" = ")) for cell in cells] == [{"numpy", "torch", "keras-jax"}] * 2
    ahead = cells[0].split(" = ")[0]
    page.uncheck(f"input[value='{ahead}']")
    page.wait_for_timeout(300)
    (after,), drawn = page.evaluate(FASTEST)
    assert [after] == drawn
    assert after[0] == cells[0].removeprefix(f"{ahead} ")  # who ties with it has not come first
    page.locator("#crossover .csv").first.click()
    until(page, "document.querySelector('#said').textContent.endsWith('copied.')")
    assert ahead not in page.evaluate("navigator.clipboard.readText()")
    page.select_option("select[name=workload]", "grid-16")
    page.wait_for_timeout(300)
    (after,), drawn = page.evaluate(FASTEST)
    assert [after] == drawn
    assert not after[0]
    assert after[1]
    page.evaluate(UNFOLD)
    costs = page.locator("#crossover table", has_text="numpy").last.locator("tbody tr >> visible=true").first
    assert [bool(text) for text in costs.locator("td").all_inner_texts()[-3:-1]] == [False, True]
    page.select_option("select[name=workload]", "network")
    assert shown(page, "#crossover tbody tr") == 0
    assert not page.troubles


def test_charts_keep_their_size_when_they_are_filtered(visit, made_up_page):
    page = visit(made_up_page)
    seen = "[...document.querySelectorAll('.chart.drawn')].filter((each) => each.checkVisibility())"
    heights = f"Object.fromEntries({seen}.map((each) => [each.dataset.chart, each.offsetHeight]))"
    traces = "document.querySelector('#memory .chart').data.filter((each) => each.visible !== false).length"
    draw_all(page)
    before, count = page.evaluate(heights), page.evaluate(traces)
    assert min(before.values()) > 100
    for change, left in ((page.uncheck, count - 1), (page.check, count)):
        change("input[value='torch']")
        until(page, f"{traces} === {left}")
        page.wait_for_timeout(300)
        assert page.evaluate(heights).items() <= before.items()
    assert page.evaluate(heights) == before


def test_the_legend_keeps_its_groups(visit, made_up_page):
    """A level stands in the legend by its first line, and if that is hidden by the next."""
    page = visit(made_up_page, "#contender=torch")
    trace_names(page, "course")
    shown = "document.querySelector('#course .chart').data.filter((t) => t.visible !== false && t.showlegend)"
    assert page.evaluate(f"{shown}.map((each) => each.name)") == ["0", "0.9"]


def unfold(numbers):
    """Open the numbers of a chart; the table is made a moment later."""
    numbers.locator("summary").press("Enter")
    numbers.locator("tbody tr").first.wait_for()


@pytest.mark.parametrize(
    ("anchor", "heads", "row"),
    [
        (
            "parity",
            ["series", "training step", "relative distance of parameters"],
            ["numpy float64", "100", "2e-16"],
        ),
        ("learning", ["series", "epoch", "loss", "low", "high"], None),
        (
            "speed",
            ["series", "time ÷ numpy's (less is faster)", "workload, metric", "low", "high", "what"],
            None,
        ),
        (
            "limit",
            ["series", "FLOP of a step's products ÷ bytes that it has to move", "FLOP/s", "what"],
            None,
        ),
        ("crossover", ["batch", "network", "what"], ["batch 1", "64-10", "numpy"]),
        ("cold-start", ["series", "seconds", "contender", "what"], None),
        ("memory", ["series", "stage", "peak of the process, MB"], ["torch", "build", "100"]),
        ("course", ["series", "training step", "loss"], ["0.9, torch", "10", "1"]),
    ],
)
def test_the_numbers_of_a_chart_are_a_table(visit, made_up_page, anchor, heads, row):
    page = visit(made_up_page, permissions=["clipboard-read", "clipboard-write"])
    numbers = page.locator(f"#{anchor} .numbers").first
    assert numbers.locator("table").count() == 0  # not made before it is asked for
    unfold(numbers)
    assert numbers.locator("th").all_inner_texts() == heads
    rows = [line.locator("td").all_inner_texts() for line in numbers.locator("tbody tr").all()]
    assert rows
    assert row is None or row in rows
    numbers.locator(".csv").click()
    until(page, "document.querySelector('#said').textContent.endsWith('copied.')")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[0] == ",".join(f'"{head}"' for head in heads)
    assert len(copied) == 1 + len(rows)
    assert not page.troubles


def test_the_numbers_of_a_chart_follow_the_filters(visit, made_up_page):
    page = visit(made_up_page)
    unfold(page.locator("#memory .numbers").first)
    series = (
        "[...document.querySelectorAll('#memory .numbers tbody tr')].map((row) => row.cells[0].textContent)"
    )
    assert set(page.evaluate(series)) == {"numpy", "torch", "keras-jax"}
    page.uncheck("input[value='torch']")
    until(page, f"new Set({series}).size === 2")
    assert set(page.evaluate(series)) == {"numpy", "keras-jax"}


def test_the_link_remembers_what_is_opened(visit, made_up_page):
    page = visit(made_up_page)
    titles = ".map((each) => each.querySelector('summary').textContent)"
    opened = "[...document.querySelectorAll('main details[open]')]" + titles
    assert page.evaluate(opened) == []
    for summary in ("#speed .block > details > summary", "#memory .numbers summary"):
        page.locator(summary).first.press("Enter")  # as a keyboard does it; the mouse is tried elsewhere
    until(page, f"{opened}.length === 2")
    until(page, "location.hash.split('open=').length === 3")
    again = visit(made_up_page, page.url[page.url.index("#") :])
    assert again.evaluate(opened) == page.evaluate(opened)
    again.locator("#memory .numbers tbody tr").nth(3).wait_for()
    again.select_option("select[name=reference]", "torch")
    assert len(again.evaluate(opened)) == 2  # the same table, relative to another contender
    again.locator("#memory .numbers summary").first.press("Enter")
    until(again, "location.hash.split('open=').length === 2")
    assert not page.troubles + again.troubles


def test_a_kept_order_is_that_of_the_column_s_name(visit, made_up_page, page_of_two_runs):
    """In a page with a column more, and other tables before it, the same column is sorted."""
    page = visit(made_up_page)
    page.locator("#memory th", has_text="train").first.locator("button").press("Enter")
    fragment = page.url[page.url.index("#") :]
    for path in (made_up_page, page_of_two_runs):
        again = visit(path, fragment)
        assert again.locator("main th[aria-sort]").all_inner_texts() == ["train"]
        assert again.locator("#memory th[aria-sort]").count() == 1


def test_cells_are_sorted_by_what_they_were_made_with(visit, tmp_path):
    store = synthetic_run.write(tmp_path / "run")
    agreements = [
        synthetic_run.elements(name=name, error=error, passed=passed, deviation=deviation).agreements[0]
        for name, error, passed, deviation in (
            ("a", 3e-15, True, "known"),
            ("b", 1e-15, True, None),
            ("c", 1e-16, False, None),
            ("d", float("inf"), False, None),
            ("e", 2e-15, True, None),
        )
    ]
    data = synthetic_run.elements().model_copy(update={"agreements": agreements})
    store.write(synthetic_run.record(data, "numpy", "elements"))
    page = visit(html.write(of(store), tmp_path, NOW))
    matrix = page.locator('[data-kind="matrix"]')
    assert matrix.locator("table").is_visible()
    matrix.locator("th", has_text="numpy").locator("button").press("Enter")
    names = [row.locator("th, td").nth(1).inner_text() for row in matrix.locator("tbody tr").all()]
    assert names == ["b", "e", "a", "c", "d", "gelu"]  # numpy was not asked about gelu
    assert not page.troubles


def test_a_run_can_be_chosen(visit, page_of_two_runs):
    page = visit(page_of_two_runs)
    rows = "#memory tbody tr"
    before = shown(page, rows)
    figures = shown(page, "#memory figure")
    assert shown(page, "#verdict .verdict") == 6
    page.select_option("select[name=run]", "other")
    assert shown(page, rows) == before / 2
    assert shown(page, "#memory figure") == figures / 2
    assert shown(page, "#verdict .verdict") == 3
    assert "Run one" not in page.inner_text("#verdict")
    page.locator(f"{rows} >> visible=true").last.locator("a.raw").click()
    until(page, "document.querySelector('#dialog').open")
    assert page.locator("#dialog summary").all_inner_texts() == [
        "other/records/network.memory.keras-jax.cpu.single.json"
    ]
    page.keyboard.press("Escape")
    again = visit(page_of_two_runs, page.url[page.url.index("#") :])
    assert shown(again, rows) == before / 2
    assert not page.troubles + again.troubles


def test_hostile_texts_do_nothing(visit, tmp_path):
    """Every text field at once; each alone is checked without a browser."""
    store = synthetic_run.write(tmp_path / "run")
    inside = [
        place
        for place in places(Manifest) + places(Record)
        if place[-1] not in ("workload", "contender", "device")  # these would make all records one
    ]
    for place in inside:
        material = poisoned(store, place)
    page = visit(html.write(material, tmp_path, NOW))
    draw_all(page)
    for link in ("#memory td a.raw", "button.worst"):
        page.locator(link).first.click()
        until(page, "document.querySelector('#dialog').open")
        page.keyboard.press("Escape")
    assert page.locator("img").count() == 0
    assert "<script>alert(1)" in page.inner_text("#environment")
    assert not page.troubles


@pytest.mark.parametrize("names", [("workload", "experiment"), ("contender", "level")])
def test_hostile_names_do_nothing_in_charts(visit, tmp_path, names):
    store = synthetic_run.write(tmp_path / "run")
    for name in names:
        material = poisoned(store, ("case", name))
    page = visit(html.write(material, tmp_path, NOW))
    draw_all(page)
    page.click("button[type=reset]")
    assert page.locator("img").count() == 0
    assert not page.troubles
