"""The flags that name the inputs of a dataset: a plan keeps their name, not where they lie."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pairgen.config import packaged_assets, packaged_configs
from pairgen.sources.painted.names import PAINTED, PHOTOGRAPHS
from pairgen.sources.prompts import prompts_sha256
from pairgen.types import Plan

# Stands in a command for a folder that only the user can name.
PATH = "PATH"
# What else chose the prompts, as options of the same names.
CHOSEN = ("dedupe", "shuffle", "limit")


def input_values(plan: Plan) -> dict[str, Any]:
    """Return the options that name the inputs of a dataset, with `PATH` where only the user knows.

    Nothing for inputs that a command takes by itself, because they are in the package.
    """
    source = plan.source
    if plan.kind == "ode":
        chosen = {name: source[name] for name in CHOSEN if source.get(name)}
        return chosen if _has_packaged_prompts(source) else {"prompts": _place(source), **chosen}
    if plan.teacher:
        return {"from_ode": _place(source)}
    if source.get("name") == PAINTED:
        split = plan.recipe.get("painted", {}).get("split", "train")
        return {"images": PAINTED, "num_images": source.get("num_captions", 0), "split": split}
    option = {"pairs": "hr", "edits": "edit_triples"}.get(plan.recipe.get("layout", ""), "images")
    if option == "hr":
        return {"hr": _place(source), "lr": f"{PATH}/LR"}
    return {} if _has_packaged_images(source) else {option: _place(source)}


def _place(source: Mapping[str, Any]) -> str:
    """Return `PATH/NAME`; `PATH` alone for several sources, whose names a plan does not keep."""
    name = str(source.get("name") or "")
    if name == "standard input":
        return "-"
    return PATH if not name or name.endswith(" sources") else f"{PATH}/{name}"


def _has_packaged_prompts(source: Mapping[str, Any]) -> bool:
    path = packaged_configs() / "prompts" / str(source.get("name") or "none").rpartition("/")[2]
    if not path.is_file():
        return False
    # What chose among the prompts changed their hash.
    if any(source.get(name) for name in CHOSEN):
        return True
    lines = map(str.strip, path.read_text(encoding="utf-8").splitlines())
    return prompts_sha256(pa.chunked_array([[*filter(None, lines)]])) == source.get("sha256")


def _has_packaged_images(source: Mapping[str, Any]) -> bool:
    """Whether the images are the package's, by their name and number."""
    folder = PHOTOGRAPHS.partition(":")[2]
    num = len(list((packaged_assets() / folder).glob("*.jpg")))
    return source.get("name") == folder and source.get("num_inputs") == num
