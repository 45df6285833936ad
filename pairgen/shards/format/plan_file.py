"""The plan of a dataset folder: write it, read it, and restore it if it is lost.

Without the plan, finished shards have no meaning, so a folder that has lost it is refused instead
of being taken for an empty one.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from pairgen.errors import ConfigError
from pairgen.model_config import MODEL_FILE
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import is_untouched, read_receipts, standing_receipts
from pairgen.shards.format.parsing.plan import parse_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store
from pairgen.types import FORMAT_VERSION, INPUT_NAMES, Plan
from pairgen.untrusted.json_text import load_json
from pairgen.untrusted.malformed import MalformedError, shown
from pairgen.untrusted.yaml_text import load_yaml
from pairgen.wording import command_text

# What every folder of a student has, or a run from its start.
OF_A_RUN = (MODEL_FILE, "record.json")


class UnusablePlanError(ConfigError):
    """The plan of a folder is missing, damaged or edited; `recover_plan` may restore it."""


def write_plan(store: Store, plan: Plan) -> None:
    """Write the plan atomically."""
    store.put_bytes(layout.PLAN, _encoded(plan))


def create_plan(store: Store, plan: Plan) -> bool:
    """Write the plan unless the folder has one; return whether it was written."""
    return store.create_bytes(layout.PLAN, _encoded(plan))


def has_plan(store: Store) -> bool:
    """Whether the folder holds a plan."""
    return store.exists(layout.PLAN)


def read_plan(store: Store) -> Plan:
    """Read the plan of a dataset folder.

    Raises:
        UnusablePlanError: The plan is damaged or edited, or missing while shards are finished.
        ConfigError: The folder holds no dataset, or one that this version cannot read.
    """
    if not has_plan(store):
        check_not_lost(store)
        if store.exists(layout.SUBSETS):
            raise ConfigError(
                f"{store.url} holds sub-sets, each a dataset of one shape: name one of the folders "
                "in it."
            )
        raise _no_dataset(store)
    try:
        return _parse(load_yaml(store.read_bytes(layout.PLAN)), store)
    except MalformedError as error:
        raise UnusablePlanError(
            f"The plan of {store.url} cannot be read: {error}; {_remedy(store)}."
        ) from None


def _no_dataset(store: Store) -> ConfigError:
    """Return the error about a folder that holds no dataset, which says what it is instead."""
    is_there = isinstance(store, LocalStore) and store.root.exists()
    if not is_there and not store.names(""):
        return ConfigError(f"There is no folder {store.url}.")
    if any(map(store.exists, OF_A_RUN)):
        return ConfigError(
            f"{store.url} is a training run or a student, not a dataset: `pairgen eval`, "
            "`compare`, `sample`, `restore`, `export`, `report` and `push` take one."
        )
    return ConfigError(f"{store.url} is not a dataset folder: it has no {layout.PLAN}.")


def check_not_lost(store: Store) -> None:
    """Refuse a folder that has finished shards but no plan.

    Raises:
        UnusablePlanError: The folder has receipts, or remains of a dataset that lost them.
    """
    if num_receipts := len(standing_receipts(store)):
        raise UnusablePlanError(
            f"{store.url} holds {num_receipts:,} finished shards, but its {layout.PLAN} is "
            f"missing: {_remedy(store)}."
        )
    if not is_untouched(store) and store.names("__meta__"):
        raise UnusablePlanError(
            f"{store.url} holds what is left of a dataset, without {layout.PLAN} and receipts: put "
            "them back, or give another --out."
        )


def recover_plan(store: Store) -> bool:
    """Restore the plan from its copy in the manifest if it is lost, damaged or edited.

    Returns:
        Whether the plan was restored; False if it is sound.

    Raises:
        ConfigError: The folder holds no dataset, or there is no copy that its shards match.
    """
    try:
        plan = read_plan(store)
        if plan.kind in INPUT_NAMES:
            remembered_options(plan, store)
        return False
    except UnusablePlanError:
        plan = _copied_plan(store)
    known, fingerprints = plan.fingerprints(), [each.fingerprint for each in read_receipts(store)]
    num_fitting = sum(each in known for each in fingerprints)
    if 2 * num_fitting < len(fingerprints):
        raise ConfigError(
            f"The plan of {store.url} cannot be restored: {layout.MANIFEST} holds another "
            f"dataset's; only {num_fitting} of {len(fingerprints)} receipts match it; {_BY_HAND}."
        )
    write_plan(store, plan)
    return True


# The remedy if no copy is usable.
_BY_HAND = (
    "run the first command with another --out, stop it, and copy its "
    f"{layout.PLAN} to this folder; `pairgen verify` tells you whether it matches"
)


def _copied_plan(store: Store) -> Plan:
    """Return the copy of the plan in the manifest.

    Raises:
        ConfigError: There is no copy.
    """
    try:
        return _parse(load_json(store.read_bytes(layout.MANIFEST))["plan"], store)
    except (FileNotFoundError, MalformedError, KeyError, TypeError):
        # Manifests of earlier versions have no copy.
        raise ConfigError(
            f"The plan of {store.url} is missing or damaged, and {layout.MANIFEST} has no copy of "
            f"it: {_BY_HAND}."
        ) from None


def remembered_options(plan: Plan, store: Store) -> Mapping[str, Any]:
    """Return the options that a dataset was made with.

    Raises:
        UnusablePlanError: The plan no longer has them.
    """
    options = plan.resolved.get("options")
    if not isinstance(options, Mapping):
        raise UnusablePlanError(
            f"The plan of {store.url} is incomplete: resolved.options is missing; {_remedy(store)}."
        )
    return options


def _parse(data: Any, store: Store) -> Plan:
    """Parse a plan.

    Raises:
        MalformedError: The data is not a plan.
        UnusablePlanError: The plan was edited.
        ConfigError: The plan has another format version.
    """
    if not isinstance(data, Mapping):
        raise MalformedError("it holds no `key: value` lines")
    if "format_version" not in data:
        raise MalformedError("format_version is missing")
    if data["format_version"] != FORMAT_VERSION:
        raise ConfigError(
            f"{store.url} has format version {shown(data['format_version'])}; "
            f"this pairgen reads {FORMAT_VERSION}."
        )
    plan = parse_plan(data)
    if plan.fingerprint() != data["fingerprint"]:
        raise UnusablePlanError(
            f"The plan of {store.url} was edited: its fingerprint does not match its content; "
            f"{_remedy(store)}."
        )
    return plan


def _encoded(plan: Plan) -> bytes:
    text = yaml.safe_dump(plan.to_dict(), sort_keys=False, allow_unicode=True, width=100)
    return text.encode("utf-8")


def _remedy(store: Store) -> str:
    repair = command_text("pairgen", "repair", store.url)
    return f"put it back, or let `{repair}` restore it from {layout.MANIFEST}"
