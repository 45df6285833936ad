"""`pairgen report`: find out what a folder is, and write its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.report.options import ReportConfig
from pairgen.jobs.report.set_page import set_page
from pairgen.model_config import RUN_FILE
from pairgen.option_names import option_text
from pairgen.pages.document import write_page
from pairgen.pages.run_page import PAGE_FILE, run_page
from pairgen.resolution import sources_of
from pairgen.shards.format.plan_file import has_plan
from pairgen.shards.format.subsets import has_subsets, read_subsets
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.shown import Shown, ShownTable
from pairgen.wording import size_text

# What says that a page was made by pairgen, and may be replaced.
MARK = b'<meta name="generator" content="pairgen '
# The figures of an evaluation and of a comparison, which write their page themselves.
JUDGED = {"eval.json": "pairgen eval", "compare.json": "pairgen compare"}


@dataclass(frozen=True, repr=False)
class Reported(Shown):
    """The result of `pairgen report`.

    Attributes:
        page: The HTML file.
    """

    page: Path

    def shown(self) -> ShownTable:
        """Return where the page is, as a path and as an address that a browser takes."""
        rows = [("open", self.page.absolute().as_uri())]
        if self.page.is_file():
            rows.append(("size", size_text(self.page.stat().st_size)))
        return ShownTable(f"Page: {self.page}", rows)


def run_report(folder: str | Path, given: Mapping[str, Any], say: Say = log) -> Reported:
    """Write the page of a folder.

    Raises:
        ConfigError: The folder holds neither a dataset nor a run, or an option is wrong; nothing
            was written.
        CorruptShardError: A shard that is needed is damaged.
        PairgenError: The page cannot be written.
    """
    with trusted_by_user(given) as asked:
        resolved = sources_of(ReportConfig, asked).resolved()
        options, store = resolved.options, open_store(folder)
        if has_subsets(store):
            name = read_subsets(store).names[0]
            raise ConfigError(
                f"{store.url} holds sub-sets, and a page shows one: name one of them, such as "
                f"{store.url}/{name}."
            )
        is_set = has_plan(store)
        if not is_set and (page := _judged_page(store, resolved.origins)):
            say(f"{page.name} is written by the command that measured; it is not made again.")
            return Reported(page)
        target = _target(store, options.out)
        if is_set:
            text = set_page(store, options, say)
        elif isinstance(store, LocalStore) and store.exists(RUN_FILE):
            for name in resolved.origins:
                if name != "out":
                    told = f"{option_text(name)} must be left out"
                    raise ConfigError(f"{told}: {store.url} is a training run.")
            text = run_page(store.root)
        else:
            raise ConfigError(
                f"{store.url} holds neither a dataset, a training run, an evaluation nor a "
                "comparison."
            )
        write_page(target, text)
        return Reported(target)


def _judged_page(store: Store, given: Mapping[str, Any]) -> Path | None:
    """Return the page of an evaluation or a comparison; None if the folder is neither."""
    if not isinstance(store, LocalStore):
        return None
    for figures, command in JUDGED.items():
        if not store.exists(figures):
            continue
        if given:
            raise ConfigError(
                f"{option_text(next(iter(given)))} must be left out: the page of {store.url} is "
                f"made by {command}."
            )
        if not store.exists("index.html"):
            raise ConfigError(f"{store.url} has lost its index.html: run {command} again.")
        return store.root / "index.html"
    return None


def _target(store: Store, out: str) -> Path:
    """Return the file to write.

    Raises:
        ConfigError: It must be given, is not an HTML file, is not writable, or holds what pairgen
            did not make.
    """
    if not out and not isinstance(store, LocalStore):
        told = f"{option_text('out')} must be given, such as report.html"
        raise ConfigError(f"{told}, because {store.url} is a URL.")
    local = store.root / PAGE_FILE if isinstance(store, LocalStore) else Path(PAGE_FILE)
    path = Path(out).expanduser().absolute() if out else local
    if "://" in out or path.suffix.lower() not in (".html", ".htm") or path.is_dir():
        told = f"{option_text('out')} must be an .html file on this machine"
        raise ConfigError(f"{told}, got {out!r}.")
    LocalStore(path.parent).check_writable()
    if path.exists() and MARK not in path.read_bytes()[:4096]:
        raise ConfigError(
            f"{path} is a file that pairgen did not make: give another {option_text('out')}."
        )
    return path
