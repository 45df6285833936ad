"""A teacher's samples as images: the latents of an ODE set, decoded when they are read.

Every stored sample is one image, named by its tar and key; its caption is the prompt. The plan of
what is made from them holds the decoder where an ODE set's plan holds its teacher.
"""

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen import plugins
from pairgen.errors import ConfigError, CorruptShardError, TeacherLoadError
from pairgen.kinds.decode import ROUNDING, NotFinitePictureError, decode_picture, load_decoder
from pairgen.process_state import cpu_threads
from pairgen.shards.format import layout
from pairgen.shards.format.codec import decode_array
from pairgen.shards.format.local_store import LocalStore
from pairgen.shards.format.manifest import scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.reader import map_file, read_members
from pairgen.shards.format.store import open_store
from pairgen.shards.format.writer import BLOCK
from pairgen.sources.image_files import ImageFile
from pairgen.sources.photographs import ImageSize, UnusableImageError
from pairgen.teachers.base import DecoderDescription
from pairgen.types import Manifest, Plan, Receipt

LATENT = "latent.npy"


@dataclass(frozen=True)
class DecodedSamples:
    """A finished ODE set and what shows its latents.

    Attributes:
        store: The set's folder.
        manifest: Of the set.
        teacher: The `teacher` of a plan that is made from these pictures. Its identity is that of
            the decoder, the fingerprint of the ODE set, and the rule of rounding.
        size: Of every picture.
    """

    store: LocalStore
    manifest: Manifest
    teacher: dict[str, Any]
    size: ImageSize

    @property
    def name(self) -> str:
        """Name of the folder."""
        return PurePath(self.store.url).name

    def files(self) -> Iterator[ImageFile]:
        """Yield the samples in order; every shard is hashed before its first is given.

        Raises:
            ConfigError: A shard is missing or is not what its receipt says.
        """
        for receipt in self.manifest.receipts:
            if receipt.count:
                yield from self._shard_files(receipt)

    def _shard_files(self, receipt: Receipt) -> list[ImageFile]:
        name = layout.shard_path(receipt.shard_index)
        path = self.store.root / name
        files, place, num_bytes = [], 0, 0
        try:
            with map_file(path) as view:
                if hashlib.sha256(view).hexdigest() != receipt.sha256:
                    raise CorruptShardError("its bytes are not those of its receipt")
                # Members are sorted: the latent of a key comes before its text.
                for member, offset, content in read_members(view):
                    key, _, extension = member.partition(".")
                    if extension == LATENT:
                        place, num_bytes = offset + BLOCK, len(content)
                    elif extension == "txt":
                        told, caption = f"{name}/{key}.{LATENT}", bytes(content).decode("utf-8")
                        files.append(
                            ImageFile(told, str(path), "tar", place, num_bytes, "", caption)
                        )
        except (CorruptShardError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(
                f"{name} of {self.store.url} cannot be used: {reason}; mend the set with `pairgen "
                f"repair {self.store.url}`."
            ) from None
        return files


def open_decoded_samples(folder: str) -> DecodedSamples:
    """Open an ODE set whose samples are to be images.

    Raises:
        ConfigError: It is no finished ODE set in a local folder.
        TeacherLoadError: Its teacher's decoder is not where the set's plan says.
    """
    store = open_store(folder)
    if not isinstance(store, LocalStore):
        raise ConfigError(f"from_ode must be a local folder, got {folder!r}.")
    plan = read_plan(store)
    if plan.kind != "ode":
        raise ConfigError(
            f"from_ode must be a dataset of kind 'ode', {store.url} is {plan.kind!r}."
        )
    manifest = scan(store, plan)
    if not manifest.complete:
        raise ConfigError(
            f"{store.url} has {len(manifest.receipts):,} of {plan.num_shards:,} shards: finish it "
            f"with `pairgen ode --out {store.url}` before its samples are used."
        )
    description = _describe(plan)
    height, width = description.size_px
    identity = {
        "decoder": dict(description.identity),
        "ode_fingerprint": plan.fingerprint(),
        "rounding": ROUNDING,
    }
    teacher = {**plan.teacher, "identity": identity}
    return DecodedSamples(store, manifest, teacher, ImageSize(width, height))


class LatentPictures:
    """Decodes the latents that a plan's images are; holds the decoder and nothing else.

    Args:
        plan: With the `teacher` of `DecodedSamples`.

    Raises:
        TeacherLoadError: The decoder cannot be loaded, or is not that of the plan.
    """

    def __init__(self, plan: Plan) -> None:
        check_decoder(plan)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._num_threads = plan.execution["cpu_threads"]
        self._decoder = load_decoder(plan.teacher, self.device)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Return the picture [H, W, 3] of the bytes of a `latent.npy`.

        Raises:
            UnusableImageError: They are no finite latent, or its picture is not finite.
        """
        try:
            # Thread counts change bits, and whoever calls need not be a worker.
            with cpu_threads(self._num_threads):
                return decode_picture(self._decoder, decode_array(data))
        except (ValueError, NotFinitePictureError) as error:
            raise UnusableImageError(f"cannot be decoded: {error}") from None


def check_decoder(plan: Plan) -> None:
    """Refuse another decoder than the planned one; loads none.

    Raises:
        TeacherLoadError: It cannot be found, or is not that of the plan.
    """
    if dict(_describe(plan).identity) != plan.teacher["identity"]["decoder"]:
        raise TeacherLoadError(
            f"The decoder at {plan.teacher['location']} on {socket.gethostname()} is not that of "
            "the plan."
        )


def _describe(plan: Plan) -> DecoderDescription:
    options = {"location": plan.teacher["location"], **plan.teacher["options"]}
    described: DecoderDescription = plugins.call(
        "teachers", plan.teacher["module"], "describe_decoder", **options
    )
    return described
