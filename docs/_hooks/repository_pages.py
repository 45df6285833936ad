"""Pages of the site for the files of the repository that the documentation links to.

Links such as `../CONTRIBUTING.md` and `../pairgen/teachers` are right where the repository is
browsed. Here each such target gets a page of its own under `repository/`: Markdown as it is, a
folder as a list, another text as code; pictures are copied. The site is then whole without any
server.
"""

import html
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = "docs/"
HOME = "repository/"
PICTURES = (".png", ".jpg", ".webp", ".svg")
# Code, whose brackets are no links, or the target of a link.
_CODE_OR_TARGET = re.compile(r"(?ms)^```.*?^```$|`[^`]+`|(?<=\]\()([^)\s]+)(?=\))")
_ALWAYS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE")
BAR = "\\|"
_CODE_WITH_BAR = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")
# Source code would drown the documentation in a search.
_NO_SEARCH = "---\nsearch:\n  exclude: true\n---\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside of `docs/` that a page links to, and those links' too."""
    waiting = [*_ALWAYS]
    for file in files.documentation_pages():
        waiting += _outside(file.content_string, DOCS + file.src_uri)
    done = set()
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        done.add(path)
        uri = site_uri(path)
        if path.endswith(PICTURES):
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
        else:
            text = _page_of(path)
            level = InclusionLevel.NOT_IN_NAV
            files.append(File.generated(config, uri, content=text, inclusion=level))
            waiting += _outside(text, _origin(uri))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    origin = _origin(page.file.src_uri)

    def moved(target: str) -> str:
        path, mark, anchor = target.partition("#")
        if not path or "://" in target:
            return target
        place = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
        uri = posixpath.relpath(site_uri(place), posixpath.dirname(page.file.src_uri) or ".")
        return uri + mark + anchor

    return _with_bars(_replaced(markdown, moved))


def site_uri(path: str) -> str:
    """Return where the site has a file or folder of the repository, as the source of a page."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    if (ROOT / path).is_dir():
        return f"{HOME}{path}/index.md"
    return HOME + path + ("" if path.endswith((".md", *PICTURES)) else ".md")


def _origin(uri: str) -> str:
    """Return the path in the repository of the source of a page."""
    if not uri.startswith(HOME):
        return DOCS + uri
    path = uri.removeprefix(HOME)
    if (ROOT / path).is_file():
        return path
    return path.removesuffix(".md")


def _page_of(path: str) -> str:
    """Return the Markdown of the page for a text or a folder."""
    place = ROOT / path
    if place.is_dir():
        names = sorted(each.name for each in place.iterdir() if _is_shown(each))
        lines = "".join(f"- [{name}]({name})\n" for name in names)
        return f"{_NO_SEARCH}# {path}/\n\n{lines}"
    text = place.read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    language = {".py": "python", ".yaml": "yaml"}.get(place.suffix, "text")
    # A fence longer than any inside.
    return f"{_NO_SEARCH}# {path}\n\n`````{language}\n{text}`````\n"


def _is_shown(place: Path) -> bool:
    return place.is_file() and not place.name.startswith((".", "__"))


def _outside(text: str, origin: str) -> Iterator[str]:
    """Yield the paths of the repository, outside of `docs/`, that a text links to."""
    for match in _CODE_OR_TARGET.finditer(text):
        path = (match[1] or "").partition("#")[0]
        if path and "://" not in path:
            place = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
            if not place.startswith(DOCS) and (ROOT / place).exists():
                yield place


def _with_bars(text: str) -> str:
    r"""Write `a\|b` in tables as HTML: the forge shows a bar, Python-Markdown the backslash too."""
    return _CODE_WITH_BAR.sub(
        lambda match: f"<code>{html.escape(match[1]).replace(BAR, '&#124;')}</code>", text
    )


def _replaced(text: str, moved: Callable[[str], str]) -> str:
    return _CODE_OR_TARGET.sub(lambda match: moved(match[1]) if match[1] else match[0], text)
