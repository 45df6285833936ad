"""`pairgen push`: check a folder, compare it with a repository, and send what is new."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.push.address import DATASET, MODEL, Address, parse_address
from pairgen.jobs.push.content import Content, PushedFile, Standing
from pairgen.jobs.push.options import PushConfig
from pairgen.jobs.push.repository import Repository, UnaskedError, find_token
from pairgen.jobs.push.run_content import run_content
from pairgen.jobs.push.secrets import check_no_secrets
from pairgen.jobs.push.set_content import set_content
from pairgen.model_config import MODEL_FILE, RUN_FILE
from pairgen.resolution import sources_of
from pairgen.shards.format.plan_file import has_plan
from pairgen.shards.format.subsets import has_subsets
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import open_store
from pairgen.shown import Shown, ShownTable
from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.yaml_text import load_yaml
from pairgen.wording import counted, size_text

# Of one commit: the hub takes longer for more, and what was committed need not be sent again.
MAX_FILES, MAX_BYTES = 256, 20 * 1024**3


@dataclass(frozen=True, repr=False)
class Pushed(Shown):
    """The result of `pairgen push`.

    Attributes:
        url: The repository, `hf://...`.
        page: URL of its page.
        private: Whether it is private; of a dry run, what it is or would be.
        files: Sizes of the files that were sent, by their paths; of a dry run, those that would be.
        removed: Files that were removed, or would be.
        num_unchanged: Number of files that the repository held already.
        sent: Whether anything was done: not in a dry run.
        unasked: Of a dry run, why the hub could not be asked what it holds, so that `files` are all
            there are; empty if it was asked.
    """

    url: str
    page: str
    private: bool
    files: Mapping[str, int] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    num_unchanged: int = 0
    sent: bool = True
    unasked: str = ""

    @property
    def num_bytes(self) -> int:
        """Size of all files that were sent, or would be."""
        return sum(self.files.values())

    def shown(self) -> ShownTable:
        """Return what was sent, and where to."""
        title = f"{'Pushed' if self.sent else 'Not pushed'} to {self.url}"
        rows = [
            ("page", self.page),
            ("private", "yes" if self.private else "no"),
            ("files" if self.sent else "files to send", f"{len(self.files):,}"),
            ("size", size_text(self.num_bytes)),
            ("removed", f"{len(self.removed):,}"),
            ("unchanged", "unknown" if self.unasked else f"{self.num_unchanged:,}"),
        ]
        return ShownTable(title, rows)


def run_push(folder: str | Path, to: str, given: Mapping[str, Any], say: Say = log) -> Pushed:
    """Push a dataset or the student of a run.

    Raises:
        ConfigError: The folder cannot be pushed, the address is wrong, or the hub gives no access;
            what was committed before stands.
        PairgenError: The hub cannot be reached; a dry run lists all files then.
    """
    with trusted_by_user(given) as asked:
        options: PushConfig = sources_of(PushConfig, asked).resolved().options
        address, store = parse_address(to), _local(folder)
        is_set = _is_set(store)
        _check_kind(store, address, is_set)
        token = find_token()
        if not token and not options.dry_run:
            raise ConfigError(
                f"There is no token for {address.url}: set HF_TOKEN to one that may write, or log "
                "in with `hf auth login`."
            )
        content = set_content(store, options, say) if is_set else run_content(store.root, options)
        check_no_secrets(content.files, token)
        return _push(content, Repository(address, token), options, say)


def _push(content: Content, repository: Repository, options: PushConfig, say: Say) -> Pushed:
    url, unasked = repository.address.url, ""
    try:
        private = repository.is_private()
        standing = {} if private is None else repository.standing()
        _check_same(content, repository, standing)
    except UnaskedError as error:
        if not options.dry_run:
            raise
        # What is here can be told without the hub.
        private, standing, unasked = None, {}, error.why
    changed = content.changed(standing)
    removed = content.others(standing) if content.whole else []
    if options.public and private:
        say(f"{url} stays private: --public is for a new repository.")
    result = Pushed(
        url=url,
        page=repository.page,
        private=not options.public if private is None else private,
        files={each.path: each.num_bytes for each in changed},
        removed=tuple(removed),
        num_unchanged=len(content.files) - len(changed),
        sent=not options.dry_run,
        unasked=unasked,
    )
    if options.dry_run:
        return result
    if private is None:
        repository.create(options.public)
    progress = Progress(len(changed), 0, unit="files pushed")
    try:
        _send(repository, changed, removed, progress)
    finally:
        progress.close()
    return result


def _send(
    repository: Repository,
    changed: Sequence[PushedFile],
    removed: Sequence[str],
    progress: Progress,
) -> None:
    """Commit in parts; what has gone is removed with the last of them."""
    parts = list(_parts(changed)) or ([[]] if removed else [])
    num_done = 0
    for number, part in enumerate(parts, start=1):
        is_last = number == len(parts)
        of = f" (part {number} of {len(parts)})" if len(parts) > 1 else ""
        repository.commit(part, removed if is_last else (), f"Upload with pairgen push{of}")
        num_done += len(part)
        progress.reached(num_done)


def _parts(files: Sequence[PushedFile]) -> Iterator[list[PushedFile]]:
    """Yield the files of each commit, in order."""
    part: list[PushedFile] = []
    num_bytes = 0
    for each in files:
        if part and (len(part) == MAX_FILES or num_bytes + each.num_bytes > MAX_BYTES):
            yield part
            part, num_bytes = [], 0
        part.append(each)
        num_bytes += each.num_bytes
    if part:
        yield part


def _check_same(content: Content, repository: Repository, standing: Mapping[str, Standing]) -> None:
    """Raise ConfigError if a repository holds another dataset, or more of this one.

    Datasets would be mixed, and samples that are not here removed.
    """
    if content.plan is None:
        return
    url = repository.address.url
    if content.plan_path not in standing:
        if foreign := content.others(standing):
            raise ConfigError(
                f"{url} holds {foreign[0]}, which pairgen did not push: give another repository."
            )
        return
    plan = _plan_in(repository.read(content.plan_path))
    fingerprint, here = str(plan.get("fingerprint")), content.plan.fingerprint()
    if fingerprint not in content.plan.fingerprints():
        raise ConfigError(
            f"{url} holds another dataset (fingerprint {fingerprint[:12]}, not {here[:12]}): give "
            "another repository."
        )
    num_samples = plan.get("num_samples")
    if isinstance(num_samples, int) and num_samples > content.plan.num_samples:
        raise ConfigError(
            f"{url} holds {counted(num_samples, 'sample')} of this dataset, more than the "
            f"{content.plan.num_samples:,} here: push the larger one."
        )


def _plan_in(data: bytes) -> Mapping[str, Any]:
    """Return the plan in a file of a repository; an empty one if it cannot be read."""
    try:
        found = load_yaml(data)
    except MalformedError:
        return {}
    plan = found.get("plan", found) if isinstance(found, dict) else {}
    return plan if isinstance(plan, dict) else {}


def _local(folder: str | Path) -> LocalStore:
    store = open_store(folder)
    if not isinstance(store, LocalStore):
        raise ConfigError(f"push takes a folder on this machine, got {store.url}: copy it first.")
    return store


def _is_set(store: LocalStore) -> bool:
    """Whether a folder is a dataset, not a run.

    Raises:
        ConfigError: It is neither.
    """
    if has_plan(store) or has_subsets(store):
        return True
    if store.exists(MODEL_FILE) or store.exists(RUN_FILE):
        return False
    raise ConfigError(f"{store.url} holds neither a dataset nor a training run.")


def _check_kind(store: LocalStore, address: Address, is_set: bool) -> None:
    if is_set and address.repo_type != DATASET:
        raise ConfigError(
            f"{store.url} is a dataset: push it to hf://datasets/{address.repo_id}, not "
            f"{address.url}."
        )
    if not is_set and address.repo_type != MODEL:
        raise ConfigError(
            f"{store.url} is a training run: push it to hf://{address.repo_id}, not {address.url}."
        )
