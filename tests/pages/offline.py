"""What a page that opens offline must not hold."""

import re
from html.parser import HTMLParser

# Attributes that name something to load.
NAMING = ("src", "href", "srcset", "action", "poster", "data", "formaction", "background")


class Elements(HTMLParser):
    """Collects the elements of a page, as a browser would read them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_offline(page: str) -> None:
    """Check that a page names nothing to load, and forbids the browser to load anything."""
    for tag, attributes in Elements(page).found:
        named = [attributes[name] or "" for name in NAMING if name in attributes]
        assert all(each.startswith(("data:", "#")) for each in named), (tag, named)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    assert "default-src &#39;none&#39;" in page
