"""`pairgen compare`: judge models by the same held-out pairs, row by row."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.image_recipe import RESTORATION
from pairgen.jobs.compare.asked import BICUBIC, find_asked, naming
from pairgen.jobs.compare.content import check_comparable, in_order, is_own_reference, make_content
from pairgen.jobs.compare.from_images import compare_from_images
from pairgen.jobs.compare.from_text import compare_from_text
from pairgen.jobs.compare.options import CompareConfig
from pairgen.jobs.compare.outdated import find_outdated
from pairgen.jobs.compare.page import compare_page
from pairgen.jobs.compare.planned import Comparison, Planned
from pairgen.jobs.compare.rows import ROWS, Row, read_rows, write_row
from pairgen.judging.real import find_real
from pairgen.judging.table import figure_lines
from pairgen.option_names import option_text
from pairgen.process_state import cpu_threads
from pairgen.redaction import url_without_secrets, without_secrets_in
from pairgen.resolution import sources_of
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import open_store
from pairgen.shown import Shown, ShownTable
from pairgen.types import canonical_json
from pairgen.wording import counted

FIGURES_FILE, PAGE_FILE = "compare.json", "index.html"
OURS = (FIGURES_FILE, PAGE_FILE, ROWS, layout.SPOOL.partition("/")[0])


@dataclass(frozen=True, repr=False)
class Compared(Shown):
    """The result of `pairgen compare`.

    Attributes:
        folder: Folder with compare.json, index.html and the rows.
        figures: Content of compare.json.
    """

    folder: Path
    figures: dict[str, Any]

    def shown(self) -> ShownTable:
        """Return the rows of figures."""
        head, *rows = figure_lines(self.figures)
        return ShownTable(f"{type(self).__name__}: {self.folder}", rows, head)


@trusts_user
def run_compare(given: Mapping[str, Any], say: Say = log) -> Compared:
    """Run `compare`, and report what it starts from."""
    resolved = sources_of(CompareConfig, given).resolved()
    config = resolved.options
    asked, with_bicubic = find_asked(config.runs)
    plan = read_plan(open_store(config.data))
    store = _find_folder(config)
    compare = compare_from_text if plan.kind == "ode" else compare_from_images
    comparison = compare(config, resolved.origins.keys(), asked, plan)
    _check(comparison, with_bicubic)
    there = read_rows(store, say)
    check_comparable(there, comparison.bench, store.url)
    outdated = find_outdated(there, comparison.rows, say)
    standing = _standing(comparison.rows, _without(there, outdated))
    missing = [each for each in comparison.rows if standing[each.slot] is None]
    for note in dict.fromkeys(
        note for row in comparison.rows for note in row.facts.get("notes", ())
    ):
        say(note)
    for each in comparison.rows:
        row = standing[each.slot]
        if row is not None and row.facts["name"] != each.name:
            say(f"{each.name} appears in the table as {row.facts['name']}, the same model.")
    say(
        f"{comparison.num_pairs:,} of {comparison.shared['data']['num_available']:,} pairs; "
        f"{len(comparison.rows) - len(missing):,} of {len(comparison.rows):,} rows are done in "
        f"{store.url}."
    )
    try:
        _measure(comparison, missing, store)
    finally:
        # What is finished is shown, whatever stopped the rest.
        figures = _write(comparison, config, store, outdated, say)
    assert figures is not None
    return Compared(store.root, figures)


def _find_folder(config: CompareConfig) -> LocalStore:
    """Return the output folder, which is new, empty, or holds a comparison.

    Raises:
        ConfigError: It holds something else.
    """
    if "://" in config.out:
        raise ConfigError(f"{option_text('out')} must be a local folder, got {config.out!r}.")
    folder = Path(config.out or Path("comparisons") / _name_of(config.data)).expanduser().absolute()
    store = LocalStore(folder)
    store.check_writable()
    foreign = [each for each in store.names("") if each not in OURS]
    if foreign:
        raise ConfigError(f"{folder} holds other files: give another --out.")
    return store


def _name_of(data: str) -> str:
    """Return the name of a dataset, without secrets in its URL.

    Raises:
        ConfigError: It has none.
    """
    path = url_without_secrets(data).partition("?")[0] if "://" in data else Path(data).absolute()
    name = re.sub(r"[^\w.-]+", "-", PurePath(path).name)
    if not name.strip(".-"):
        raise ConfigError(
            f"{option_text('out')} must be given, because {data!r} has no name to call it by."
        )
    return name


def _check(comparison: Comparison, with_bicubic: bool) -> None:
    """Refuse the same row twice, and bicubic where nothing is enlarged.

    Raises:
        ConfigError: There is one.
    """
    recipe = comparison.shared.get("recipe")
    if with_bicubic and (recipe is None or recipe["kind"] != RESTORATION):
        raise ConfigError(
            f"{BICUBIC} must be left out: it enlarges the given images of a restoration, and these "
            "pairs have none."
        )
    seen: dict[str, str] = {}
    for row in comparison.rows:
        identity = canonical_json([row.role, row.identity])
        if identity in seen:
            raise ConfigError(
                f"{row.name} is given twice in {counted(row.steps, 'step')}: it is "
                f"the same model as {seen[identity]}."
            )
        seen[identity] = row.name


def _standing(planned: Sequence[Planned], rows: Sequence[Row]) -> dict[str, Row | None]:
    """Return the rows that planned ones would be, by their folders; None if one must be measured.

    A row may stand in the folder of another, whose model lies where its own did: what is measured
    into that folder takes its place, so it must be measured again too.
    """
    found = {each.slot: next((row for row in rows if row.is_of(each)), None) for each in planned}
    while True:
        written = {slot for slot, row in found.items() if row is None}
        lost = [slot for slot, row in found.items() if row is not None and row.slot in written]
        if not lost:
            return found
        found |= dict.fromkeys(lost)


def _without(rows: Sequence[Row], outdated: Sequence[Row]) -> list[Row]:
    """Return rows but the outdated ones; what was measured into their folders since then stays."""
    facts = [each.facts for each in outdated]
    return [row for row in rows if row.facts not in facts]


def _measure(comparison: Comparison, missing: Sequence[Planned], store: LocalStore) -> None:
    """Measure rows and write each as soon as it is done."""
    if not missing:
        return
    num = sum(row.evaluations for row in missing) * comparison.num_pairs
    progress = Progress(num, 0, unit="evaluations")
    try:
        with cpu_threads(comparison.cpu_threads):
            for row in missing:
                with naming(row.name):
                    found = row.measure(
                        lambda num_more: progress.reached(progress.num_finished + num_more)
                    )
                write_row(store, row, comparison, found)
    finally:
        progress.close()


def _write(
    comparison: Comparison,
    config: CompareConfig,
    store: LocalStore,
    outdated: Sequence[Row],
    say: Say,
) -> dict[str, Any] | None:
    """Write figures and page of the rows that stand; return the figures, None for no table."""
    there = _without(read_rows(store, say), outdated)
    rows = in_order(
        there, [row.slot for each in comparison.rows for row in there if row.is_of(each)]
    )
    if not any(map(is_own_reference, rows)):
        return None
    figures = without_secrets_in(make_content(rows, find_real(config.real_statistics)))
    page = compare_page(figures, rows)
    text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    store.put_bytes(FIGURES_FILE, f"{text}\n".encode())
    store.put_bytes(PAGE_FILE, page.encode())
    store.prune()
    return figures
