"""Pages load nothing, show texts of others as texts, and hold their data whole."""

import json
import re

import pytest

from pairgen.pages.document import data_script
from pairgen.visible import visible
from tests.pages.made import HOSTILE, SHOWN, judged_page, set_page
from tests.pages.offline import Elements, check_offline

PAGES = {"set": set_page, "judged": judged_page}


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_texts_of_others_are_no_markup(make) -> None:
    page = make()
    check_offline(page)
    elements = Elements(page).found
    for tag, attributes in elements:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        if tag == "img":
            assert attributes.get("src", "data:image/").startswith("data:image/")
    # d3, Plot, seven of ours, and the data, which are none.
    scripts = [attributes for tag, attributes in elements if tag == "script"]
    assert len(scripts) == 10 and scripts[0] == {"type": "application/json", "id": "data"}
    assert "49" not in re.findall(r"<p class=\"subtitle\">(.*?)</p>", page)[0]


@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_control_characters_are_shown(make) -> None:
    page = make()
    markup = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert "\u202e" not in page and "\x1b" not in page
    assert SHOWN in markup


def test_the_data_are_whole_and_cannot_end_their_script() -> None:
    data = {"prompt": HOSTILE, "line": "\u2028\ud800", "large": str(2**63 - 1)}
    text = str(data_script(data))
    assert json.loads(text) == data
    assert text.isascii() and not set(text) & set("<>&")
    page = set_page()
    held = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert [each["name"] for each in held["columns"]][:2] == ["key", "prompt"]
    assert held["columns"][1]["values"][0] == HOSTILE
    assert [card["key"] for card in held["cards"]] == [f"{i:09}" for i in range(8)]
    assert page.count('<img src="data:') == 8 * 3
    assert "8 of 100 samples are shown." in page


def test_numbers_that_are_none_are_no_data() -> None:
    with pytest.raises(ValueError, match="JSON"):
        data_script({"x": float("nan")})


def test_visible_text_is_the_same_in_python_and_in_a_page(by_node) -> None:
    letters = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA1), 0xAD, 0x61C)]
    letters += ["\u200b", "\u200d", "\u202e", "\u2028", "\u2066", "\ufeff", "\ud800", "\U000e0041"]
    letters += ["fox", "\U0001f98a", "\u0627"]
    found = by_node("visible.js", "texts.map(pairgen.visible)", texts=letters)
    assert found == list(map(visible, letters))
