"""The card of a folder of buckets: `README.md`, which names its sub-sets and all their tars."""

from collections.abc import Mapping

import yaml

from pairgen.kinds.card import size_category
from pairgen.receipts import Manifest
from pairgen.visible import literal

TEXT = """\
# {title}

{num_samples:,} images in buckets of about {size} x {size} pixels: each sub-folder is a
complete dataset of one shape, with a card of its own.

| bucket | samples | bytes |
|---|---|---|
{rows}

```python
from pairgen import Loader

loader = Loader("path/to/this/folder", fields=["{image}"], batch_size=16)
```

The loader mixes the buckets; every batch has one shape. `pairgen verify`, `repair`, `inspect`,
`annotate` and `train` take this folder too, and `pairgen collect --out DIR` continues it.
"""


def render_bucket_card(whole: Manifest, buckets: Mapping[str, Manifest]) -> str:
    """Return the card: front matter and Markdown.

    Args:
        whole: The plan of all images, with the receipts of all sub-sets.
        buckets: Name of each sub-set to its manifest.
    """
    title = f"{whole.plan.source['name']}, in buckets"
    front = {
        "pretty_name": title,
        "tags": ["pairgen", "webdataset", "diffusion", "distillation"],
        "size_categories": [size_category(whole.num_samples)],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "*/train/*.tar"}]}
        ],
    }
    rows = "\n".join(
        f"| [{name}]({name}) | {each.num_samples:,} | {each.num_bytes:,} |"
        for name, each in buckets.items()
    )
    text = TEXT.format(
        title=literal(title),
        num_samples=whole.num_samples,
        size=whole.plan.recipe["size"],
        rows=rows,
        image=whole.plan.recipe["format"],
    )
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n\n{text}"
