"""The record of a calibration: `pairgen calibrate` writes it, `pairgen ode` reads it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pairgen
from pairgen.errors import ConfigError
from pairgen.kinds.ode.settings import Measured, Setting, cheapest
from pairgen.shards.storage.store import open_store
from pairgen.shown import Shown, ShownTable

CALIBRATION_FILE = "calibration.json"
FORMAT_VERSION = 1
# The reference must differ from itself at half its steps by at most this share of the tolerance.
CONVERGED_SHARE = 0.1


@dataclass(frozen=True, kw_only=True, repr=False)
class Calibration(Shown):
    """Errors and speeds of settings of one teacher.

    Attributes:
        teacher: The teacher's `name`, `module` and `identity`.
        question: What was sampled: guidance_scales, negative_prompt, end, seed, num_prompts,
            noise_generator.
        source: The source of the prompts, as in a plan.
        made: What the bits depend on: batch_size, cpu_threads, device, versions.
        reference: The setting that represents the converged ODE.
        reference_sha256: SHA-256 of the file with the reference latents; empty until it is made.
        tolerance: Largest median error to accept, as a share.
        rows: The measurements, including the reference and the reference at half its steps.
        complete: Whether all requested settings were measured.
    """

    teacher: Mapping[str, Any]
    question: Mapping[str, Any]
    source: Mapping[str, Any]
    made: Mapping[str, Any]
    reference: Setting
    tolerance: float
    reference_sha256: str = ""
    rows: tuple[Measured, ...] = ()
    complete: bool = False

    def shown(self) -> ShownTable:
        """Return the measurements."""
        rows = [
            (
                str(row.setting),
                "not finite" if row.error is None else f"{100 * row.error.median:.3g} %",
                f"{row.samples_per_second:.3g}",
            )
            for row in self.rows
        ]
        head = ("setting", "median error", "samples/s")
        name = self.teacher.get("name", "")
        return ShownTable(f"Calibration of {name}: {len(rows):,} settings", rows, head)

    @property
    def halved(self) -> Measured | None:
        """The reference at half its steps, whose error shows how converged the reference is."""
        return self.row_of(replace(self.reference, steps=self.reference.steps // 2))

    @property
    def converged(self) -> bool:
        """Whether the reference differs from its half by far less than the tolerance."""
        error = self.halved.error if self.halved else None
        return error is not None and error.p90 <= CONVERGED_SHARE * self.tolerance

    @property
    def chosen(self) -> Measured | None:
        """The cheapest setting within the tolerance; None before all is measured, or if none is."""
        return cheapest(self.rows, self.tolerance) if self.complete and self.converged else None

    def row_of(self, setting: Setting) -> Measured | None:
        """Return the measurement of a setting; None if there is none."""
        return next((row for row in self.rows if row.setting == setting), None)

    def identity(self) -> dict[str, Any]:
        """Return what must be equal for rows to be comparable."""
        return {
            "teacher": {key: self.teacher[key] for key in ("module", "identity")},
            **self.question,
            "prompts": {key: self.source[key] for key in ("sha256", "num_inputs")},
            **self.made,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as plain data."""
        return {
            "format_version": FORMAT_VERSION,
            "pairgen": pairgen.__version__,
            **{name: getattr(self, name) for name in ("teacher", "question", "source", "made")},
            "reference": asdict(self.reference),
            "reference_sha256": self.reference_sha256,
            "tolerance": self.tolerance,
            "complete": self.complete,
            "converged": self.converged,
            "chosen": asdict(self.chosen.setting) if self.chosen else None,
            "rows": [row.to_dict() for row in self.rows],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Calibration":
        """Rebuild a calibration from the data of `to_dict`."""
        known = {name: data[name] for name in cls.__dataclass_fields__}
        reference = Setting(**data["reference"])
        rows = tuple(map(Measured.from_dict, data["rows"]))
        return cls(**{**known, "reference": reference, "rows": rows})


def encode_calibration(calibration: Calibration) -> bytes:
    """Return the content of `calibration.json`."""
    text = json.dumps(calibration.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def decode_calibration(data: bytes, where: str) -> Calibration:
    """Parse the content of a calibration file.

    Raises:
        ConfigError: It is not a calibration, or of another version.
    """
    try:
        found = json.loads(data)
        version = found["format_version"]
        if version == FORMAT_VERSION:
            return Calibration.from_dict(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{where} is not a readable calibration.json ({type(error).__name__}: {error}): make "
            "another with pairgen calibrate and a new --out."
        ) from None
    raise ConfigError(
        f"{where} has format version {version!r}; this pairgen reads {FORMAT_VERSION}."
    )


def read_calibration(path: str) -> Calibration:
    """Read a calibration of `pairgen calibrate`.

    Args:
        path: The file, or its folder; local or a URL.

    Raises:
        ConfigError: There is no calibration, it cannot be read, or it has chosen no setting.
    """
    folder, _, name = path.rpartition("/")
    if not name.endswith(".json"):
        folder, name = path, CALIBRATION_FILE
    store = open_store(folder or ".")
    if not store.exists(name):
        raise ConfigError(
            f"There is no calibration {path!r}: give the output folder of pairgen calibrate, or "
            f"the {CALIBRATION_FILE} in it."
        )
    found = decode_calibration(store.read_bytes(name), path)
    if found.halved is not None and not found.converged:
        raise ConfigError(
            f"The reference of the calibration {path} is not converged: run its pairgen calibrate "
            "again with more --reference-steps."
        )
    if not found.complete:
        raise ConfigError(
            f"The calibration {path} is not finished: run its pairgen calibrate again to continue."
        )
    if found.chosen is None:
        raise ConfigError(
            f"The calibration {path} has chosen no setting: none is within its tolerance of "
            f"{100 * found.tolerance:.3g} %."
        )
    return found
