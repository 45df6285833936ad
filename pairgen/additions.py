"""What a set of images gains after it was begun."""

from dataclasses import asdict, dataclass
from typing import Any

from pairgen.wording import counted


@dataclass(frozen=True, kw_only=True)
class Addition:
    """What a set of images has gained: more images, or more samples of those that it had.

    Attributes:
        first_slot: Its first slot; its slots go on to the next addition, or to the end of the set.
        first_row: Row of its first image, among all images of the set.
        num_inputs: Number of its images.
        samples_per_image: Number of samples of each; 0 for as many as it has tiles.
        first_number: Number of its first sample of each image, among all samples of the image.
        sha256: Hash of its images, as that of `Plan.source`; empty if the set had them.
        name: Where they come from; empty if the set had them. Not part of the identity.
        list_sha256: SHA-256 of the file of their list, if known. Not part of the identity.
    """

    first_slot: int
    first_row: int
    num_inputs: int
    samples_per_image: int
    first_number: int = 0
    sha256: str = ""
    name: str = ""
    list_sha256: str = ""

    @property
    def has_list(self) -> bool:
        """Whether its images have a list of their own."""
        return bool(self.sha256)

    @property
    def told(self) -> str:
        """What was gained, in words."""
        if self.first_number:
            more = counted(self.samples_per_image, "more sample")
            return f"then {more} of each of {counted(self.num_inputs, 'image')}"
        new = counted(self.num_inputs, "new image")
        return f"then {new} from {self.name}" if self.name else f"then {new}"

    def identity(self) -> dict[str, Any]:
        """Return what defines its samples."""
        return {name: each for name, each in asdict(self).items() if name not in _TOLD}

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, without texts that are empty."""
        return {name: each for name, each in asdict(self).items() if each != ""}


# What is known of an addition and does not define it.
_TOLD = ("name", "list_sha256")
