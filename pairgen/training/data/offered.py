"""The members that the datasets of a training and their annotations offer to its method."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pairgen import plugins
from pairgen.config import local_path
from pairgen.errors import ConfigError, CorruptShardError, TeacherLoadError
from pairgen.shards.format.image_member import is_image
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.loading.training_set import TrainingSet, open_set
from pairgen.shards.overlays.annotations import find_annotations
from pairgen.shards.storage.store import Store, open_store
from pairgen.teachers.base import Description
from pairgen.training.data.stored_latents import EMBEDDINGS, unusable_latents, usable_latents
from pairgen.types import Plan

TEXT = "txt"
EMBEDDING = "_emb.npy"
# What a plan says of a model that can be found again.
NAMED = {"identity", "location", "options"}


@dataclass(frozen=True)
class OfferedSet:
    """One dataset and the plans of the overlays in its annotations.

    Attributes:
        url: Where it lies, as given.
        plan: Its plan.
        overlays: URL and plan of each overlay that is found without being named.
    """

    url: str
    plan: Plan
    overlays: Sequence[tuple[str, Plan]] = ()

    @property
    def members(self) -> dict[str, Any]:
        """Every member with dtype and shape; the dataset's own come first."""
        found: dict[str, Any] = {}
        for plan in (self.plan, *(plan for _, plan in self.overlays)):
            found = {**plan.members, **found}
        return found

    def holders(self, member: str) -> list[tuple[str, Plan]]:
        """Return who has a member: the dataset alone if it does, else the overlays that do."""
        if member in self.plan.members:
            return [(self.url, self.plan)]
        return [(url, plan) for url, plan in self.overlays if member in plan.members]


@dataclass(frozen=True)
class Offered:
    """What a method may read.

    Attributes:
        members: Members that all datasets offer, with dtype and shape. Embeddings of prompts are
            among them only if they are those of the student's text encoder, for every sample;
            latents and moments of images only if they are by its VAE, of the images as they are
            loaded.
        used: Where these embeddings lie; empty for nowhere.
        unused: Why stored embeddings are not used, as a sentence; empty if there are none.
        encoded: Why stored latents and embeddings of images are not used: member to the reason.
        stored: Where those lie that may be used: member to their places.
    """

    members: Mapping[str, Any]
    used: str = ""
    unused: str = ""
    encoded: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)

    def about(self, fields: Collection[str], stated: Collection[str]) -> str:
        """Return which stored tensors a method uses, or why not; empty for nothing to say.

        Args:
            fields: Members that it reads.
            stated: Members that it states it could read.
        """
        if self.used and TEXT not in fields and self.members.keys() & {*fields}:
            texts = self.used
        else:
            texts = self.unused if TEXT in fields else ""
        used = [name for name in self.stored if name in fields]
        places = dict.fromkeys(self.stored[name] for name in used)
        read = f"Latents are read as {' and '.join(used)} from {' and '.join(places)}, not encoded."
        reasons = {name: why for name, why in self.encoded.items() if name in stated}
        embeddings = [reasons.pop(name) for name in EMBEDDINGS if name in reasons]
        # Nothing is encoded without a picture.
        latents = list(reasons.values()) if any(map(is_image, fields)) else []
        images = f"Images are encoded anew: {latents[0]}." if latents else ""
        embedded = f"Embeddings are computed anew: {embeddings[0]}." if embeddings else ""
        return " ".join(filter(None, (texts, images, embedded, read if used else "")))


def open_offered(urls: Sequence[str], plans: Sequence[Plan]) -> list[OfferedSet]:
    """Read the plans of the overlays beside each dataset; those of other datasets are left out."""
    found = []
    for url, plan in zip(urls, plans, strict=True):
        # Overlays name what the set began with: it may have grown since, and they with it.
        own = plan.origin
        beside = [(each.url, _plan_of(each)) for each in find_annotations(open_store(url))]
        overlays = [(name, its) for name, its in beside if its and its.recipe.get("parent") == own]
        found.append(OfferedSet(url, plan, overlays))
    return found


def _plan_of(overlay: Store) -> Plan | None:
    """Return the plan of an overlay; None if it cannot be read, so that it offers nothing."""
    try:
        return read_plan(overlay)
    except ConfigError:
        return None


def plans_with(sets: Sequence[OfferedSet], member: str) -> tuple[Plan, ...]:
    """Return the plans, of datasets or of overlays beside them, that hold a member."""
    return tuple(plan for each in sets for _, plan in each.holders(member))


def common_members(sets: Sequence[OfferedSet]) -> dict[str, Any]:
    """Return the members that all datasets offer alike."""
    first, *others = (each.members for each in sets)
    return {
        name: spec
        for name, spec in first.items()
        if all(other.get(name) == spec for other in others) and name != "json"
    }


