"""Which command gives samples a member or a column: for messages, so that each says what to do."""

import re
import shlex
from collections.abc import Sequence

from pairgen.shards.overlays.annotations import overlay_address
from pairgen.types import Plan
from pairgen.wording import command_text

DIR, MODEL = "DIR", "MODEL"
# In the place of the model that encodes, which most sets of `pairgen ode` need not be told.
ENCODER = " ENCODER"
# Pattern of the name, and the command; `{0}` is its first group. A model is named where no set can
# have been made with one of its kind.
_ADDED = (
    (r"(txt|pooled)_emb\.npy", f"pairgen annotate {DIR} --add text_embedding{ENCODER}"),
    (r"latent\.npy", f"pairgen annotate {DIR} --add latent{ENCODER}"),
    (r"(lr\d+)_latent\.npy", f"pairgen annotate {DIR} --add latent --set levels={{0}}{ENCODER}"),
    (r"moments\.npy", f"pairgen annotate {DIR} --add moments{ENCODER}"),
    (r"(lr\d+)_moments\.npy", f"pairgen annotate {DIR} --add moments --set levels={{0}}{ENCODER}"),
    (r"(canny|sketch|mask)\.png", f"pairgen annotate {DIR} --add {{0}}"),
    (r"seg\.png", f"pairgen annotate {DIR} --add segmentation --model MODEL"),
    (
        r"clip_image\.npy|clip_text\.npy|clip_score",
        f"pairgen annotate {DIR} --add clip --model MODEL",
    ),
    (r"dino_cls\.npy", f"pairgen annotate {DIR} --add dino --model MODEL"),
    (r"depth\.png|depth_(low|high)", f"pairgen annotate {DIR} --add depth --model MODEL"),
    (r"mask_share", f"pairgen annotate {DIR} --add mask"),
    (r"sharpness", f"pairgen annotate {DIR} --add sharpness"),
    (r"aesthetic", f"pairgen annotate {DIR} --add aesthetic --model MODEL --set head=FILE"),
    (r"txt|caption\.txt", f"pairgen annotate {DIR} --add caption --model MODEL"),
    (r"tag\.txt", f"pairgen annotate {DIR} --add tags --set table=FILE"),
)
# Decoded from the end points of a set of pairs, together with HR.
_DECODED = ((r"lr(\d+)\.png", f"pairgen degrade --from-ode {DIR} --overlay --scales {{0}}"),)
# What no overlay can add: it comes with the dataset.
_MADE = (
    (r"noise\.npy", "pairgen ode"),
    (r"path\.npy", "pairgen ode --trajectory T,..."),
    (r"guidance_scale", "pairgen ode"),
    (r"lr(\d+)\.png", "pairgen degrade --scales {0}"),
    (r"png|jpg|webp|cls", "pairgen collect"),
    (r"src\.png", "pairgen collect --edit-triples FILE"),
    (r"txt", "pairgen collect --captions FILE"),
)
# What every dataset of a kind has.
_OWN = {"ode": ("noise.npy", "latent.npy", "txt"), "degrade": ("png",), "collect": ()}


def adding_command(name: str, folder: str = DIR, model: str = "") -> str:
    """Return the command that adds a member or a column to a dataset; empty if none is known.

    Args:
        name: The member or column.
        folder: The dataset.
        model: The model that encodes, see `encoder_of`; empty for the dataset's teacher.
    """
    given = {DIR: shlex.quote(folder), ENCODER: f" --model {shlex.quote(model)}" if model else ""}
    return re.sub(f"{DIR}|{ENCODER}", lambda found: given[found[0]], _first(name, _ADDED))


def decoding_command(name: str, folder: str = DIR) -> str:
    """Return the command that adds LR, and HR with it, to a set of pairs; empty for other members.

    Args:
        name: The member.
        folder: The set, made by `pairgen ode`.
    """
    return _first(name, _DECODED).replace(DIR, shlex.quote(folder))


def encoder_of(plan: Plan, model: str = "") -> str:
    """Return the model that must be named to encode a dataset; empty for its own teacher.

    Args:
        plan: The plan of the dataset.
        model: The model that the user gave; empty for none.
    """
    return model or ("" if plan.teacher else MODEL)


def making_command(name: str, kinds: Sequence[str] = ()) -> str:
    """Return the command that makes datasets with a member or column; empty if none is known.

    Args:
        name: The member or column.
        kinds: The only kinds of datasets that count; () for any.
    """
    own = next((f"pairgen {kind}" for kind in kinds if name in _OWN.get(kind, ())), "")
    return own or _first(name, _MADE)


def continuing_command(parent: str, overlay: str, plan: Plan) -> str:
    """Return the command that finishes an overlay; empty if it is no command of pairgen.

    Options need not be repeated: the overlay's plan remembers them.

    Args:
        parent: URL of its parent.
        overlay: URL of the overlay.
        plan: The overlay's plan.
    """
    if annotator := plan.recipe.get("annotator"):
        command = command_text("pairgen", "annotate", parent, "--add", annotator)
        name = annotator.rpartition(".")[2]
    elif plan.recipe.get("maker") == "degrade":
        command, name = (
            command_text("pairgen", "degrade", "--from-ode", parent, "--overlay"),
            "degraded",
        )
    else:
        return ""
    is_found = overlay == overlay_address(parent, name)
    return command if is_found else f"{command} {command_text('--out', overlay)}"


def _first(name: str, table: tuple[tuple[str, str], ...]) -> str:
    for pattern, command in table:
        if found := re.fullmatch(pattern, name):
            return command.format(*found.groups())
    return ""
