"""The records that pairgen passes around: what to make, and a sample that was made.

All are frozen and convert to plain JSON and back. Nothing here reads a file or imports torch.
"""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pairgen.additions import Addition
from pairgen.shown import Shown, ShownTable

FORMAT_VERSION = 1
# Names of the inputs, by kind of dataset.
INPUT_NAMES = {"ode": "prompts", "degrade": "images", "collect": "images"}

# The content of a sample's member: an array (`.npy`), encoded bytes (`png`, `jpg`), or text.
Field = np.ndarray | bytes | str
Facts = Mapping[str, Any]


def canonical_json(value: Any) -> str:
    """Return the canonical JSON of `value`: sorted keys, no spaces, unescaped UTF-8.

    Raises:
        ValueError: `value` contains NaN or infinity.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


@dataclass(frozen=True, kw_only=True)
class ShardTask:
    """A range of slots that becomes one tar. Cheap to send, safe to repeat.

    Attributes:
        shard_index: Number of the shard; its file is `train/{shard_index:05d}.tar`.
        start: First slot.
        stop: One past the last slot.
        fingerprint: Fingerprint of the plan that the task belongs to, as it was when it had `stop`
            samples.
        parent_sha256: SHA-256 of the parent's shard, for an overlay.
        earlier: (number of samples, fingerprint) of the plan before each addition that begins
            within the shard.
    """

    shard_index: int
    start: int
    stop: int
    fingerprint: str
    parent_sha256: str = ""
    earlier: tuple[tuple[int, str], ...] = ()

    @property
    def num_slots(self) -> int:
        """Number of slots in the task."""
        return self.stop - self.start

    def shortened(self, stop: int) -> "ShardTask":
        """Return the task of this shard when the set had `stop` samples, fewer than now."""
        known = [fingerprint for num, fingerprint in self.earlier if stop <= num]
        fingerprint = known[0] if known else self.fingerprint
        return replace(self, stop=stop, fingerprint=fingerprint, earlier=())


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan(Shown):
    """The definition of a dataset. Equal fingerprints mean the same sample in every slot.

    Attributes:
        kind: The job that makes the dataset: `ode`, `degrade`, `collect`; `overlay` for added
            members.
        seed: Seed of the dataset, in [0, 2^63).
        num_samples: Number of slots; can grow later, so it is not part of the identity.
        samples_per_shard: Slots per shard; fixed by the folder.
        source: The source of the inputs. Only its `sha256`, `num_inputs` and `additions` are part
            of the identity; the last are what the set has gained, see `Addition`.
        teacher: The model that makes the samples, or decodes the images of a degraded dataset (else
            empty): `module` and `identity` are part of the identity; `name`, `location` and
            `options` say how this machine finds it.
        recipe: How a sample is made: solver, times, guidance scales ...
        members: Mapping from extension to {dtype, shape}, for every member of a sample; for `cls`,
            the classes.
        execution: What the bits depend on: batch_size, dtype, cpu_threads, compile. Not part of the
            identity; every receipt records its own.
        resolved: Derived values, for readers: the times that are actually visited. Not part of the
            identity, because their last digit may depend on the machine.
        code: The user's own modules that make the samples, see `pairgen.own_code.record`; empty
            for pairgen's own parts. Not part of the identity; every receipt records its own.
    """

    kind: str
    seed: int
    num_samples: int
    samples_per_shard: int
    source: Mapping[str, Any]
    teacher: Mapping[str, Any]
    recipe: Mapping[str, Any]
    members: Mapping[str, Any]
    execution: Mapping[str, Any]
    resolved: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def additions(self) -> tuple[Addition, ...]:
        """What the set has gained, in order; empty for most."""
        return tuple(Addition(**each) for each in self.source.get("additions", ()))

    @cached_property
    def listed_additions(self) -> tuple[Addition, ...]:
        """The additions whose images have a list of their own, in order."""
        return tuple(each for each in self.additions if each.has_list)

    def identity(self, num_samples: int | None = None) -> dict[str, Any]:
        """Return what defines a sample, from which the fingerprint is computed.

        Args:
            num_samples: Without the additions behind so many samples; None for all.
        """
        additions = [
            each.identity()
            for each in self.additions
            if num_samples is None or each.first_slot < num_samples
        ]
        return self._identity_with(additions)

    def _identity_with(self, additions: list[dict[str, Any]]) -> dict[str, Any]:
        local = ("name", "location", "options")
        teacher = {key: value for key, value in self.teacher.items() if key not in local}
        return {
            "format_version": FORMAT_VERSION,
            "kind": self.kind,
            "seed": self.seed,
            "source": {
                **{key: self.source[key] for key in ("sha256", "num_inputs")},
                **({"additions": additions} if additions else {}),
            },
            "teacher": teacher,
            "recipe": dict(self.recipe),
            "members": dict(self.members),
        }

    def fingerprint(self, num_samples: int | None = None) -> str:
        """Return the SHA-256 of the identity, 64 hex digits.

        Args:
            num_samples: As it was when the set had so many samples; None for all.
        """
        return _fingerprint_of(self.identity(num_samples))

    def fingerprints(self) -> tuple[str, ...]:
        """Return the fingerprint as it was before each addition, and the present one."""
        return self._fingerprints

    @cached_property
    def _fingerprints(self) -> tuple[str, ...]:
        # The time grows with the square of the number of additions.
        additions = [each.identity() for each in self.additions]
        each_begun = (additions[:number] for number in range(len(additions) + 1))
        return tuple(_fingerprint_of(self._identity_with(each)) for each in each_begun)

    @property
    def origin(self) -> str:
        """The fingerprint that the set began with, whatever it has gained."""
        return self.fingerprint(0)

    @property
    def made_by(self) -> str:
        """The command that makes the set, and of an overlay its annotator."""
        if self.kind != "overlay":
            return f"pairgen {self.kind}"
        return f"pairgen annotate --add {self.recipe.get('annotator', '?')}"

    def shown(self) -> ShownTable:
        """Return what the set is; `to_dict` has all of it."""
        rows = [
            ("samples", f"{self.num_samples:,}, {self.samples_per_shard:,} per shard"),
            ("seed", str(self.seed)),
            *([("model", str(self.teacher.get("name", "")))] if self.teacher else []),
            ("members", ", ".join(sorted(self.members))),
            ("recipe", ", ".join(self.recipe)),
            ("fingerprint", self.fingerprint()),
        ]
        return ShownTable(f"Plan of {self.made_by}", rows)

    @property
    def num_shards(self) -> int:
        """Number of shards; the last one may be short."""
        return -(-self.num_samples // self.samples_per_shard)

    def tasks(self) -> list[ShardTask]:
        """Return the tasks whose shards make up the dataset, in order."""
        begun = [each.first_slot for each in self.additions]
        fingerprints = self.fingerprints()
        size, tasks = self.samples_per_shard, []
        for shard_index in range(self.num_shards):
            start = shard_index * size
            stop = min(start + size, self.num_samples)
            tasks.append(
                ShardTask(
                    shard_index=shard_index,
                    start=start,
                    stop=stop,
                    # An addition behind a shard does not change it.
                    fingerprint=fingerprints[bisect_left(begun, stop)],
                    earlier=tuple(
                        (begun[number], fingerprints[number])
                        for number in range(bisect_right(begun, start), bisect_left(begun, stop))
                    ),
                )
            )
        return tasks

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, with its fingerprint and format version."""
        data = {key: each for key, each in asdict(self).items() if each or key != "code"}
        return {"format_version": FORMAT_VERSION, "fingerprint": self.fingerprint(), **data}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Plan":
        """Rebuild a plan from the data of `to_dict`."""
        # Plans of earlier versions, and most others, have no code.
        names = (name for name in cls.__dataclass_fields__ if name != "code" or name in data)
        return cls(**{name: data[name] for name in names})


def _fingerprint_of(identity: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One finished sample.

    Attributes:
        index: The sample's slot; its key in the tar is `{index:09d}`.
        fields: Mapping from extension, without the dot, to content: `latent.npy`, `txt`.
        facts: The `json` member: a fixed set of keys, with floats always as floats.
    """

    index: int
    fields: Mapping[str, Field]
    facts: Facts

    @property
    def key(self) -> str:
        """Key of the sample in its tar."""
        return sample_key(self.index)


def sample_key(index: int) -> str:
    """Return the key of slot `index`: nine digits, no dots."""
    return f"{index:09d}"
