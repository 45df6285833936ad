"""What the columns of a draw hold, in words: `First order: isotropic blur, sigma (px)`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pairgen import plugins
from pairgen.degradations.base import Operation
from pairgen.wording import label_text

# What the lists of operations in a recipe are: that of all levels, of each, and between two.
STAGES = {"shared": "First order", "levels": "Second order", "nested": "From level to level"}
# Compositions whose parts all apply, in words; empty for those of their first part.
PARTS = {"maybe": "", "chain": "", "halved": "halving", "shuffled": "shuffled groups"}
# What a composition draws itself, where its own word says too much or too little.
OWN_WORDS = {("one_of", "choice"): "", ("halved", "halved"): "applied"}
# More choices than these are counted, not named.
MAX_NAMED = 3
TIMES = ("", "", "second ", "third ", "fourth ")


@dataclass(frozen=True, kw_only=True)
class DrawnColumn:
    """What a column holds.

    Attributes:
        group: The operation that drew it, with its stage; columns of a group stand together.
        words: The group or a choice of it, and the quantity with its unit.
        values: What the numbers 0, 1, ... mean; empty if they mean themselves.
    """

    group: str
    words: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Drawer:
    """An operation of a recipe, and how its columns are named.

    Attributes:
        prefix: What the names of its columns begin with; followed by `_` and the quantity.
        name: The operation.
        group: The operation whose columns these belong to, in words.
        words: The operation in words.
        values: What the numbers of its choice mean.
    """

    prefix: str
    name: str
    group: str
    words: str
    values: tuple[str, ...] = ()


def drawn_columns(operations: Mapping[str, Any], names: Sequence[str]) -> dict[str, DrawnColumn]:
    """Return what columns of an index hold; those that no operation drew are left out.

    Args:
        operations: The operations of a plan's recipe.
        names: Names of columns.
    """
    drawers = [each for key in STAGES for each in _drawers_of(operations, key)]
    # The name of an operation may begin with that of another.
    drawers.sort(key=lambda each: -len(each.prefix))
    found = {}
    for name in names:
        for each in drawers:
            quantity = name.removeprefix(f"{each.prefix}_")
            # Numbers lead to an operation inside a composition.
            if quantity != name and not quantity[0].isdigit():
                found[name] = _column(each, quantity)
                break
    return found


def _drawers_of(operations: Mapping[str, Any], key: str) -> list[_Drawer]:
    """Return the operations of a stage, with its name unless it is the only one."""
    found = _numbered(_walk(operations.get(key), ("draw", key)))
    if not operations.get("shared"):
        return found
    stage = STAGES[key]
    return [
        replace(each, group=f"{stage}: {each.group}", words=f"{stage}: {each.words}")
        for each in found
    ]


def _walk(items: Any, path: tuple[str, ...]) -> Iterator[_Drawer]:
    """Yield the operations of a list and all inside them, as their columns are named."""
    for position, item in enumerate(items if isinstance(items, list) else ()):
        yield from _walk_item(item, (*path, str(position)))


def _walk_item(item: Any, here: tuple[str, ...]) -> Iterator[_Drawer]:
    """Yield an operation, or a composition and what it holds; nothing for what is neither."""
    if (named := operation_named(item)) is None:
        return
    name, options = named
    if name == "one_of":
        yield from _walk_choices(options.get("choices"), here)
    elif name in PARTS:
        yield from _walk_parts(name, options, here)
    else:
        prefix, words = "_".join((*here, name)), label_text(name)
        yield _Drawer(prefix=prefix, name=name, group=words, words=words)


def _walk_parts(name: str, options: Mapping[str, Any], here: tuple[str, ...]) -> Iterator[_Drawer]:
    """Yield what a composition applies, and itself beside the first of it."""
    groups = options.get("groups")
    parts = list(_walk(options.get("operations"), here))
    for number, group in enumerate(groups if isinstance(groups, list) else ()):
        parts += _walk(group, (*here, str(number)))
    group = parts[0].group if parts else label_text(name)
    yield _Drawer(prefix="_".join(here), name=name, group=group, words=PARTS[name] or group)
    yield from parts


def _walk_choices(choices: Any, here: tuple[str, ...]) -> Iterator[_Drawer]:
    """Yield the choice itself, and the operations to choose from, each once."""
    items = [_without_probability(each) for each in choices] if isinstance(choices, list) else []
    named = [operation_named(each) for each in items]
    values = _choice_words([each or ("?", {}) for each in named])
    kinds = list(dict.fromkeys(label_text(each[0]) for each in named if each))
    group = words = " or ".join(kinds)
    if len(kinds) > MAX_NAMED:
        group, words = (f"{each} of {len(items)} operations" for each in ("one", "which"))
    yield _Drawer(prefix="_".join(here), name="one_of", group=group, words=words, values=values)
    found = {each.prefix: each for item in items for each in _walk_item(item, here)}
    yield from (replace(each, group=group) for each in found.values())


def _choice_words(choices: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """Return the names of choices, with the options in which those of one name differ."""
    found = []
    for name, options in choices:
        others = [each for other, each in choices if other == name and each is not options]
        own = [
            _option_words(option, value)
            for option, value in options.items()
            if any(each.get(option) != value for each in others)
        ]
        found.append(", ".join([label_text(name), *own]))
    return tuple(found)


def _option_words(option: str, value: Any) -> str:
    if isinstance(value, bool):
        return label_text(option) if value else f"not {label_text(option)}"
    return f"{label_text(option)} {value}"


def _numbered(drawers: Iterator[_Drawer]) -> list[_Drawer]:
    """Tell apart what has the same words: the second one is called so."""
    times: dict[str, int] = {}
    groups: dict[str, str] = {}
    found = []
    for each in drawers:
        # The columns of a composition stand under the first operation inside it.
        is_part = each.name in PARTS
        if not is_part:
            times[each.words] = times.get(each.words, 0) + 1
        number = times.get(each.words, 0) + is_part
        words = f"{TIMES[number]}{each.words}" if number < len(TIMES) else f"{number}. {each.words}"
        if each.words == each.group:
            groups[each.group] = words
        found.append(replace(each, words=words, group=groups.get(each.group, each.group)))
    return found


def _column(drawer: _Drawer, quantity: str) -> DrawnColumn:
    own = OWN_WORDS.get((drawer.name, quantity), label_text(quantity))
    unit = _units(drawer.name).get(quantity)
    words = ", ".join(filter(None, [drawer.words, own])) + (f" ({unit})" if unit else "")
    return DrawnColumn(
        group=drawer.group, words=words, values=drawer.values if quantity == "choice" else ()
    )


def _units(name: str) -> Mapping[str, str]:
    """Return the units of what an operation draws; none of a user's own, which is not loaded."""
    if name not in plugins.members("degradations"):
        return {}
    build = plugins.load("degradations", name).build
    return build.units if isinstance(build, type) and issubclass(build, Operation) else {}


def operation_named(item: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return name and options of an operation of a recipe; None if it is none.

    A recipe may be a stranger's.
    """
    if isinstance(item, str):
        return item, {}
    if not isinstance(item, Mapping) or len(item) != 1:
        return None
    ((name, options),) = item.items()
    return str(name), options if isinstance(options, Mapping) else {}


def _without_probability(choice: Any) -> Any:
    if not isinstance(choice, Mapping):
        return choice
    return {name: each for name, each in choice.items() if name != "probability"}
