"""A page: a template, its data, and the one stylesheet and script of all pages, in one file.

Nothing is loaded from anywhere: the browser is told so by a content security policy, which runs the
page's own scripts alone, by their hashes. What others wrote (prompts, names of files) is escaped
by the templates, in text and in attributes, and by `data_script` in the data.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

import pairgen
from pairgen.errors import PairgenError
from pairgen.shards.storage.local_store import LocalStore
from pairgen.visible import visible

ASSETS = Path(pairgen.__file__).parent / "assets/pages"
# d3 and Observable Plot, in this order; only in pages with charts.
CHART_SCRIPTS = ("vendor/d3.min.js", "vendor/plot.umd.min.js")
SCRIPTS = (
    "where_parser.js",
    "where.js",
    "visible.js",
    "charts.js",
    "gallery.js",
    "viewer.js",
    "page.js",
)


def render(template: str, title: str, data: Mapping[str, Any], **parts: Any) -> str:
    """Return an HTML document.

    Args:
        template: Name of a template in `pairgen/assets/pages`.
        title: The title of the page.
        data: What the scripts read, as plain data: `charts`, `columns`, `cards`.
        **parts: What the template shows. Text is escaped, and its control characters are shown.
    """
    names = (*(CHART_SCRIPTS if data.get("charts") else ()), *SCRIPTS)
    scripts = [_asset(name) for name in names]
    text: str = (
        _environment()
        .get_template(template)
        .render(
            title=title,
            style=Markup(_asset("page.css")),  # noqa: S704
            # The package's own files, which hold no end of a script.
            scripts=[Markup(script) for script in scripts],  # noqa: S704
            policy=_policy(scripts),
            data=data_script(data),
            version=pairgen.__version__,
            **parts,
        )
    )
    return text


def write_page(target: Path, text: str) -> None:
    """Write a page atomically.

    Raises:
        PairgenError: The disk is full or unavailable.
    """
    store = LocalStore(target.parent)
    try:
        store.put_bytes(target.name, text.encode())
    except OSError as error:
        raise PairgenError(f"{target} cannot be written: {error}.") from None
    finally:
        # Remove the spool, unless it holds something else.
        store.prune()


def data_script(data: Mapping[str, Any]) -> Markup:
    """Return data as JSON that cannot end the script it stands in, in ASCII."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704


def _policy(scripts: list[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts)
    own = " ".join(f"'sha256-{each}'" for each in hashes)
    # Charts style their own elements.
    return (
        f"default-src 'none'; script-src {own}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["breakable"] = _breakable
    return found


def _breakable(name: str) -> Markup:
    """Return a name that a line may break behind its underscores, and nowhere else."""
    return Markup("_<wbr>").join(map(visible, name.split("_")))


def _shown(value: Any) -> Any:
    """Return text with its control characters as escapes; markup of this package as it is."""
    return visible(value) if type(value) is str else value
