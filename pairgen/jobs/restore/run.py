"""`pairgen restore`: pictures to restored pictures."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pairgen.execution.progress import Progress
from pairgen.execution.run import check_executor, is_on_cluster, run_tasks, stop_on_signal
from pairgen.execution.say import Say, log
from pairgen.execution.scheduling.rules import Rules
from pairgen.execution.user_trust import trusts_user
from pairgen.image_recipe import ImageRecipe
from pairgen.jobs.restore.folder import begin, fingerprint_of, stands
from pairgen.jobs.restore.inputs import Pictures, identity_of, prompt_for, read_pictures
from pairgen.jobs.restore.names import check_apart, check_no_results
from pairgen.jobs.restore.options import RestoreConfig, RestorerOptions
from pairgen.jobs.restore.restorer import find_restorer
from pairgen.jobs.restore.worker import Outcome, PictureTask, RestoreJob
from pairgen.kinds.image_model import recipe_of
from pairgen.kinds.usual_dtype import say_dtype
from pairgen.model_config import defaults_of
from pairgen.resolution import sources_of
from pairgen.shards.format import layout
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.shown import Shown, ShownTable
from pairgen.sources.prompts import encode_rejected
from pairgen.trust import current_trust
from pairgen.types import ShardTask
from pairgen.wording import counted

STOPPING = "Stopping after the pictures in progress; press Ctrl-C again to stop now."
# Workers tell nothing while they restore a picture, and a large one takes much longer than usual.
UNEQUAL_TASKS = Rules(silence_floor=Rules.first_silence)


@dataclass(frozen=True, kw_only=True, repr=False)
class Restored(Shown):
    """How a run ended.

    Attributes:
        url: The output folder.
        num_pictures: Pictures that were given.
        num_made: Results made by this run.
        num_before: Results that stood before it.
        rejected: Pictures that cannot be restored, each with name and reason.
        interrupted: Whether the user stopped the run.
        too_many_rejected: Whether they exceed `max_rejected`.
        max_rejected: The share that may be rejected.
    """

    url: str
    num_pictures: int
    num_made: int
    num_before: int
    rejected: Sequence[Mapping[str, Any]]
    interrupted: bool
    too_many_rejected: bool
    max_rejected: float = 0.0

    def shown(self) -> ShownTable:
        """Return how many there are, and what was refused."""
        rows = [
            ("folder", self.url),
            ("made now", f"{self.num_made:,}"),
            ("made before", f"{self.num_before:,}"),
            *((f"refused {each['name']}", str(each["reason"])) for each in self.rejected),
        ]
        stopped = ", stopped" if self.interrupted else ""
        return ShownTable(f"Restored: {counted(self.num_pictures, 'picture')} given{stopped}", rows)


@trusts_user
def run_restore(given: Mapping[str, Any], say: Say = log) -> Restored:
    """Run `restore`, and report what it starts from."""
    config = sources_of(RestoreConfig, given).resolved().options
    on_cluster = is_on_cluster(config.executor, config.address)
    found = find_restorer(RestorerOptions(**config.restorer_options()), on_cluster)
    recipe, scale = recipe_of(found.model), found.options.scale
    identity = identity_of(config, found)
    store = open_store(config.out)
    check_apart(config.images, store)
    if isinstance(store, LocalStore):
        store.check_writable()
    check_executor(config)
    if scale != recipe.scale:
        say(
            f"{found.model.name} was trained to enlarge {recipe.scale} times: it is given pictures "
            f"enlarged {scale} times."
        )
    say_dtype(defaults_of(found.model).dtype, found.options.dtype, say, on_cluster)
    pictures = read_pictures(config, scale, recipe, say)
    check_no_results(pictures.files, store)
    begin(store, identity, pictures.results)
    store.remove_stale_spool()
    tasks = _tasks(pictures, config, recipe, fingerprint_of(identity))
    pending = [task for task in tasks if not _is_done(store, task)]
    num_before = len(tasks) - len(pending)
    say(
        f"{counted(len(pending), 'picture')} to enlarge {scale} times; {num_before:,} already "
        f"restored, {len(pictures.rejected):,} rejected{pictures.frames_text}."
    )
    job = RestoreJob(
        # A 0 that stands for what was not given is none of those that a call takes.
        options=found.options.plain(without=frozenset() if found.options.steps else {"steps"}),
        format=config.format,
        cpu_threads=config.cpu_threads,
        store_url=store.address,
        trust=current_trust(),
    )
    outcomes, interrupted = _run(job, pending, num_before, config)
    untagged = [each for each in outcomes if each.untagged]
    if untagged:
        say(
            f"No tags for {counted(len(untagged), 'picture')} or tiles of them, which have the "
            "student's "
            f"prompt; the first {untagged[0].image}: {untagged[0].untagged}."
        )
    failed = [{"image": each.image, "reason": each.reason} for each in outcomes if each.reason]
    rejected = [*pictures.rejected, *failed]
    if rejected:
        store.put_bytes(layout.REJECTED, encode_rejected(rejected))
    else:
        store.remove(layout.REJECTED)
    num_pictures = len(pictures.files) + len(pictures.rejected)
    return Restored(
        url=store.url,
        num_pictures=num_pictures,
        num_made=len(outcomes) - len(failed),
        num_before=num_before,
        rejected=rejected,
        interrupted=interrupted,
        too_many_rejected=len(rejected) > config.max_rejected * num_pictures,
        max_rejected=config.max_rejected,
    )


def _tasks(
    pictures: Pictures, config: RestoreConfig, recipe: ImageRecipe, fingerprint: str
) -> list[PictureTask]:
    return [
        PictureTask(
            shard_index=number,
            start=number,
            stop=number + 1,
            fingerprint=fingerprint,
            file=file,
            prompt=prompt_for(file, config, recipe),
            name=name,
        )
        for number, (file, name) in enumerate(zip(pictures.files, pictures.results, strict=True))
    ]


def _is_done(store: Store, task: PictureTask) -> bool:
    """Whether the result of a picture stands; only then is the picture itself read."""
    wanted = {"fingerprint": task.fingerprint, "image": task.file.name}
    if task.prompt is not None:
        # The tagger's follows from the picture and the fingerprint.
        wanted["prompt"] = task.prompt
    if not stands(store, task.name, wanted):
        return False
    try:
        sha256 = hashlib.sha256(task.file.read()).hexdigest()
    except OSError:
        # The worker reports it.
        return False
    return stands(store, task.name, {"image_sha256": sha256})


def _run(
    job: RestoreJob, pending: Sequence[PictureTask], num_before: int, config: RestoreConfig
) -> tuple[list[Outcome], bool]:
    """Restore pictures; return the outcomes, and whether the user interrupted."""
    progress = Progress(num_before + len(pending), num_before, unit="pictures")
    events = _Events(progress, num_before)
    if not pending:
        return [], False
    try:
        with stop_on_signal(events, STOPPING, config.grace) as stop:
            run_tasks(job, pending, config, events, stop, UNEQUAL_TASKS)
    finally:
        progress.close()
    # A stop that was requested during the last picture changes nothing.
    return events.outcomes, stop.is_set() and len(events.outcomes) < len(pending)


class _Events:
    """Collects the outcomes that executors report, and shows progress."""

    def __init__(self, progress: Progress, num_before: int) -> None:
        self._progress, self._num_before = progress, num_before
        self.outcomes: list[Outcome] = []

    def started(self, worker: str, task: ShardTask) -> None:
        """A worker took a picture."""

    def advanced(self, worker: str, num_done: int) -> None:
        """A worker reports progress within a picture."""

    def finished(self, worker: str, result: Outcome) -> None:
        """A worker has restored or refused a picture."""
        del worker
        self.outcomes.append(result)
        self._progress.reached(self._num_before + len(self.outcomes))

    def uploading(self, worker: str, task: ShardTask) -> None:
        """Pictures are not uploaded."""

    def upload_ended(self, worker: str, task: ShardTask) -> None:
        """Pictures are not uploaded."""

    def lost(self, worker: str, reason: str) -> None:
        """A worker died; its picture goes to another worker."""
        self._progress.lost(worker, reason)

    def ended(self, worker: str) -> None:
        """A worker ended its task without a result."""

    def note(self, message: str) -> None:
        """Print a message for the user."""
        self._progress.note(message)
