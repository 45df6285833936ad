"""The pages of the documentation, and what stands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\w+\.(?:py|yaml))\n")
_INLINE = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: As it is named behind the fence; empty for none.
        text: Its lines.
    """

    language: str
    text: str

    @property
    def file(self) -> str:
        """The name of the file that it is, by its first line; empty if it is none."""
        named = _FILE.match(self.text)
        return named[1] if named and self.language in ("python", "yaml") else ""


@dataclass(frozen=True)
class Command:
    """A `$ command` of a console block.

    Attributes:
        line: What the shell is given.
        shown: The lines that stand under it; `...` alone stands for any lines.
    """

    line: str
    shown: tuple[str, ...]


def page_name(page: Path) -> str:
    """Return the name of a page below the repository."""
    return page.relative_to(ROOT).as_posix()


def read(page: Path) -> str:
    """Return the text of a page."""
    return page.read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text, in order."""
    return [Block(*match.groups()) for match in _FENCED.finditer(text)]


def prose(text: str) -> str:
    """Return a text without its fenced blocks."""
    return _FENCED.sub("", text)


def inline_code(text: str) -> list[str]:
    """Return what stands between backticks outside of fenced blocks, in one line each."""
    return [" ".join(code.split()) for code in _INLINE.findall(prose(text))]


def without_code(text: str) -> str:
    """Return a text without its fenced blocks and what stands between backticks."""
    return _INLINE.sub("", prose(text))


def commands(block: Block) -> list[Command]:
    """Return the commands of a console block."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return [Command(line, tuple(shown)) for line, shown in found]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub names them."""
    found: dict[str, int] = {}
    names = set()
    for heading in _HEADING.findall(prose(text)):
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        repeats = found.setdefault(name, 0)
        found[name] += 1
        names.add(f"{name}-{repeats}" if repeats else name)
    return names


def links(text: str) -> Iterator[str]:
    """Yield the targets of links and pictures."""
    yield from re.findall(r"\]\(([^)\s]+)\)", without_code(text))
