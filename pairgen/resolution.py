"""Where the value of each option comes from.

Strongest first: the command line (or the Python call), `--set`, the config file, a calibration, the
plan of the folder, the model's defaults, the defaults of the options.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pairgen.config import Given
from pairgen.options import Options, declared, default_of

Asked = TypeVar("Asked", bound=Options)


@dataclass(frozen=True)
class Layer:
    """Values of one source.

    Attributes:
        origin: What the source is called, such as `command line` or `plan of pairs`.
        values: Checked, by name.
    """

    origin: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Resolved(Generic[Asked]):
    """Options, and where each came from.

    Attributes:
        options: All of them.
        origins: Name to the origin of the value, of those that some source had.
    """

    options: Asked
    origins: Mapping[str, str]

    def differing(self) -> list[tuple[str, Any, str]]:
        """Return (name, value, origin) of each option whose value is not its default."""
        return [
            (each.name, value, self.origins[each.name])
            for each in declared(type(self.options))
            if each.name in self.origins
            and (value := getattr(self.options, each.name)) != each.default
        ]


def resolve(options: type[Asked], layers: Sequence[Layer]) -> Resolved[Asked]:
    """Return the options that sources give together.

    Args:
        options: The class of the options.
        layers: The sources, the strongest first.

    Raises:
        ConfigError: An option is unknown or missing, or values contradict each other.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in reversed(layers):
        values.update(layer.values)
        origins.update(dict.fromkeys(layer.values, layer.origin))
    return Resolved(options.of(values), origins)


@dataclass(frozen=True)
class Asking(Generic[Asked]):
    """The sources that are known so far, while weaker ones are still looked up.

    Which model's defaults count follows from `model`, which plan from `out`: so single values are
    read before all sources are there.

    Attributes:
        options: The class of the options.
        layers: The sources, the strongest first.
    """

    options: type[Asked]
    layers: tuple[Layer, ...] = ()

    def below(self, origin: str, values: Mapping[str, Any]) -> "Asking[Asked]":
        """Add a source that is weaker than all before.

        Raises:
            ConfigError: An option is unknown, or a value is not allowed.
        """
        spread = self.options.spread(values)
        checked = {name: self.options.check(name, value) for name, value in spread.items()}
        return replace(self, layers=(*self.layers, Layer(origin, checked)))

    def __getitem__(self, name: str) -> Any:
        """Return the value of the strongest source that has one, or the default."""
        held = (layer.values[name] for layer in self.layers if name in layer.values)
        return next(held, default_of(self.options, name))

    def resolved(self) -> Resolved[Asked]:
        """Return the options, once every source is there.

        Raises:
            ConfigError: An option is missing, or values contradict each other.
        """
        return resolve(self.options, self.layers)


def ask(options: type[Asked], given: Mapping[str, Any]) -> Asking[Asked]:
    """Return what a user has given, checked: of a command line with its config file, or of a call.

    Raises:
        ConfigError: An option is unknown, or a value is not allowed.
    """
    asking = Asking(options)
    sources = given.sources if isinstance(given, Given) else {"call": given}
    for origin, values in sources.items():
        asking = asking.below(origin, values)
    return asking
