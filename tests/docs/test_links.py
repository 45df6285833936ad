"""Links of the documentation lead somewhere, and every page can be found."""

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, links, page_name, read

LINKED = (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "pipelines/tiny_teacher/README.md")
IMAGES = ROOT / "docs/images"


@pytest.mark.parametrize("page", LINKED, ids=page_name)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for link in links(read(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page_name(page)}: {link}"
        assert target.is_relative_to(ROOT), f"{page_name(page)}: {link}"
        if anchor:
            assert anchor in anchors(read(target)), f"{page_name(page)}: {link}"


def test_anchors_are_named_as_on_github() -> None:
    text = "# What `--images` takes\n## A b: c, d!\n## Same\n## Same\n```\n# none\n```\n"
    assert anchors(text) == {"what---images-takes", "a-b-c-d", "same", "same-1"}


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs/index.md"
    listed = {path.partition("#")[0] for path in links(read(index))}
    assert {page.name for page in PAGES if page.parent == index.parent} - {"index.md"} <= listed


def test_pictures_of_the_documentation_are_small_and_used() -> None:
    used = {(page.parent / link).resolve() for page in PAGES for link in links(read(page))}
    pictures = list(IMAGES.iterdir())
    assert pictures
    for picture in pictures:
        assert picture in used, picture.name
        assert picture.stat().st_size < 150_000, picture.name
