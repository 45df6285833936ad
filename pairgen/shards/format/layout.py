"""Names of the files in a dataset folder.

Only tars are under `train/`. Everything else is under `__meta__/`, a name that hub loaders ignore
(they do not ignore `_meta/`).
"""

CARD = "README.md"
PLAN = "__meta__/plan.yaml"
MANIFEST = "__meta__/manifest.json"
# There as soon as parts of the dataset are made by several commands.
PARTS = "__meta__/parts"
SUBSETS = "__meta__/subsets.yaml"
PROMPTS = "__meta__/prompts.arrow"
IMAGES = "__meta__/images.arrow"
SLOTS = "__meta__/slots.arrow"
REJECTED = "__meta__/rejected/00000.jsonl"
TRAIN = "train"
RECEIPTS = "__meta__/shards"
INDEX = "__meta__/index"
SPOOL = "__meta__/tmp"


def images_path(number: int) -> str:
    """Return the path of a list of images: 1 for those that the set began with."""
    return IMAGES if number == 1 else IMAGES.replace(".arrow", f"-{number}.arrow")


def shard_path(shard_index: int) -> str:
    """Return the path of a shard."""
    return f"{TRAIN}/{shard_index:05d}.tar"


def receipt_path(shard_index: int) -> str:
    """Return the path of a shard's receipt."""
    return f"{RECEIPTS}/{shard_index:05d}.json"


def index_path(shard_index: int) -> str:
    """Return the path of a shard's index."""
    return f"{INDEX}/{shard_index:05d}.parquet"
