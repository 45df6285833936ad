"""Pages end with where to go next, prose is wrapped, and lists of commands are whole."""

import re
from pathlib import Path

import pytest

import pairgen
from pairgen.config import COMMANDS
from tests.docs.pages import PAGES, ROOT, page_name, prose, read

# What is looked up, not read to its end.
REFERENCE = {"index", "options", "python-api", "glossary", "roadmap", "status"}
READ = [page for page in PAGES if page.parent.name == "docs" and page.stem not in REFERENCE]
# Beside tables and links alone, which do not wrap.
LONGEST = 118


@pytest.mark.parametrize("page", READ, ids=page_name)
def test_a_page_ends_with_where_to_go_next(page: Path) -> None:
    *_, last = re.split(r"^## ", read(page), flags=re.MULTILINE)
    heading, _, links = last.partition("\n")
    assert heading == "Next"
    assert links.count("](") >= 2


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_prose_is_wrapped(page: Path) -> None:
    if page.stem == "options":
        return
    for line in prose(read(page)).splitlines():
        if not line.lstrip().startswith(("|", "<", "[", "!")):
            assert len(line) <= LONGEST, line


def test_the_page_on_configuring_knows_every_command_and_call() -> None:
    text = read(ROOT / "docs/configure.md")
    (taking,) = re.findall(r"^(`ode`.*?)\s+take `--config` and", text, re.MULTILINE | re.DOTALL)
    assert sorted(re.findall(r"`(\w+)`", taking)) == sorted(COMMANDS)
    table = text.partition("| function | command |")[2].partition("\n\n")[0]
    named = {word.removeprefix("pairgen.") for word in re.findall(r"`([\w.]+)`", table)}
    assert {name.partition(".")[0] for name in named} >= set(pairgen.__all__)
