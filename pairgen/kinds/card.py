"""The dataset card: `README.md` in the dataset folder, made from the manifest alone.

Its front matter names the tars, so that hub viewers and `datasets.load_dataset` open the folder.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from pairgen.kinds.about import KINDS, about_member
from pairgen.kinds.maker import maker_name
from pairgen.kinds.plan_description import describe_plan
from pairgen.receipts import Manifest, Receipt
from pairgen.shards.check.receipt_check import find_mixes
from pairgen.shards.overlays.overlay import added_by, is_by_value
from pairgen.types import INPUT_NAMES, Plan, canonical_json
from pairgen.visible import Markdown, code, literal

# The hub's size categories: a dataset is in the first one whose bound it is below.
SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
    (10**9, "100M<n<1B"),
)

USAGE = """\
## Load

```python
from glob import glob

import webdataset as wds

for sample in wds.WebDataset(sorted(glob("train/*.tar")), shardshuffle=False).decode():
    print(sample["__key__"], sorted(sample))
```

```python
from datasets import load_dataset

dataset = load_dataset(".", split="train", streaming=True)
```

Both from this folder. The files are plain tars, sorted, with the members of a key together.

## Check, mend, continue

```
pairgen verify DIR    # exit code 0 when every byte and number is right
pairgen repair DIR    # makes bad or missing shards again
pairgen KIND --out DIR # continues where the run stopped
```
"""

OVERLAY_USAGE = """\
## Load

```python
from pairgen import Loader, TrainingSet

data = TrainingSet("path/to/PARENT", overlays=["."])
loader = Loader(data, fields=[MEMBERS], batch_size=16)
```

An overlay in the folder `PARENT.annotations` beside its parent need not be named.

`pairgen verify .` compares the shards to those of the parent, and names those that are stale:
`AGAIN` replaces them, and catches up when the parent has grown.
"""


NOISE_FROM_SEED = """\
`noise.npy` is left out. `pairgen.seeding.noise_for(seed, pair_index, shape, dtype)` gives it again,
from the numbers in `json` and the latent's shape and dtype; `noise_crc32` proves it.
"""


def render_card(manifest: Manifest) -> str:
    """Return the card: front matter and Markdown."""
    plan = manifest.plan
    title, about = KINDS["overlay by value" if is_by_value(plan) else plan.kind]
    title = f"{title} {_subject(plan)}"
    front = {
        "pretty_name": title,
        "tags": ["pairgen", "webdataset", "diffusion", "distillation"],
        "size_categories": [size_category(manifest.num_samples)],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "train/*.tar"}]}
        ],
    }
    parts = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n",
        f"# {literal(title)}\n",
        about,
        _table(("", ""), [*describe_plan(plan), *_counts(manifest)]),
        "## Members\n",
        f"A sample's key is its number, nine digits. JSON keys: {_json_keys(plan.members)}.\n",
        _table(("member", "content", "dtype", "shape"), _members(plan)),
        *([NOISE_FROM_SEED] if plan.recipe.get("noise") == "seed" else []),
        "## How it was made\n",
        _table(("", ""), _made(manifest.receipts)),
        _usage(plan),
    ]
    return "\n".join(parts)


def _subject(plan: Plan) -> str:
    """Return the subject of the title: the teacher, or the preset."""
    if plan.kind == "degrade":
        return str(plan.recipe["degradation"])
    if plan.kind == "overlay":
        return ", ".join(added_by(plan))
    if plan.kind == "collect":
        return str(plan.source["name"])
    return str(plan.teacher.get("name") or plan.teacher["module"])


def _usage(plan: Plan) -> str:
    """Return how to load, check and continue the dataset."""
    if plan.kind != "overlay":
        return USAGE.replace("KIND", plan.kind)
    parent = PurePath(str(plan.source.get("parent", ""))).name
    asked = "fields" if plan.members.keys() - {"json"} else "facts"
    members = ", ".join(f'"{name}"' for name in added_by(plan))
    usage = OVERLAY_USAGE.replace("PARENT", parent)
    usage = usage.replace("fields=[MEMBERS]", f"{asked}=[{members}]")
    if maker_name(plan) == "degrade":
        return usage.replace("AGAIN", f"pairgen degrade --from-ode {parent} --overlay")
    name = plan.recipe.get("annotator", "NAME")
    return usage.replace("AGAIN", f"pairgen annotate {parent} --add {name}")


def _counts(manifest: Manifest) -> list[tuple[str, Any]]:
    plan = manifest.plan
    return [
        ("samples", f"{manifest.num_samples:,} of {plan.num_samples:,} planned"),
        ("shards", f"{len(manifest.receipts):,} of {plan.num_shards:,} planned"),
        ("size", f"{manifest.num_bytes:,} bytes"),
        ("failed samples", f"{manifest.num_failed:,}"),
        *(
            [("samples left out by a threshold", f"{manifest.num_skipped:,}")]
            if manifest.num_skipped
            else []
        ),
        *(
            [(f"rejected {INPUT_NAMES[plan.kind]}", f"{plan.source.get('num_rejected', 0):,}")]
            if plan.kind in INPUT_NAMES
            else []
        ),
        *([("blank lines skipped", f"{plan.source['num_blank']:,}")] if plan.kind == "ode" else []),
    ]


def _members(plan: Plan) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, spec in sorted(plan.members.items()):
        dtype, shape = spec.get("dtype", "utf-8"), str(spec.get("shape", ""))
        rows.append((code(name), about_member(plan.kind, name), dtype, shape))
    return rows


def _made(receipts: Iterable[Receipt]) -> list[tuple[str, Any]]:
    """Return how the shards were computed, with every value if the dataset mixes several."""
    receipts = list(receipts)
    if not receipts:
        return [("shards", "none yet")]
    rows: list[tuple[str, Any]] = []
    mixes = find_mixes(receipts)
    for name in ("device", "dtype", "batch_size", "cpu_threads", "compile", "versions"):
        if name not in receipts[0].made:
            continue
        if name in mixes:
            rows.append((f"{name} (mixed)", "; ".join(mixes[name])))
        else:
            rows.append((name, receipts[0].made.get(name)))
    seconds = sum(float(receipt.made.get("seconds", 0.0)) for receipt in receipts)
    return [*rows, ("worker seconds", f"{seconds:,.0f}")]


def _json_keys(members: Mapping[str, Any]) -> str:
    return ", ".join(code(str(key)) for key in members["json"]["keys"])


def size_category(num_samples: int) -> str:
    """Return the hub's name for a number of samples."""
    return next((name for bound, name in SIZES if num_samples < bound), "n>1B")


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: Any) -> str:
    """Return a value as Markdown for a table cell, which shows it literally."""
    if isinstance(value, Markdown):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{literal(str(name))} {_cell(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        value = ", ".join(f"{x:g}" if isinstance(x, float) else str(x) for x in value)
    return literal(value if isinstance(value, str) else canonical_json(value))
