"""The bytes of what pairgen makes that may be others without a word, because they tell nothing.

Each is a pattern of paths below a set, a run or an overlay, which bytes of these files, and why.
"""

import fnmatch
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Unread:
    """Bytes that may be others.

    Attributes:
        path: Pattern of the files' paths.
        why: Which bytes, and why nobody misses them.
        is_same: Whether two contents of such a file say the same; None for any content.
    """

    path: str
    why: str
    is_same: Callable[[bytes, bytes], bool] | None = None


def _is_gone(before: bytes, after: bytes) -> bool:
    return bool(before) and not after


def _same_json(before: bytes, after: bytes) -> bool:
    try:
        return bool(json.loads(before) == json.loads(after))
    except (ValueError, RecursionError):
        return False


def _same_yaml(before: bytes, after: bytes) -> bool:
    from pairgen.untrusted.yaml_text import load_yaml

    try:
        return bool(load_yaml(before) == load_yaml(after))
    except ValueError:
        return False


def _same_rows(before: bytes, after: bytes) -> bool:
    from pairgen.sources.arrow_files import UNREADABLE, map_table

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("before", "after")]
        for path, data in zip(paths, (before, after), strict=True):
            path.write_bytes(data)
        try:
            return bool(map_table(paths[0]).equals(map_table(paths[1])))
        except UNREADABLE:
            return False


def _without_seal(before: bytes, after: bytes) -> bool:
    def facts(text: bytes) -> dict[str, Any]:
        found = json.loads(text)
        return {name: each for name, each in found.items() if name in known}

    known = json.loads(before).keys() - {"own_sha256"}
    try:
        return facts(before) == facts(after) and b'"own_sha256"' not in after
    except (ValueError, AttributeError):
        return False


UNREAD = (
    Unread("*/README.md", "the card is for readers, and is written anew by the next command"),
    Unread("*/__meta__/manifest.json", "a missing one is written by the next command", _is_gone),
    Unread("*/__meta__/prompts.arrow", "a missing list: inputs may be left out", _is_gone),
    Unread("*/__meta__/images.arrow", "a missing list: inputs may be left out", _is_gone),
    Unread("run/files.json", "without it, as before", _is_gone),
    Unread("run/record.json", "without it, as before", _is_gone),
    Unread("run/record.json", "spaces at its end", _same_json),
    Unread("run/grids/*", "pictures for readers"),
    Unread("run/report.html", "a page for readers, which the next command writes anew"),
    Unread("run/tensorboard/*", "figures for readers"),
    Unread("run/metrics.jsonl", "figures for readers; a line that cannot be read is passed over"),
    Unread("run/validation.npz", "made anew where it cannot be read: what it holds has checksums"),
    Unread("run/checkpoints/00000001/*", "a checkpoint before the last, read once that is removed"),
    Unread("*/__meta__/rejected/*", "reasons for readers"),
    Unread("*/__meta__/shards/*.json", "the name own_sha256: without it, as before", _without_seal),
    Unread("*/__meta__/plan.yaml", "spaces, line ends and quotes between values", _same_yaml),
    Unread("*/__meta__/manifest.json", "spaces between values", _same_json),
    Unread("*/__meta__/*.arrow", "bytes between values, of lists by value", _same_rows),
    Unread("run/config.yaml", "the name own_sha256: without it, as before", _same_yaml),
    Unread("run/files.json", "spaces between values", _same_json),
)


def why_unread(path: str, before: bytes, after: bytes) -> str:
    """Return why nobody misses what was changed in a file; empty if somebody should."""
    for each in UNREAD:
        fits = fnmatch.fnmatch(path, each.path)
        if fits and (each.is_same is None or each.is_same(before, after)):
            return each.why
    return ""
