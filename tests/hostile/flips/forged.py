"""Records that a stranger has written: each field by values of other kinds, with right hashes."""

import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from pairgen.types import canonical_json
from tests.hostile.flips.damage import again, write
from tests.hostile.flips.readers import Target

# Stands for what no JSON writer writes, and is put in its place in the text.
DEEP, DIGITS, TEXT, SURROGATE = "@deep@", "@digits@", "@text@", "\ud800"
VALUES: Sequence[Any] = (
    *(None, True, "", "x", "-1", -1, 0, 1.5, 10**6, 2**63, 10**30, float("nan"), float("inf")),
    *([], {}, [[]], ["x"] * 3, [None], {"x": {"y": None}}, DEEP, DIGITS, TEXT, SURROGATE),
    *("../../../etc/passwd", "\x1b]0;x\x07", [0] * 10_000, 1e300, "os.system"),
)
_IN_TEXT = {
    DEEP: "[" * 50_000 + "]" * 50_000,
    DIGITS: "9" * 100_000,
    TEXT: '"' + "x" * 10**6 + '"',
}
REMOVED = object()


def forgeries(
    found: Sequence[Target], num: int, seed: int
) -> Iterator[tuple[Target, Callable[[Path], str]]]:
    """Yield the file to forge, and what forges it."""
    kinds = {
        "plan.yaml": _forge_plan,
        "receipt": _forge_receipt,
        "index": _forge_index,
        "manifest.json": _forge_json,
        "state.json": _forge_json,
        "record.json": _forge_json,
        "config.yaml": _forge_yaml,
        "model.yaml": _forge_yaml,
    }
    groups = [
        (forge, [each for each in found if each.path.endswith(name) or each.kind.endswith(name)])
        for name, forge in kinds.items()
    ]
    groups = [(forge, group) for forge, group in groups if group]
    for number in range(num if groups else 0):
        draws = random.Random(f"{seed} forged {number}")
        forge, group = groups[number % len(groups)]
        target = draws.choice(group)
        yield target, again(forge, draws)


def _forge_json(path: Path, draws: random.Random) -> str:
    data = json.loads(path.read_bytes())
    what = _change(data, draws)
    write(path, _text(data).encode())
    return what


def _forge_yaml(path: Path, draws: random.Random) -> str:
    data = yaml.safe_load(path.read_bytes())
    what = _change(data, draws)
    write(path, _yaml(data).encode())
    return what


def _forge_receipt(path: Path, draws: random.Random) -> str:
    data = json.loads(path.read_bytes())
    del data["own_sha256"]
    what = _change(data, draws)
    write(path, sealed(data))
    return what


def sealed(data: Any) -> bytes:
    """Return the file of a receipt with its own hash."""
    text = _text(data).encode()
    return text[:-1] + f', "own_sha256": "{hashlib.sha256(text).hexdigest()}"}}'.encode()


def _forge_plan(path: Path, draws: random.Random) -> str:
    """Change a plan, give it its fingerprint, and each receipt that."""
    data = yaml.safe_load(path.read_bytes())
    before = data.pop("fingerprint")
    what = _change(data, draws)
    try:
        fingerprint = _fingerprint(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        fingerprint = before
    write(path, _yaml({"fingerprint": fingerprint, **data}).encode())
    for receipt in sorted((path.parent / "shards").glob("*.json")):
        told = json.loads(receipt.read_bytes())
        del told["own_sha256"]
        write(receipt, sealed({**told, "fingerprint": fingerprint}))
    return what


def _fingerprint(data: Any) -> str:
    local = ("name", "location", "options")
    identity = {
        name: data[name] for name in ("format_version", "kind", "seed", "recipe", "members")
    }
    identity["source"] = {name: data["source"][name] for name in ("sha256", "num_inputs")}
    identity["teacher"] = {name: it for name, it in data["teacher"].items() if name not in local}
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def _forge_index(path: Path, draws: random.Random) -> str:
    """Change a column of an index, and give the receipt its hash."""
    table = pq.read_table(path)
    name = draws.choice(table.column_names)
    at = table.column_names.index(name)
    ways = {
        "removed": lambda: table.remove_column(at),
        "nulls": lambda: table.set_column(at, name, pa.nulls(len(table), table.field(at).type)),
        "no type": lambda: table.set_column(at, name, pa.nulls(len(table))),
        "texts": lambda: table.set_column(at, name, pa.array(["\u00e9"] * len(table))),
        "bytes": lambda: table.set_column(at, name, pa.array([b"\xff\xfe"] * len(table))),
        "numbers": lambda: table.set_column(at, name, pa.array([-(2**62)] * len(table))),
        "lists": lambda: table.set_column(at, name, pa.array([[1, None]] * len(table))),
        "twice": lambda: table.append_column(name, table.column(at)),
        "many rows": lambda: pa.concat_tables([table] * 20_000),
        "no rows": lambda: table.slice(0, 0),
        "large cells": lambda: table.set_column(
            at, name, pa.array(["x" * 10**8] * len(table), pa.large_string())
        ),
    }
    way = draws.choice(list(ways))
    buffer = io.BytesIO()
    pq.write_table(ways[way](), buffer, compression="zstd")
    write(path, buffer.getvalue())
    receipt = path.parents[1] / "shards" / f"{path.stem}.json"
    told = json.loads(receipt.read_bytes())
    told.pop("own_sha256")
    write(receipt, sealed({**told, "index_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}))
    return f"{name}: {way}"


def _change(data: Any, draws: random.Random) -> str:
    """Change one value anywhere in plain data, in place; return what."""
    places = list(_places(data, ()))
    place = draws.choice(places)
    value = draws.choice([*VALUES, REMOVED])
    holder = data
    for step in place[:-1]:
        holder = holder[step]
    if value is REMOVED:
        del holder[place[-1]]
    else:
        holder[place[-1]] = deepcopy(value)
    shown = "removed" if value is REMOVED else ascii(value)[:40]
    return f"{'.'.join(map(str, place))} = {shown}"


def _places(data: Any, above: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield where the values are: those of the top first and most often."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        here = (*above, key)
        yield from [here] * (3 if not above else 1)
        if isinstance(value, dict | list) and len(here) < 4:
            yield from _places(value, here)


def _text(data: Any) -> str:
    text = json.dumps(data)
    for mark, stands_for in _IN_TEXT.items():
        text = text.replace(f'"{mark}"', stands_for)
    return text


def _yaml(data: Any) -> str:
    # YAML reads JSON, but for numbers that are none.
    return _text(data).replace("NaN", ".nan").replace("Infinity", ".inf") + "\n"
