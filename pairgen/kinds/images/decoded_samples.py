"""A teacher's samples as images: the latents of an ODE dataset, decoded when they are read.

Every stored sample is one image, named by its tar and key; its caption is the prompt. The plan of
a dataset made from them holds the decoder where an ODE dataset's plan holds its teacher.
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
from pairgen.option_names import option_text
from pairgen.process_state import cpu_threads
from pairgen.receipts import Manifest, Receipt
from pairgen.shards.format import layout
from pairgen.shards.format.codec import decode_array
from pairgen.shards.format.manifest import scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.reader import map_file, read_members
from pairgen.shards.format.writer import BLOCK
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.sources.image_file import ImageFile
from pairgen.sources.photographs import ImageSize, UnusableImageError
from pairgen.teachers.base import DecoderDescription
from pairgen.types import Plan
from pairgen.wording import command_text

LATENT = "latent.npy"


@dataclass(frozen=True)
class Decoded:
    """What the latents of an ODE dataset decode to, and what decodes them.

    Attributes:
        teacher: The `teacher` of a plan that uses these images. Its identity consists of the
            decoder's identity, the fingerprint of the ODE dataset, and the rounding rule.
        size: The size of every image.
    """

    teacher: dict[str, Any]
    size: ImageSize


@dataclass(frozen=True)
class DecodedSamples(Decoded):
    """A finished ODE dataset and the decoder of its latents.

    Attributes:
        store: The dataset folder.
        manifest: The dataset's manifest.
    """

    store: LocalStore
    manifest: Manifest

    @property
    def name(self) -> str:
        """Name of the folder."""
        return PurePath(self.store.url).name

    def files(self) -> Iterator[ImageFile]:
        """Yield the samples in order; each shard is hashed before its first sample.

        Raises:
            ConfigError: A shard is missing or does not match its receipt.
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
                        shown, caption = f"{name}/{key}.{LATENT}", bytes(content).decode("utf-8")
                        files.append(
                            ImageFile(shown, str(path), "tar", place, num_bytes, "", caption)
                        )
        except (CorruptShardError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(
                f"{name} of {self.store.url} cannot be used: {reason}; repair the dataset with "
                f"`{command_text('pairgen', 'repair', self.store.url)}`."
            ) from None
        return files


def open_decoded_samples(folder: str) -> DecodedSamples:
    """Open an ODE dataset whose samples are used as images.

    Raises:
        ConfigError: The folder is not local or holds no finished ODE dataset.
        TeacherLoadError: The teacher's decoder is not where the dataset's plan says.
    """
    store = open_store(folder)
    if not isinstance(store, LocalStore):
        raise ConfigError(f"{option_text('from_ode')} must be a local folder, got {folder!r}.")
    plan = read_plan(store)
    check_ode(plan, store)
    manifest = scan(store, plan)
    if not manifest.complete:
        raise ConfigError(
            f"{store.url} has {len(manifest.receipts):,} of {plan.num_shards:,} shards: finish it "
            f"with `{command_text('pairgen', 'ode', '--out', store.url)}` before you use its "
            "samples."
        )
    decoded = describe_decoded(plan)
    return DecodedSamples(decoded.teacher, decoded.size, store, manifest)


def check_ode(plan: Plan, store: Store) -> None:
    """Refuse a set that `pairgen ode` has not made.

    Raises:
        ConfigError: It is of another kind.
    """
    if plan.kind != "ode":
        raise ConfigError(
            f"{option_text('from_ode')} must be a dataset of kind 'ode', but {store.url} is of "
            f"kind {plan.kind!r}."
        )


def describe_decoded(plan: Plan) -> Decoded:
    """Describe the images of an ODE dataset, without loading its decoder.

    Raises:
        TeacherLoadError: The teacher's decoder is not where the dataset's plan says.
    """
    description = _describe(plan)
    height, width = description.size_px
    identity = {
        "decoder": dict(description.identity),
        "ode_fingerprint": plan.fingerprint(),
        "rounding": ROUNDING,
    }
    return Decoded({**plan.teacher, "identity": identity}, ImageSize(width, height))


class LatentPictures:
    """Decodes the latents that a plan uses as images; holds only the decoder.

    Args:
        plan: A plan with the `teacher` of `DecodedSamples`.

    Raises:
        TeacherLoadError: The decoder cannot be loaded, or does not match the plan.
    """

    def __init__(self, plan: Plan) -> None:
        check_decoder(plan)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._num_threads = plan.execution["cpu_threads"]
        self._decoder = load_decoder(plan.teacher, self.device)

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """Decode the bytes of a `latent.npy` to an image [H, W, 3].

        Raises:
            UnusableImageError: The bytes are not a finite latent, or its image is not finite.
        """
        try:
            # Thread counts change bits, and the caller is not always a worker.
            with cpu_threads(self._num_threads):
                return decode_picture(self._decoder, decode_array(data))
        except (ValueError, NotFinitePictureError) as error:
            raise UnusableImageError(f"cannot be decoded: {error}") from None


def check_decoder(plan: Plan) -> None:
    """Check that the decoder is the planned one, without loading it.

    Raises:
        TeacherLoadError: The decoder cannot be found, or does not match the plan.
    """
    if dict(_describe(plan).identity) != plan.teacher["identity"]["decoder"]:
        raise TeacherLoadError(
            f"The decoder at {plan.teacher['location']} on {socket.gethostname()} does not match "
            "the plan."
        )


def _describe(plan: Plan) -> DecoderDescription:
    options = {"location": plan.teacher["location"], **plan.teacher["options"]}
    described: DecoderDescription = plugins.call(
        "teachers", plan.teacher["module"], "describe_decoder", **options
    )
    return described
