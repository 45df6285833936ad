"""Which stored tensors of images, which could be computed anew, a student can work with."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pairgen import plugins
from pairgen.shards.format.overlay import KIND
from pairgen.shards.loading.whole_image import depends_on_encoder, describes_whole_image

if TYPE_CHECKING:
    from pairgen.training.offered import OfferedSet

# By whatever model the user chose: what a discriminator judges images by.
EMBEDDINGS = ("clip_text.npy", "dino_cls.npy")


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

    reasons = {}
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
                elif not is_embedding and (
                    plan.teacher.get("module") != start["module"]
                    or plan.teacher.get("identity") != own_vae()
                ):
                    reasons[member] = (
                        f"the {member} of {url} is by {plan.teacher.get('name', 'none')}, whose "
                        f"VAE is not known to be that of {start['name']}"
                    )
    return reasons


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
