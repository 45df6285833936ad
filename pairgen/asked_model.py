"""A model that the user asked for by name, or that a plan names: found, but not loaded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from pairgen.model_config import find_model

# Numbers of steps behind a model.
_STEPS = re.compile(r"\d+(?:,\d+)*")


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of known classes, found but not loaded.

    Attributes:
        name: Short name.
        module: The teacher's module, for `pairgen.plugins`.
        location: A folder, a hub id, or empty.
        options: The teacher's options.
    """

    name: str
    module: str
    location: str
    options: Mapping[str, Any]

    @property
    def where(self) -> dict[str, Any]:
        """The arguments with which the functions of its module find it."""
        return {"location": self.location, **self.options}

    def at(self, revision: str) -> Self:
        """Return the model at a branch, tag or commit of its hub; empty for the one it has."""
        return replace(self, options={**self.options, "revision": revision}) if revision else self


def asked_model(name: str) -> Model:
    """Find the model that the user named: a packaged one, a folder or a hub id.

    Raises:
        ConfigError: There is no such model.
    """
    found = find_model(name)
    return Model(
        name=found.name, module=found.teacher, location=found.location, options=found.options
    )


def split_steps(model: str) -> tuple[str, tuple[str, ...]]:
    """Return a model and the numbers of steps that follow it, as in `runs/student@1,2,4`.

    A file or folder whose own name ends so is a model without them.
    """
    name, _, steps = model.rpartition("@")
    if not name or not _STEPS.fullmatch(steps) or Path(model).expanduser().exists():
        return model, ()
    return name, tuple(steps.split(","))
