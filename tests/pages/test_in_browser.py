"""Pages in a browser: nothing goes wrong, and all works by mouse and by keyboard."""

import os
from pathlib import Path

import pytest

from pairgen.pages.cells import cell
from pairgen.pages.judged import side_by_side
from pairgen.pages.sections import Section, Table, sections_page
from tests.pages.browser import Tab
from tests.pages.conftest import missing
from tests.pages.made import judged_page, pixels, set_page

WIDTHS, SCHEMES = (360, 768, 1440), ("light", "dark")
# Where `.ci/run` installs the npm package axe-core, or where the variable says.
AXE = Path(
    os.environ.get(
        "PAIRGEN_AXE", Path(__file__).parents[2] / "build/npm/node_modules/axe-core/axe.min.js"
    )
)
SHOWN_KEYS = "[...document.querySelectorAll('[data-card]:not([hidden])')].map(e => e.dataset.card)"
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "ArrowRight": (39, ""), "ArrowLeft": (37, "")}


def press(tab: Tab, key: str) -> None:
    code, text = KEYS.get(key, (ord(key[0]), key))
    tab.press(key, code, text)


@pytest.fixture(scope="module")
def axe() -> str:
    """Return the script of axe-core, which checks whether a page can be used by everyone."""
    if not AXE.is_file():
        missing("axe-core")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def opened(tab: Tab, tmp_path: Path):
    """Return a function that opens a page, and check at the end that nothing went wrong in it."""

    def open_page(text: str, width: int = 1440, scheme: str = "light") -> Tab:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        tab.shown_at(width, 900, scheme)
        tab.open(path.as_uri())
        return tab

    yield open_page
    # The answer comes after all that happened before.
    assert tab.run("1") == 1
    assert tab.errors == []
    assert tab.requests == [(tmp_path / "page.html").as_uri()]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("make", [set_page, judged_page])
def test_nothing_is_wider_than_the_window_and_axe_finds_nothing_serious(
    axe, opened, make, width, scheme
) -> None:
    tab = opened(make(), width, scheme)
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("document.querySelectorAll('figure.chart svg').length") >= 3
    tab.run(axe + ";0")
    audit = (
        "axe.run({where}, {{resultTypes: ['violations']}}).then(found => found.violations"
        ".filter(each => ['serious', 'critical'].includes(each.impact))"
        ".map(each => [each.id, each.nodes[0].html]))"
    )
    assert tab.run(audit.format(where="document")) == []
    tab.click("[data-card] .open")
    assert tab.run("document.getElementById('viewer').open")
    assert tab.run(audit.format(where="'#viewer'")) == []
    assert tab.run("document.getElementById('viewer').scrollWidth") <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_every_image_of_a_line_and_every_column_can_be_reached(opened, width) -> None:
    images = [(f"step {i}", pixels(i), "") for i in range(9)]
    head = [(f"a long column {i}", "") for i in range(12)]
    table = Table(caption="Wide", head=head, rows=[[cell("student"), *[cell(0.5)] * 11]])
    card = side_by_side("pair", "a fox", images)
    page = sections_page("x", "x", "", [Section(title="A", cards=[card], table=table)])
    tab = opened(page, width)
    # No image lies beside what is shown of its line.
    assert tab.run("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.open'))")
    right = "[...document.querySelectorAll('.frame')].map(e => e.getBoundingClientRect().right)"
    assert max(tab.run(right)) <= width
    # The names of the rows stay where a wide table is scrolled.
    tab.run("document.querySelector('.scroll').scrollLeft = 10000")
    name = "document.querySelector('tbody th').getBoundingClientRect().left"
    last = "document.querySelector('tbody td:last-child').getBoundingClientRect().right"
    assert 0 <= tab.run(name) < 200 and tab.run(last) <= width


def test_charts_that_are_folded_up_are_drawn_when_opened(opened) -> None:
    tab = opened(set_page(), 360)
    folded = "document.querySelector('details.group figure.chart').children.length"
    assert tab.run(folded) == 0
    tab.click("details.group summary")
    tab.run("new Promise(done => setTimeout(done, 50))")
    assert tab.run(folded) == 2
    assert tab.run("document.querySelector('details.group svg').clientWidth") > 200


def test_the_filter_takes_the_language_of_the_command_line(opened) -> None:
    tab = opened(set_page())
    tab.click("#where")
    tab.write("guidance_scale == 8 and score > 3")
    assert tab.run(SHOWN_KEYS) == ["0", "4"]
    assert tab.run("document.getElementById('found').textContent").startswith("2 of the 8 samples")
    tab.run("document.getElementById('where').select()")
    tab.write("nothing == 8")
    assert "there is no column 'nothing'" in tab.run("document.getElementById('found').textContent")
    assert tab.run("document.getElementById('where').getAttribute('aria-invalid')") == "true"
    # The samples that were shown stay while a condition is being written.
    assert tab.run(SHOWN_KEYS) == ["0", "4"]
    tab.run("document.getElementById('where').select()")
    tab.write('"fox" in prompt and not score < 4')
    assert tab.run(SHOWN_KEYS) == ["1", "3", "4"]
    press(tab, "Enter")
    assert tab.run(SHOWN_KEYS) == ["1", "3", "4"]


