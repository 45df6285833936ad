"""What is pushed of a dataset, once it is checked."""

from collections.abc import Iterator

from pairgen.config import texts_in
from pairgen.errors import ConfigError
from pairgen.execution.checking import check_set
from pairgen.execution.say import Say
from pairgen.jobs.push.card import PREVIEW_FILE, pushed_card
from pairgen.jobs.push.content import Content, PushedFile
from pairgen.jobs.push.options import PushConfig
from pairgen.jobs.push.set_preview import set_preview
from pairgen.kinds.card import render_card
from pairgen.kinds.run_options import WorkerOptions
from pairgen.model_config import license_of
from pairgen.receipts import Manifest
from pairgen.redaction import without_secrets
from pairgen.shards.check.planned import inputs_paths
from pairgen.shards.check.report import Report
from pairgen.shards.check.scope import Scope
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.subsets import has_subsets, read_subsets
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import INPUT_NAMES, Plan
from pairgen.visible import literal

# Kind of the problem of a shard that was not made yet.
UNFINISHED = "incomplete"
SERIAL = WorkerOptions(executor="serial", gpus_per_worker=0.0)


def set_content(store: LocalStore, options: PushConfig, say: Say) -> Content:
    """Check a dataset, or the sub-sets of a folder, and return what is pushed.

    Raises:
        ConfigError: It is unfinished and that was not asked for, or it is not clean.
    """
    names = [f"{name}/" for name in read_subsets(store).names] if has_subsets(store) else [""]
    manifests = {}
    for name in names:
        part = LocalStore(store.root / name)
        _check(part, options, say)
        manifests[name] = scan(part, read_plan(part))
    largest = max(names, key=lambda name: manifests[name].num_samples)
    shown = set_preview(LocalStore(store.root / largest), manifests[largest], say)
    plan = manifests[largest].plan
    cards = [_card(store, "", manifests[largest], options, shown.caption)]
    # Cards of sub-sets have no preview beside them.
    cards += [_card(store, name, manifests[name], options, "") for name in names if name]
    preview = [PushedFile(PREVIEW_FILE, shown.png)] if shown.png else []
    # Shards come before their receipts, and what says which dataset it is before all.
    files = (
        *(each for name in names for each in _plans(store, name, manifests[name].plan)),
        *_existing(store, (layout.SUBSETS,)),
        *(each for name in names for each in _shards(store, name, manifests[name])),
        *(each for name in names for each in _receipts(store, name, manifests[name])),
        *preview,
        *cards,
    )
    folders = (layout.TRAIN, layout.RECEIPTS, layout.INDEX)
    return Content(
        files,
        tuple(f"{name}{folder}" for name in names for folder in folders),
        read_subsets(store).plan if names[0] else plan,
        layout.SUBSETS if names[0] else layout.PLAN,
        all(each.complete for each in manifests.values()),
    )


def _check(store: LocalStore, options: PushConfig, say: Say) -> None:
    say(f"Checking {store.url}.")
    report = check_set(store, Scope(quick=options.quick or options.dry_run), SERIAL)
    if report.interrupted:
        raise KeyboardInterrupt
    kinds = set(report.num_by_kind)
    if UNFINISHED in kinds and not options.unfinished:
        raise ConfigError(
            f"{store.url} is not finished: {report.num_by_kind[UNFINISHED]:,} of "
            f"{report.num_shards:,} shards are missing; finish it, or push the finished ones "
            "with --unfinished."
        )
    if kinds - {UNFINISHED}:
        raise ConfigError(_not_clean(store, report))


def _not_clean(store: LocalStore, report: Report) -> str:
    first = next(each for each in report.problems if each.kind != UNFINISHED)
    return (
        f"{store.url} is not clean ({first.kind}, {first.where}): see `pairgen verify` and "
        "`pairgen repair`."
    )


def _plans(store: LocalStore, name: str, plan: Plan) -> Iterator[PushedFile]:
    lists = (*inputs_paths(plan), layout.SLOTS, layout.REJECTED, layout.PARTS)
    return _existing(store, tuple(f"{name}{each}" for each in (layout.PLAN, *lists)))


def _shards(store: LocalStore, name: str, manifest: Manifest) -> Iterator[PushedFile]:
    for receipt in manifest.receipts:
        if receipt.count:
            shard = f"{name}{layout.shard_path(receipt.shard_index)}"
            yield PushedFile(shard, store.root / shard, receipt.sha256)
        yield from _existing(store, (f"{name}{layout.index_path(receipt.shard_index)}",))


def _receipts(store: LocalStore, name: str, manifest: Manifest) -> Iterator[PushedFile]:
    paths = [f"{name}{layout.receipt_path(each.shard_index)}" for each in manifest.receipts]
    return _existing(store, (*paths, f"{name}{layout.MANIFEST}"))


def _existing(store: LocalStore, paths: tuple[str, ...]) -> Iterator[PushedFile]:
    for path in paths:
        if (store.root / path).is_file():
            yield PushedFile(path, store.root / path)


def _card(
    store: LocalStore, name: str, manifest: Manifest, options: PushConfig, preview: str
) -> PushedFile:
    """Return the card of a dataset; of an unfinished one that has none, a new one."""
    path = f"{name}{layout.CARD}"
    file = store.root / path
    text = file.read_text(encoding="utf-8") if file.is_file() else render_card(manifest)
    plan = manifest.plan
    local = list(texts_in(plan.to_dict()))
    card = pushed_card(text, options.license, preview, _licenses(plan, options.license), local)
    return PushedFile(path, card.encode())


def _licenses(plan: Plan, license_id: str) -> str:
    """Return what is known of the licenses of all that a dataset was made of."""
    said = [f"This dataset has the license {literal(license_id)}."] if license_id else []
    if plan.teacher:
        name = without_secrets(str(plan.teacher.get("name") or plan.teacher["module"]))
        known = license_of(str(plan.teacher.get("location") or ""))
        what = f"has the license {known}" if known else "has a license not known here"
        said.append(f"The model {literal(name)} {what}.")
    inputs = INPUT_NAMES.get(plan.kind, "samples that it was made from")
    return " ".join([*said, f"The license of the {inputs} is not recorded, and yours to check."])
