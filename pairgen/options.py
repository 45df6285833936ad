"""How an option is declared, once.

The options of a command, method or teacher are the fields of a class:

    class OdeConfig(Options):
        command = "pairgen ode"
        steps: Annotated[int, Integer(1), Option("Number of solver steps.", "Sampling")] = 50

The flag and its place on the help page, the check of a value with its sentence, the keys of config
files and `--set`, the JSON Schema, the signature of the Python call, the type stub and the
documentation's table all come from that line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from pairgen.config import check_keys
from pairgen.errors import ConfigError
from pairgen.rules import Rule

# Sections of a help page, in its order.
Group = Literal[
    "Model",
    "Training",
    "Prompts",
    "Images",
    "Sampling",
    "Degradation",
    "What is measured",
    "What is shown",
    "Output",
    "Compute",
    "Workers",
    "Estimate",
    "Other",
]
GROUPS: tuple[Group, ...] = get_args(Group)
# identity: another value makes another dataset or run. remembered: a folder keeps it unless another
# is given. run: only says how this call is carried out.
Belongs = Literal["identity", "remembered", "run"]


@dataclass(frozen=True)
class Option:
    """What is told of an option, and what it belongs to.

    Attributes:
        help: One or two sentences.
        group: Section of the help page.
        belongs: Whether a folder keeps it.
        default: What the help page calls the default; empty for the value itself.
        metavar: Stands for the value on the help page; empty for that of the rule.
        missing: The sentence of a refusal, for an option that must be given.
        flag: Whether it has a flag; else `--set` and config files set it.
    """

    help: str
    group: Group = "Other"
    belongs: Belongs = "run"
    default: str = ""
    metavar: str = ""
    missing: str = ""
    flag: bool = True


@dataclass(frozen=True)
class Declared:
    """A declared option.

    Attributes:
        name: Of the field, the key and the keyword.
        option: What is told of it.
        rule: What it may be.
        required: Whether it must be given.
        default: Its value when it is not given; None where it must be.
    """

    name: str
    option: Option
    rule: Rule
    required: bool
    default: Any

    @property
    def metavar(self) -> str:
        """What stands for the value on a help page."""
        return self.option.metavar or self.rule.metavar

    @property
    def shown_default(self) -> str:
        """What a help page shows as the default; empty for nothing."""
        return self.option.default or _shown(self.default)

    @property
    def shown_help(self) -> str:
        """The help sentence with the default in brackets."""
        default = self.shown_default
        return f"{self.option.help} [{default}]" if default else self.option.help


class Options(BaseModel):
    """Base of all classes of options: frozen, checked, with one sentence for what is wrong.

    Class Attributes:
        command: What a refusal calls the options' owner.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, defer_build=True, protected_namespaces=()
    )
    command: ClassVar[str] = "pairgen"

    def __init__(self, /, **values: Any) -> None:
        check_keys(values, list(type(self).model_fields), f"the options of {self.command}")
        for each in declared(type(self)):
            if each.required and not values.get(each.name):
                raise ConfigError(each.option.missing)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _refusal(error) from None

    @classmethod
    def check(cls, name: str, value: Any, called: str = "") -> Any:
        """Return the checked value of one option.

        Args:
            name: The option's name.
            value: The value as given.
            called: What a refusal calls the option; empty for its name.

        Raises:
            ConfigError: There is no such option, or the value is not allowed.
        """
        check_keys({name: value}, list(cls.model_fields), f"the options of {cls.command}")
        return _declared(name, cls.model_fields[name]).rule.read(called or name, value)

    @classmethod
    def spread(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what is given with every option under one name, however it was nested."""
        return given

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the options of values that `spread` gave."""
        return cls(**values)

    def plain(self, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Return the options as plain data, tuples as lists, some left out."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self
            if name not in without
        }


def declared(options: type[Options]) -> Iterator[Declared]:
    """Yield the options that a class declares, in order."""
    for name, field in options.model_fields.items():
        yield _declared(name, field)


def in_groups(options: type[Options]) -> list[Declared]:
    """Return the options that a class declares, in the order of the help page."""
    return sorted(declared(options), key=lambda each: GROUPS.index(each.option.group))


def names(options: type[Options], *belongs: Belongs) -> frozenset[str]:
    """Return the names of the options that belong to one of these."""
    return frozenset(each.name for each in declared(options) if each.option.belongs in belongs)


def default_of(options: type[Options], name: str) -> Any:
    """Return the value of an option that is not given; None for one that must be."""
    return _declared(name, options.model_fields[name]).default


def _declared(name: str, field: FieldInfo) -> Declared:
    rules = [each for each in field.metadata if isinstance(each, Rule)]
    told = [each for each in field.metadata if isinstance(each, Option)]
    if len(rules) != 1 or len(told) != 1:
        raise TypeError(f"The option {name!r} must be annotated with one Rule and one Option.")
    required = field.is_required()
    default = None if required else field.get_default(call_default_factory=True)
    return Declared(name, told[0], rules[0], required, default)


def _refusal(error: ValidationError) -> ConfigError:
    """Return the sentence of the first value that is refused."""
    first = error.errors()[0]
    refused = first.get("ctx", {}).get("error")
    if isinstance(refused, ConfigError):
        return refused
    name = ".".join(map(str, first["loc"]))
    return ConfigError(f"{name} is wrong: {first['msg']}, got {first['input']!r}.")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value in (None, "", ()) or isinstance(value, Mapping):
        return ""
    if isinstance(value, tuple):
        return ",".join(map(_shown, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
