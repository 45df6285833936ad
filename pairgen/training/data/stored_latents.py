"""Which stored tensors of images, which could be computed anew, a student can work with."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pairgen import plugins
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.loading.whole_image import depends_on_encoder, describes_whole_image
from pairgen.shards.overlays.overlay import KIND
from pairgen.types import Plan, canonical_json

if TYPE_CHECKING:
    from pairgen.training.data.offered import OfferedSet

# By whatever model the user chose: what a discriminator judges images by.
EMBEDDINGS = ("clip_text.npy", "dino_cls.npy")
# Made from the picture that the option `image` of their annotators names.
OF_PICTURE = ("latent.npy", "moments.npy", "dino_cls.npy")


def unusable_latents(
    sets: Sequence["OfferedSet"],
    start: Mapping[str, Any],
    begun_with: Collection[str] | None,
    changes: str,
) -> dict[str, str]:
    """Return the stored latents and embeddings that a method must not read: member to the reason.

    Args:
        sets: The datasets.
        start: The model that the student starts from, as `find_start` returns it.
        begun_with: For a run that continues, the fingerprints of what it reads; else None.
        changes: Options that change the images, see `changes_of_images`.

    Raises:
        TeacherLoadError: The model cannot be described.
    """

    @cache
    def own_vae() -> Mapping[str, Any]:
        where = {"location": start["location"], **start["options"]}
        found = plugins.call("teachers", start["module"], "describe_decoder", **where)
        return dict(found.identity)

    reasons = embeddings_apart(sets)
    for each in sets:
        for url, plan in each.overlays:
            for member in plan.members:
                is_embedding = member in EMBEDDINGS
                if not is_embedding and not depends_on_encoder(member, (KIND,)):
                    continue
                if begun_with is not None and plan.fingerprint() not in begun_with:
                    reasons[member] = f"the run began without the {member} of {url}"
                elif changes and describes_whole_image(member):
                    reasons[member] = f"the {member} of {url} is of whole images, without {changes}"
                elif other := _other_picture(member, plan, each):
                    reasons[member] = f"the {member} of {url} is of {other}, not of HR"
                elif not is_embedding and (
                    plan.teacher.get("module") != start["module"]
                    or plan.teacher.get("identity") != own_vae()
                ):
                    reasons[member] = (
                        f"the {member} of {url} is by {plan.teacher.get('name', 'none')}, whose "
                        f"VAE is not known to be that of {start['name']}"
                    )
    return reasons


def _other_picture(member: str, overlay: Plan, offered: "OfferedSet") -> str:
    """Return the picture that a member was made from, if that is not HR; else empty.

    Members of levels have names of their own; these are of HR unless the user chose otherwise.
    """
    if member not in OF_PICTURE:
        return ""
    has = offered.plan.members if {*PICTURES} & offered.plan.members.keys() else offered.members
    own = next((name for name in PICTURES if name in has), "")
    chosen = str(overlay.recipe.get("options", {}).get("image", ""))
    return "" if chosen == own else chosen


def embeddings_apart(sets: Sequence["OfferedSet"]) -> dict[str, str]:
    """Return the stored embeddings that do not belong together: member to the reason.

    Numbers of two models, or of HR and of LR, are of two spaces, whatever their shapes.
    """
    reasons = {}
    for member in EMBEDDINGS:
        found: dict[str, list[str]] = {}
        lacking = [each.url for each in sets if not each.holders(member)]
        for each in sets:
            for url, plan in each.holders(member):
                found.setdefault(canonical_json(_made_by(plan)), []).append(url)
        if found and lacking:
            reasons[member] = f"{' and '.join(lacking)} has no {member}"
        elif len(found) > 1:
            urls = " and ".join(url for urls in found.values() for url in urls)
            reasons[member] = f"the {member} of {urls} are made differently"
    return reasons


def _made_by(plan: Plan) -> dict[str, Any]:
    """Return what tells how an overlay's embeddings were made: by which model, with which options.

    That of a dataset itself is the dataset's own.
    """
    return {"model": plan.teacher.get("identity"), "options": plan.recipe.get("options")}


def usable_latents(sets: Sequence["OfferedSet"], members: Collection[str]) -> dict[str, str]:
    """Return which of some members are stored latents or moments of images: to where they lie."""
    found = {}
    for name in members:
        if not depends_on_encoder(name, (KIND,)):
            continue
        holders = [holder for each in sets for holder in each.holders(name)]
        if places := [url for url, plan in holders if plan.kind == KIND]:
            found[name] = " and ".join(places)
    return found
