"""What methods need, as text: a block for each, of at most 100 columns."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from pairgen.drawing.table import WIDTH
from pairgen.jobs.methods.run import Column, MethodNeeds
from pairgen.training.data.needs import Met
from pairgen.visible import one_line
from pairgen.wording import either

INDENT = "  "
# Width of the column of needs; longer ones take several lines.
NEED_WIDTH = 26
HEAD = "Beside each need: what it is for, and the commands that give it. One of them is enough."
SAID_WIDTH = WIDTH - NEED_WIDTH - 2 * len(INDENT)


def methods_text(found: Sequence[MethodNeeds]) -> str:
    """Format what `run_methods` returned."""
    head = HEAD if any(each.rows and not each.columns for each in found) else ""
    blocks = ("\n".join(_block(each)) for each in found)
    return "\n\n".join(filter(None, (head, *blocks)))


def _block(method: MethodNeeds) -> Iterator[str]:
    """Yield the lines of a method: its name, what it is, and a row for each need."""
    yield one_line(method.name)
    yield from _wrapped(f"{method.about}." if method.about else "", WIDTH)
    if method.rows is None:
        yield f"{INDENT}It does not state what it needs."
        return
    # Another kind of dataset cannot be given what is needed: no more is said of it.
    others = [each for each in method.columns if method.kinds and each.kind not in method.kinds]
    for number, row in enumerate(method.rows):
        is_kind = bool(method.kinds) and number == 0
        need = _kinds(method.kinds) if is_kind else either(row.any_of)
        left = textwrap.wrap(one_line(need), NEED_WIDTH, break_long_words=False)
        right = _note(row)
        if not method.columns:
            right += [*row.adding, *row.making]
        for column in method.columns:
            if is_kind and column in others:
                right += _wrapped(
                    f"{column.url}: no. `pairgen {column.kind}` made it, and {method.name} cannot "
                    "learn from it. Make another dataset:",
                    SAID_WIDTH,
                    "",
                )
                right += [f"{INDENT}{command}" for command in row.making]
            elif column not in others:
                right += _answer(column, column.rows[number])
        for first, second in zip_longest(left, right, fillvalue=""):
            yield f"{INDENT}{first:{NEED_WIDTH}}{INDENT}{second}".rstrip()


def _note(row: Met) -> list[str]:
    if not row.note:
        return []
    # A name, such as txt_emb.npy, stays as it is.
    is_name = row.note.split(maxsplit=1)[0] in row.any_of
    first = row.note[0] if is_name else row.note[0].upper()
    return _wrapped(f"{first}{row.note[1:]}.", SAID_WIDTH, "")


def _answer(column: Column, row: Met) -> list[str]:
    """Return whether a dataset has what is needed, else how it gets it."""
    url = one_line(column.url)
    if row.by == "set":
        return [f"{url}: yes."]
    if row.by:
        return [f"{url}: yes, in its annotation {one_line(row.by)}."]
    commands = row.adding or row.making
    if not commands:
        return [f"{url}: no."]
    does = "Add it" if row.adding else "Make another dataset"
    one = " with one of" if len(commands) > 1 else ""
    return [f"{url}: no. {does}{one}:", *(f"{INDENT}{command}" for command in commands)]


def _kinds(kinds: Sequence[str]) -> str:
    return f"a dataset of {either([f'pairgen {kind}' for kind in kinds])}"


def _wrapped(sentence: str, width: int, indent: str = INDENT) -> list[str]:
    return textwrap.wrap(
        sentence,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
