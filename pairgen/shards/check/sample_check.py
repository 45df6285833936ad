"""Check one sample against the plan: members, dtypes, finite values, facts, text."""

from typing import Any

import numpy as np

from pairgen.errors import ConfigError
from pairgen.labels import ClassLabels
from pairgen.shards.check.fact_types import FactTypes
from pairgen.shards.check.planned import Planned
from pairgen.shards.check.report import Tally, short
from pairgen.shards.format.image_member import decode_image, is_image
from pairgen.shards.format.reader import StoredSample
from pairgen.sources.photographs import UnusableImageError
from pairgen.types import Plan, Sample, sample_key


class SampleCheck:
    """Checks samples against what the plan says about all of them."""

    def __init__(self, plan: Plan) -> None:
        self._members = set(plan.members)
        self._fact_keys = set(plan.members["json"]["keys"])
        self._arrays = {
            extension: (np.dtype(spec["dtype"]), tuple(spec["shape"]))
            for extension, spec in plan.members.items()
            if extension.endswith("npy")
        }
        self._pictures = {
            extension: spec for extension, spec in plan.members.items() if is_image(extension)
        }
        classes = plan.members.get("cls")
        self._labels = None if classes is None else ClassLabels.from_dict(classes)
        # The labels of a teacher with classes are its prompts.
        self._text_is_label = plan.kind == "ode"

    def check(
        self, stored: StoredSample, planned: Planned, types: FactTypes, tally: Tally
    ) -> Sample:
        """Return the sample with the members that can be decoded and match the plan.

        Args:
            stored: The stored sample.
            planned: What its slot says about it.
            types: Receives the types of facts that the slot does not know.
            tally: Receives what is wrong.
        """
        found = set(stored.members)
        for words, names in (
            ("planned members are missing", self._members - found),
            ("there are members that are not planned", found - self._members),
        ):
            if names:
                tally.add("members", words, stored.key, ", ".join(sorted(names)))
        fields: dict[str, Any] = {}
        facts: dict[str, Any] = {}
        for extension in sorted(self._members & found):
            try:
                value = stored.decode(extension)
            except (ValueError, RecursionError) as error:
                tally.add("unreadable", f"{extension} cannot be read", stored.key, str(error))
                continue
            if extension == "json":
                facts = self._checked_facts(value, planned, types, tally)
            elif extension in self._pictures:
                if self._is_planned_picture(extension, value, stored.key, tally):
                    fields[extension] = value
            elif extension in self._arrays:
                if self._is_planned_array(extension, value, stored.key, tally):
                    fields[extension] = value
            else:
                fields[extension] = value
        text = fields.get("txt")
        if planned.text is not None and text is not None and text != planned.text:
            subject = "txt differs from its input"
            tally.add("prompt", subject, stored.key, f"{short(text)}, not {short(planned.text)}")
        if self._labels is not None and "cls" in fields:
            label = text if planned.label is None and self._text_is_label else planned.label
            _check_class(self._labels, label, fields["cls"], stored.key, tally)
        return Sample(index=planned.index, fields=fields, facts=facts)

    def _is_planned_array(self, extension: str, array: np.ndarray, key: str, tally: Tally) -> bool:
        fits = _has_planned_form(extension, array, self._arrays[extension], key, tally)
        if not is_finite(array):
            num = array.size - int(np.isfinite(array).sum())
            tally.add("not finite", f"{extension} holds NaN or infinity", key, f"{num} values")
            return False
        return fits

    def _is_planned_picture(self, extension: str, data: bytes, key: str, tally: Tally) -> bool:
        spec = self._pictures[extension]
        try:
            image = decode_image(data, spec)
        except UnusableImageError as error:
            tally.add("unreadable", f"{extension} cannot be read", key, str(error))
            return False
        form = np.dtype(spec["dtype"]), tuple(spec["shape"])
        return _has_planned_form(extension, image, form, key, tally)

    def _checked_facts(
        self, value: Any, planned: Planned, types: FactTypes, tally: Tally
    ) -> dict[str, Any]:
        """Check the `json` member; return it, or {} if it is not an object."""
        key, facts = sample_key(planned.index), planned.facts
        if not isinstance(value, dict):
            tally.add("unreadable", "json is not an object", key)
            return {}
        for words, names in (
            ("keys are missing in json", self._fact_keys - value.keys()),
            ("json has keys that are not planned", value.keys() - self._fact_keys),
        ):
            if names:
                tally.add("json keys", words, key, ", ".join(sorted(names)))
        for name in sorted(self._fact_keys & value.keys()):
            fact = value[name]
            if name not in facts:
                types.note(name, fact, key)
            elif type(fact) is not type(facts[name]):
                subject = f"json {name} is not always {type(facts[name]).__name__}"
                tally.add("json type", subject, key, f"{short(fact)} is {type(fact).__name__}")
            elif fact != facts[name]:
                subject = f"json {name} differs from the slot's"
                tally.add("facts", subject, key, f"{short(fact)}, not {short(facts[name])}")
        return value


def _has_planned_form(
    extension: str,
    values: np.ndarray,
    planned: tuple[np.dtype[Any], tuple[int, ...]],
    key: str,
    tally: Tally,
) -> bool:
    """Whether an array or image has the planned dtype and shape; what differs is reported."""
    dtype, shape = planned
    if values.dtype != dtype:
        tally.add("dtype", f"{extension} is not {dtype}", key, f"it is {values.dtype}")
    if values.shape != shape:
        subject = f"{extension} does not have the shape {list(shape)}"
        tally.add("shape", subject, key, f"it has {list(values.shape)}")
    return values.dtype == dtype and values.shape == shape


def _check_class(
    labels: ClassLabels, label: str | None, stored: int, key: str, tally: Tally
) -> None:
    """Check that a sample's class matches its label; a missing label is reported elsewhere."""
    if label is None:
        return
    try:
        expected = labels.class_of(label)
    except ConfigError as error:
        tally.add("class", "txt is not a class label", key, str(error))
        return
    if stored != expected:
        tally.add("class", "cls is not the class of its label", key, f"{stored}, not {expected}")


def is_finite(array: np.ndarray) -> bool:
    """Whether an array holds neither NaN nor infinity."""
    if array.dtype == np.float16:
        # NumPy checks half precision value by value; the exponent bits give the same answer six
        # times as fast.
        return not bool(((array.view(np.uint16) & 0x7C00) == 0x7C00).any())
    return bool(np.isfinite(array).all())
