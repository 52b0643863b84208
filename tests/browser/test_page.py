from __future__ import annotations

import re
import time

import pytest

from benchmarks.report import html
from benchmarks.result import Manifest, Record
from tests import synthetic_run
from tests.browser.opening import NOW
from tests.hostile import places, poisoned

PATIENCE = 20.0
"""Seconds."""
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
DRAW_ALL = """async () => {
  for (const chart of document.querySelectorAll('main .chart')) {
    chart.scrollIntoView();
    await new Promise((done) => setTimeout(done, 20));
  }
  while ([...document.querySelectorAll('main .chart')].some((each) => !each.querySelector('.main-svg'))) {
    await new Promise((done) => setTimeout(done, 50));
  }
}"""


def until(page, expression):
    """Wait until an expression holds; Playwright's own way evaluates text, which the policy forbids."""
    end = time.monotonic() + PATIENCE
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(50)


def draw_all(page):
    page.evaluate(OPEN_ALL)
    page.evaluate(DRAW_ALL)


def shown(page, selector):
    return page.locator(f"{selector} >> visible=true").count()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_looks_right(visit, reference_page, shots, scheme, size):
    page = visit(reference_page, viewport=size, color_scheme=scheme)
    page.screenshot(path=shots / f"{scheme}-{size['width']}-top.png")
    for anchor in ("parity", "learning", "speed"):
        page.evaluate("(anchor) => document.getElementById(anchor).scrollIntoView()", anchor)
        until(page, "document.querySelector('.main-svg')")
        page.wait_for_timeout(300)
        page.screenshot(path=shots / f"{scheme}-{size['width']}-{anchor}.png")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}[scheme]
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert not page.troubles


@pytest.mark.parametrize("which", ["reference_page", "made_up_page"])
def test_every_chart_is_drawn(visit, request, which):
    page = visit(request.getfixturevalue(which))
    draw_all(page)
    assert page.locator(".chart.failed").count() == 0
    assert page.locator(".chart.drawn").count() == page.locator("main .chart").count() > 5
    assert not page.troubles


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(visit, made_up_page, axe, scheme):
    page = visit(made_up_page, color_scheme=scheme)
    draw_all(page)
    page.evaluate(axe)
    found = page.evaluate("axe.run()")["violations"]
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    assert not [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in grave]


def test_links_lead_somewhere(visit, reference_page):
    page = visit(reference_page)
    targets = page.eval_on_selector_all("a[href^='#']", "(all) => all.map((each) => each.hash.slice(1))")
    assert len(targets) > 10
    assert page.evaluate("(names) => names.filter((name) => !document.getElementById(name))", targets) == []
    page.click("nav a[href='#memory']")
    assert "at=memory" in page.url
    assert page.evaluate("document.activeElement.id") == "memory"


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
    cell = "#speed table >> nth=0 >> tbody td >> nth={}"
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
    assert not page.troubles


def test_tables_are_sorted_by_size_and_not_by_letters(visit, reference_page):
    page = visit(reference_page)
    head = page.locator("#memory th", has_text="train")
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
    page.locator("#memory a.raw").first.click()
    until(page, "document.querySelector('#dialog').open")
    assert '"peak_bytes"' in page.inner_text("#dialog pre")
    page.keyboard.press("Escape")
    page.locator("#speed a.raw").first.click()
    until(page, "document.querySelectorAll('#dialog summary').length == 10")
    page.locator("#dialog summary", has_text="speed.torch").click()
    assert '"iterations"' in page.inner_text("#dialog pre")
    assert not page.troubles


def test_copies(visit, reference_page):
    page = visit(reference_page, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#memory .csv").click()
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


def test_keyboard_reaches_everything(visit, reference_page):
    page = visit(reference_page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "verdict"


def test_print_shows_charts_and_hides_controls(visit, reference_page):
    page = visit(reference_page)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    until(
        page,
        "[...document.querySelectorAll('main .chart')].every((each) => each.querySelector('.main-svg'))",
    )
    page.emulate_media(media="print")
    assert not page.is_visible("#controls")
    assert page.evaluate("[...document.querySelectorAll('details')].every((each) => each.open)")


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
    for link in ("#memory a.raw", "button.worst"):
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