def test_samples_sort_by_mouse_and_by_keyboard(opened) -> None:
    tab = opened(set_page())
    choose = "(e => {{ e.value = '{}'; e.dispatchEvent(new Event('change')); }})"
    tab.run(choose.format("score") + "(document.getElementById('sort'))")
    # The sample without a score comes last in both orders.
    assert tab.run(SHOWN_KEYS) == ["7", "6", "5", "4", "3", "1", "0", "2"]
    tab.click("#order")
    assert tab.run(SHOWN_KEYS) == ["0", "1", "3", "4", "5", "6", "7", "2"]
    tab.run("document.getElementById('order').focus()")
    press(tab, "Enter")
    assert tab.run(SHOWN_KEYS)[0] == "7"


def test_a_table_sorts_by_mouse_and_by_keyboard(opened) -> None:
    tab = opened(judged_page())
    first = "[...document.querySelectorAll('#figures-1 tbody td')].map(e => e.innerText)"
    assert [each[:6] for each in tab.run(first)] == ["0.5000", "-", "0.3000"]
    tab.click("#figures-1 thead th:nth-child(2) button")
    assert [each[:6] for each in tab.run(first)] == ["0.3000", "0.5000", "-"]
    tab.run("document.querySelector('#figures-1 thead th:nth-child(2) button').focus()")
    press(tab, "Enter")
    assert [each[:6] for each in tab.run(first)] == ["0.5000", "0.3000", "-"]
    sorts = "document.querySelector('#figures-1 thead th:nth-child(2)').ariaSort"
    assert tab.run(sorts) == "descending"


def test_an_image_is_enlarged_compared_and_zoomed(opened) -> None:
    tab = opened(set_page())
    title = "document.getElementById('viewer-title').textContent"
    is_open = "document.getElementById('viewer').open"
    zoom = "document.getElementById('zoom').textContent"
    cut = "document.getElementById('above').style.clipPath"
    # By keyboard alone.
    tab.run("document.querySelector('[data-card] .open').focus()")
    press(tab, "Enter")
    assert tab.run(is_open) and tab.run(title) == "000000000"
    press(tab, "ArrowRight")
    assert tab.run(title) == "000000001"
    press(tab, "ArrowLeft")
    press(tab, "ArrowLeft")
    assert tab.run(title) == "000000000"
    assert tab.run(zoom) == "fit"
    press(tab, "+")
    press(tab, "+")
    assert tab.run(zoom) == "2×"  # noqa: RUF001
    assert tab.run("document.querySelector('.sheet').clientWidth") == 64
    # A level of half the size is as large, and its pixels are seen.
    tab.run("document.querySelectorAll('.film button')[1].click()")
    assert tab.run("getComputedStyle(document.getElementById('below')).imageRendering") == (
        "pixelated"
    )
    press(tab, "-")
    assert tab.run(zoom) == "1×"  # noqa: RUF001
    assert tab.run("getComputedStyle(document.getElementById('above')).imageRendering") == "auto"
    # The slider, by keyboard and along the image by mouse.
    tab.run("document.getElementById('slider').focus()")
    before = tab.run(cut)
    press(tab, "ArrowRight")
    assert tab.run(cut) != before and tab.run(title) == "000000000"
    tab.run("document.querySelector('[data-do=fit]').click()")
    tab.drag(".sheet", 0.9, 0.25)
    assert tab.run(cut) == "inset(0px 75% 0px 0px)"
    press(tab, "Escape")
    assert not tab.run(is_open)
    # The focus is back where it was.
    assert tab.run("document.activeElement.closest('[data-card]').dataset.card") == "0"
    # And by mouse; only samples that are shown follow one another.
    tab.click("#where")
    tab.write("guidance_scale == 8")
    tab.click("[data-card='2'] .open")
    tab.click("[data-do=next]")
    assert tab.run(title) == "000000004"
    tab.click("[data-do=close]")
    assert not tab.run(is_open)


def test_texts_of_others_do_nothing(opened) -> None:
    for make in (set_page, judged_page):
        tab = opened(make())
        tab.click("[data-card] .open")
        assert tab.run("document.querySelectorAll('img[onerror]').length") == 0
        assert "alert(1)" in tab.run("document.body.innerText")
