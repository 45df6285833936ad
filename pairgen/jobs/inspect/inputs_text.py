"""Describe where the inputs of a dataset come from, in words."""

from collections.abc import Mapping
from typing import Any

from pairgen.additions import Addition
from pairgen.drawing.value_text import value_text
from pairgen.wording import label_text

# What a plan counts beside its inputs, as the words behind the number.
COUNTED = {
    "num_rejected": "rejected",
    "num_skipped": "skipped",
    "num_blank": "blank",
    "num_duplicates": "duplicate",
    "num_left_out": "beyond the limit",
    "num_captions": "with a caption",
    "num_tags": "with tags",
}
# Named first, or told by another line.
ELSEWHERE = ("name", "num_inputs", "sha256", "list_sha256")


def inputs_text(source: Mapping[str, Any]) -> str:
    """Return a plan's source as one line: `3 from prompts.txt, 1 blank`; nothing that is 0 or off.

    Args:
        source: The plan's `source`.
    """
    told = [f"{source['num_inputs']:,} from {source.get('name') or 'a file'}"]
    for name, value in source.items():
        if name in ELSEWHERE or not value:
            continue
        if name == "additions":
            told += [Addition(**each).told for each in value]
        elif name in COUNTED:
            told.append(f"{value:,} {COUNTED[name]}")
        elif value is True:
            told.append({"dedupe": "without duplicates", "shuffle": "shuffled"}.get(name, name))
        else:
            told.append(f"{label_text(name)} {value_text(value)}")
    return ", ".join(told)
