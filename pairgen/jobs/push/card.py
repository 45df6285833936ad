"""The card that is pushed: that of the folder, with a preview, licenses, and no local paths."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import yaml

from pairgen.errors import ConfigError
from pairgen.redaction import without_secrets
from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.yaml_text import load_yaml
from pairgen.visible import literal

PREVIEW_FILE = "preview.png"
_FRONT = re.compile(r"---\n(?P<front>.*?)\n---\n(?P<body>.*)", re.DOTALL)
# An absolute path of several parts, not within a URL or a word.
_PATH = re.compile(r"(?<![\w/.:*~-])(?:file://)?~?/(?:[^\s/|'\"`<>()\[\],;]+/)+(?=[^\s/])")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def pushed_card(
    text: str, license_id: str, preview: str, licenses: str, local: Iterable[str]
) -> str:
    """Return the card to push.

    Args:
        text: The card of the folder: front matter and Markdown.
        license_id: License for the front matter; empty for what stands there.
        preview: What the preview shows; empty for no preview.
        licenses: Text of a section on licenses; empty for none.
        local: Texts that the folder keeps; paths among them are cut to their last part.

    Raises:
        ConfigError: The card has no front matter.
    """
    front, body = split_card(text)
    front = {key: value for key, value in front.items() if not _is_local_model(key, value)}
    if license_id:
        front["license"] = license_id
    if preview:
        picture = f"![{literal(preview)}]({PREVIEW_FILE})\n\n*{literal(preview)}*\n\n"
        head, mark, rest = body.partition("\n## ")
        body = f"{head}\n{picture}{mark.lstrip()}{rest}" if mark else f"{body}\n{picture}"
    if licenses:
        body = f"{body.rstrip()}\n\n## Licenses\n\n{licenses}\n"
    body = without_secrets(without_paths(body, local))
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n{body}"


def split_card(text: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of a card, and what follows it.

    Raises:
        ConfigError: It has none that can be read.
    """
    match = _FRONT.match(text)
    try:
        front = load_yaml(match["front"]) if match else None
    except MalformedError:
        front = None
    if match is None or not isinstance(front, dict):
        raise ConfigError(
            "README.md must begin with front matter between lines of ---, as pairgen writes it."
        )
    return front, match["body"]


def without_paths(text: str, local: Iterable[str]) -> str:
    """Cut absolute paths in a text to their last part.

    Args:
        text: The text.
        local: Texts, among them paths that the text may show, with spaces too.
    """
    paths = {each for each in local if is_path(each)}
    for path in sorted(paths, key=len, reverse=True):
        name = PurePosixPath(path).name
        for shown, short in ((path, name), (literal(path), literal(name))):
            text = text.replace(shown, short)
    return _PATH.sub("", text)


def is_path(text: str) -> bool:
    """Whether a text is an absolute path on this machine."""
    return text.startswith(("/", "~/", "file://")) and len(PurePosixPath(text).parts) > 1


def _is_local_model(key: str, value: Any) -> bool:
    """Whether an entry of the front matter names a base model that the hub does not know."""
    return key == "base_model" and not (isinstance(value, str) and _HUB_ID.fullmatch(value))
