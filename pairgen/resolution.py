"""Resolve the value of each option from several sources.

Strongest first: the command line (or the Python call), `--set`, the config file, a calibration, the
plan of the folder, the model's defaults, the defaults of the options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pairgen.config import Given
from pairgen.options import Options, declared, default_of

AnyOptions = TypeVar("AnyOptions", bound=Options)


@dataclass(frozen=True)
class Layer:
    """Values of one source.

    Attributes:
        origin: Name of the source, such as `command line` or `plan of pairs`.
        values: The checked values, by name.
    """

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Resolved(Generic[AnyOptions]):
    """Resolved options, and where each one came from.

    Attributes:
        options: All options.
        origins: Mapping from name to origin, for the options that a source had.
    """

    options: AnyOptions
    origins: Mapping[str, str]

    def differing(self) -> list[tuple[str, Any, str]]:
        """Return (name, value, origin) of each option whose value is not its default.

        Of options with flat names, such as `options.low`, the default is not known: all are told.
        """
        found = [
            (each.name, value, self.origins[each.name])
            for each in declared(type(self.options))
            if each.name in self.origins
            and (value := getattr(self.options, each.name)) != each.default
        ]
        flat = {name: name.partition(".") for name in self.origins if "." in name}
        values = {name: getattr(self.options, owner) for name, (owner, _, _) in flat.items()}
        return found + [
            (key, values[name][key], self.origins[name])
            for name, (_, _, key) in flat.items()
            if key in values[name]
        ]


def resolve(options: type[AnyOptions], layers: Sequence[Layer]) -> Resolved[AnyOptions]:
    """Combine sources into options.

    Args:
        options: The class of the options.
        layers: The sources, strongest first.

    Raises:
        ConfigError: An option is unknown or missing, or values contradict each other.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in reversed(layers):
        values.update(layer.values)
        origins.update(dict.fromkeys(layer.values, layer.origin))
    return Resolved(options.from_flat(values), origins)


@dataclass(frozen=True)
class Sources(Generic[AnyOptions]):
    """The sources known so far, while weaker ones are still being looked up.

    `model` determines whose defaults apply, and `out` which plan: single values are read before all
    sources are known.

    Attributes:
        options: The class of the options.
        layers: The sources, strongest first.
    """

    options: type[AnyOptions]
    layers: tuple[Layer, ...] = ()

    def below(self, origin: str, values: Mapping[str, Any]) -> "Sources[AnyOptions]":
        """Add a source that is weaker than all previous ones.

        Raises:
            ConfigError: An option is unknown, or a value is not allowed.
        """
        flat = self.options.flattened(values)
        checked = {name: self.options.check(name, value) for name, value in flat.items()}
        return replace(self, layers=(*self.layers, Layer(origin, checked)))

    def __getitem__(self, name: str) -> Any:
        """Return the value of the strongest source that has one, or the default."""
        held = (layer.values[name] for layer in self.layers if name in layer.values)
        return next(held, default_of(self.options, name))

    def resolved(self) -> Resolved[AnyOptions]:
        """Return the resolved options, once every source is known.

        Raises:
            ConfigError: An option is missing, or values contradict each other.
        """
        return resolve(self.options, self.layers)


def sources_of(options: type[AnyOptions], given: Mapping[str, Any]) -> Sources[AnyOptions]:
    """Check the options that a user gave, on a command line with its config file or in a call.

    Raises:
        ConfigError: An option is unknown, or a value is not allowed.
    """
    sources = Sources(options)
    pairs = given.sources if isinstance(given, Given) else (("call", given),)
    for origin, values in pairs:
        sources = sources.below(origin, values)
    return sources
