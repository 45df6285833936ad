"""Methods: how a student learns from a dataset. One file each; the guide is in `base.py`."""

from collections.abc import Iterable

# `pairgen train` trains it too; it is no member, as it makes a perceptual network and no student.
LATENT_LPIPS = "latent-lpips"


def shown_name(member: str) -> str:
    """Return the name of a method as users see and give it: `yonos-decoder`, not its file's."""
    return member.replace("_", "-")


def shown_names(members: Iterable[str]) -> list[str]:
    """Return what a user may give as METHOD, sorted: one list for help, errors and tables.

    Args:
        members: Names of the files in this folder.
    """
    return sorted([*map(shown_name, members), LATENT_LPIPS])