def offer_members(
    sets: Sequence[OfferedSet],
    start: Mapping[str, Any],
    skip_bad: bool,
    begun_with: Collection[str] | None,
    changes: str,
) -> Offered:
    """Find what a method may read, and whether stored tensors are by the student's encoders.

    Args:
        sets: The datasets.
        start: The model that the student starts from, as `find_start` returns it.
        skip_bad: Whether the training leaves out bad shards.
        begun_with: For a run that continues, the fingerprints of what it reads; else None.
        changes: Options that change the images, see `changes_of_images`.

    Raises:
        TeacherLoadError: The model cannot be described.
    """
    members = common_members(sets)
    unusable = unusable_latents(sets, start, begun_with, changes)
    members = {name: spec for name, spec in members.items() if name not in unusable}
    found = _offer_embeddings(sets, members, start, skip_bad, begun_with)
    return replace(found, encoded=unusable, stored=usable_latents(sets, members))


def _offer_embeddings(
    sets: Sequence[OfferedSet],
    members: Mapping[str, Any],
    start: Mapping[str, Any],
    skip_bad: bool,
    begun_with: Collection[str] | None,
) -> Offered:
    """Return what `offer_members` returns, as far as embeddings of prompts go."""
    encoder = TextEncoder(start)
    # Describing a model hashes its weights, which takes seconds.
    if not any(name.endswith(EMBEDDING) for each in sets for name in each.members):
        return Offered(members)
    if not {name for each in sets for name in each.members} & encoder.members.keys():
        return Offered(members)
    for each in sets:
        reason = _why_not(each, encoder, skip_bad, begun_with)
        if reason:
            kept = {name: spec for name, spec in members.items() if name not in encoder.members}
            return Offered(kept, unused=f"Prompts are encoded anew: {reason}.")
    names = " and ".join(encoder.members)
    holders = [each.holders(name) for each in sets for name in encoder.members]
    urls = " and ".join(dict.fromkeys(url for ((url, _),) in holders))
    return Offered(members, used=f"Prompts are read as {names} from {urls}, not encoded.")


class TextEncoder:
    """The text encoders of the model that a student starts from.

    Args:
        start: The model.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        self.start = start

    @cached_property
    def described(self) -> Description:
        """The model, found without its weights."""
        found: Description = plugins.call(
            "teachers", self.start["module"], "describe", **_where(self.start)
        )
        return found

    @cached_property
    def members(self) -> dict[str, Any]:
        """Members that hold its embeddings, with their shapes."""
        shapes = self.described.embedding_shapes
        return {f"{name}.npy": list(shape) for name, shape in shapes.items()}

    def made(self, plan: Plan) -> bool:
        """Whether it is the model, or has the text encoders, that a plan's embeddings are from."""
        teacher = plan.teacher
        if teacher.get("module") != self.start["module"]:
            return False
        return teacher.get("identity") == self.described.identity or self._is_like(teacher)

    def _is_like(self, teacher: Mapping[str, Any]) -> bool:
        """Whether another model, in a local folder as the plan says, has the same text encoders."""
        module = plugins.load("teachers", self.start["module"])
        if not hasattr(module, "describe_text_encoder") or not teacher.keys() >= NAMED:
            return False
        # Two versions of a hub id are told apart by their commits alone; and no dataset makes
        # a training ask the hub for something.
        if not local_path(teacher["location"]).is_dir():
            return False
        try:
            if module.describe(**_where(teacher)).identity != teacher["identity"]:
                return False
            there = module.describe_text_encoder(**_where(teacher))
        except (ConfigError, TeacherLoadError):
            return False
        return bool(there == module.describe_text_encoder(**_where(self.start)))


def _where(teacher: Mapping[str, Any]) -> dict[str, Any]:
    return {"location": teacher["location"], **teacher["options"]}


def _why_not(
    offered: OfferedSet, encoder: TextEncoder, skip_bad: bool, begun_with: Collection[str] | None
) -> str:
    """Return why the embeddings of a dataset are not used, as part of a sentence; else empty."""
    for member, shape in encoder.members.items():
        holders = offered.holders(member)
        if not holders:
            return f"{offered.url} has no {member}"
        if len(holders) > 1:
            return f"{member} is in {' and in '.join(url for url, _ in holders)}"
        ((url, plan),) = holders
        if begun_with is not None and plan.fingerprint() not in begun_with:
            return f"the run began without the {member} of {url}"
        if not encoder.made(plan):
            theirs, mine = plan.teacher.get("name", "none"), encoder.start["name"]
            return (
                f"the {member} of {url} is by {theirs}, whose text encoder is not known to be that "
                f"of {mine}"
            )
        if plan.members[member].get("shape") != shape:
            return f"the {member} of {url} is not of the shape {shape}"
    if all(url == offered.url for m in encoder.members for url, _ in offered.holders(m)):
        return ""
    try:
        found = open_set(TrainingSet(offered.url), None, skip_bad, tuple(encoder.members))
    except (ConfigError, CorruptShardError) as error:
        return str(error).rstrip(".")
    return "" if found.left_out is None else found.left_out.lack
