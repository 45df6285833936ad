"""The site that `make docs` builds is whole and loads nothing from elsewhere."""

import os
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import pairgen
from tests.docs.pages import PAGES, ROOT, read

MKDOCS = ROOT / os.environ.get("DOCS_VENV", ".venv-docs") / "bin/mkdocs"
SECTIONS = [
    *("Get started", "Make pairs", "Degrade", "Collect and annotate", "Train", "Restore"),
    *("Evaluate and compare", "Scale out", "Look inside", "Which solver", "What will it cost"),
    *("What fits which card", "Write your own", "On disk", "Promises and parity", "Reference"),
    *("Python API", "Troubleshooting", "How it compares", "Status", "Roadmap", "Project"),
]
# Elements that a browser loads by themselves, and the attribute with the address.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
# Links that are followed by readers alone.
NOT_LOADED = {"canonical", "next", "prev", "alternate"}


class Elements(HTMLParser):
    """Collects what a page loads, where its links lead, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        address = found.get(LOADED.get(tag, ""))
        if address and not NOT_LOADED & set(found.get("rel", "").split()):
            self.loaded.append(address)


def nav() -> list[dict[str, object]]:
    """Return the navigation; tags of Python in the file are strings here."""
    return yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)[
        "nav"
    ]


def pages_of(entry: object) -> Iterator[str]:
    """Yield the pages of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from pages_of(part)


def outside(addresses: list[str]) -> list[str]:
    """Return the addresses that lead to another server."""
    return [each for each in addresses if urlsplit(each).netloc]


def test_the_navigation_has_its_sections_and_every_page() -> None:
    assert [next(iter(entry)) for entry in nav()] == SECTIONS
    named = list(pages_of(nav()))
    assert len(set(named)) == len(named)
    assert {page.name for page in PAGES if page.parent.name == "docs"} <= set(named)


def test_the_page_of_the_python_api_shows_what_is_public_and_what_calls_return() -> None:
    shown = re.findall(r"^::: ([\w.]+)$", read(ROOT / "docs/python-api.md"), flags=re.MULTILINE)
    assert {name for name in shown if name.count(".") == 1} - {"pairgen.errors"} == {
        f"pairgen.{name}" for name in pairgen.__all__
    }
    stub = (ROOT / "pairgen/__init__.pyi").read_text(encoding="utf-8")
    returned = set(re.findall(r"^\) -> (\w+):$", stub, flags=re.MULTILINE))
    assert returned <= {name.rpartition(".")[2] for name in shown}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, with the tools that `make docs` has installed."""
    if not MKDOCS.is_file():
        # `.ci/run` has made the site before.
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs the site's tools: make docs")
    folder = tmp_path_factory.mktemp("site")
    command = [str(MKDOCS), "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        assert not outside(Elements(page).loaded), page
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        addresses = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", text)
        assert not outside([one or other for one, other in addresses]), style


@pytest.mark.slow
def test_every_link_inside_the_site_leads_somewhere(site: Path) -> None:
    elements = {page: Elements(page) for page in site.rglob("*.html")}
    for page, found in elements.items():
        if page.name == "404.html":
            # Its links begin at the root of a server.
            continue
        for address in (*found.links, *found.loaded):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{page}: {address}"
            if parts.fragment and target in elements and parts.fragment != "__skip":
                known = elements[target].anchors
                assert unquote(parts.fragment) in known, f"{page}: {address}"


@pytest.mark.slow
def test_search_works_without_a_server_and_code_is_a_page(site: Path) -> None:
    index = (site / "search/search_index.js").read_text(encoding="utf-8")
    assert '"troubleshooting.html' in index
    # Sources have pages, but do not drown the rest in a search.
    assert (site / "repository/pairgen/teachers/base.py.html").is_file()
    assert (site / "repository/pairgen/teachers/index.html").is_file()
    assert "base.py.html" not in index
    assert "theme/iframe-worker.js" in (site / "index.html").read_text(encoding="utf-8")


def test_what_is_loaded_and_linked_is_told_apart(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<link rel="canonical" href="https://a/b"><link rel="stylesheet" href="//c/d.css">'
        '<script src="e.js"></script><a id="f" href="https://g">h</a><img src="https://i/j.png">'
    )
    found = Elements(page)
    assert outside(found.loaded) == ["//c/d.css", "https://i/j.png"]
    assert found.links == ["https://g"]
    assert found.anchors == {"f"}
