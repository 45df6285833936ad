"""What a text is, for prompts and captions alike: the same rules wherever one stands."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairgen.sources.paths import AnyPath

MAX_TEXT = 2**20
# The byte order mark, which a file may begin with.
MARK = "\ufeff"
# Names of columns, keys and members that hold texts. Prompts and captions prefer their own name.
PROMPT_COLUMNS = ("prompt", "text", "caption", "txt")
CAPTION_COLUMNS = ("caption", "text", "prompt", "txt")
# Longest list of names that a reason quotes.
MAX_HELD = 200

# A text, or the reason why there is none.
Found = str | ValueError


@dataclass(frozen=True)
class Text:
    """What a table or a file says about an image.

    Attributes:
        caption: Its caption; empty for none, None if it may stand elsewhere.
        label: Its class label, as written; empty for none.
        fault: Why its caption is no text; empty if it is.
        several: Its captions, if there are several; `caption` is then empty.
    """

    caption: str | None = ""
    label: str = ""
    fault: str = ""
    several: tuple[str, ...] = ()

    def of_image(self, table: AnyPath | None = None) -> dict[str, Any]:
        """Return the fields of an `ImageFile` that the text says.

        Args:
            table: Path of the file that holds it; None for the image's own container.
        """
        fault = self.fault
        if fault:
            fault = f"caption in {table}, {fault}" if table else f"its caption {fault}"
        return {
            "caption": self.caption or "",
            "label": self.label,
            "fault": fault,
            "captions": self.several,
        }


def decoded(raw: bytes | ValueError) -> Found:
    """Return bytes as text; a reason is passed on."""
    if isinstance(raw, ValueError):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return ValueError(f"not valid UTF-8 at byte {error.start}")


def parsed(text: str) -> Any:
    """Return the value of a JSON text, or the reason why it has none, as a ValueError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return ValueError(f"not valid JSON: {error.msg}")
    except (ValueError, RecursionError):
        # A number with thousands of digits, or brackets nested as deep.
        return ValueError("not valid JSON: too long a number, or too deep")


def encoded(text: str) -> tuple[bytes, str]:
    """Return a text's UTF-8, and the reason if it is not usable; "" if it is."""
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        return b"", "not valid UTF-8"
    if len(raw) > MAX_TEXT:
        return b"", f"{len(raw):,} bytes, a text has {MAX_TEXT:,} at most"
    return raw, "holds NUL, as UTF-16 read as UTF-8 does" if b"\0" in raw else ""


def text_of(value: Any) -> "Text":
    """Return the caption that a value holds; an empty one for None.

    Args:
        value: A cell, a value of JSON, the bytes of a member, or a `Found`.
    """
    if isinstance(value, bytes):
        value = decoded(value)
    if value is None or value == "" or value == []:
        return Text()
    if isinstance(value, str):
        _, reason = encoded(value)
        return Text(fault=reason) if reason else Text(value)
    if isinstance(value, ValueError):
        return Text(fault=str(value))
    if not isinstance(value, list):
        return Text(fault=f"holds {kind_of(value)}")
    several = [text_of(each) for each in value]
    odd = next((each for each in several if each.fault or each.several or not each.caption), None)
    if odd is None:
        return Text(several=tuple(each.caption or "" for each in several))
    reason = odd.fault or ("holds a list" if odd.several else "holds nothing")
    return Text(fault=f"holds a list, and a value of it {reason}")


def text_beside(raw: bytes) -> "Text":
    """Return the caption that a file or a member of its own holds.

    White space at its ends and a byte order mark are removed.
    """
    text = decoded(raw)
    return text_of(text.removeprefix(MARK).strip() if isinstance(text, str) else text)


def kind_of(value: Any) -> str:
    """Return what a value of JSON or of a table is, as reasons call it."""
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return "a number" if isinstance(value, int | float) else f"a {type(value).__name__}"


def first_held(names: Sequence[str], held: Mapping[str, Any]) -> str:
    """Return the first of the names that is a key of `held`; empty if none is."""
    return next((name for name in names if name in held), "")
