"""Declare each option in one place.

The options of a command, method or teacher are the fields of a class:

    class OdeConfig(Options):
        command = "pairgen ode"
        steps: Annotated[int, Integer(1), Option("Number of solver steps.", "Sampling")] = 50

The flag and its group on the help page, the check of a value and its error message, the keys of
config files and `--set`, the JSON Schema, the signature of the Python call, the type stub and the
table in the documentation are all made from that line.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from pairgen.config import check_keys
from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.rules import Rule
from pairgen.wording import typed_text

# Sections of a help page, in order.
Group = Literal[
    "Model",
    "Data",
    "Training",
    "Prompts",
    "Images",
    "Sampling",
    "Restoration",
    "Degradation",
    "What is added",
    "What is checked",
    "What is measured",
    "What is shown",
    "Output",
    "Compute",
    "Workers",
    "Estimate",
    "Job",
    "Other",
]
GROUPS: tuple[Group, ...] = get_args(Group)
# identity: a different value makes a different dataset or run. remembered: a folder keeps the value
# unless another one is given. run: affects only the current call.
Belongs = Literal["identity", "remembered", "run"]


@dataclass(frozen=True)
class Option:
    """The description of an option, and whether a folder keeps it.

    Attributes:
        help: Help text of one or two sentences.
        group: Section of the help page.
        belongs: Whether a folder keeps the value.
        default: Description of the default on the help page; empty to show the value itself.
        metavar: Placeholder of the value on the help page; empty for that of the rule.
        missing: What the error message says behind the name of a required option that is missing.
        flag: Whether the option has a flag; else it is set by `--set` and config files.
    """

    help: str
    group: Group = "Other"
    belongs: Belongs = "run"
    default: str = ""
    metavar: str = ""
    missing: str = "must be given."
    flag: bool = True


@dataclass(frozen=True)
class Declared:
    """A declared option.

    Attributes:
        name: Name of the field, the key and the keyword argument.
        option: Description of the option.
        rule: The rule that its values follow.
        required: Whether it must be given.
        default: Its default value; None if it is required.
    """

    name: str
    option: Option
    rule: Rule
    required: bool
    default: Any

    def require(self, value: Any) -> None:
        """Refuse a missing or empty value of an option that must be given.

        Raises:
            ConfigError: It is missing or empty.
        """
        if self.required and value in (None, "", [], (), [""], ("",)):
            raise ConfigError(f"{option_text(self.name)} {self.option.missing}")

    @property
    def metavar(self) -> str:
        """The placeholder of the value on a help page."""
        return self.option.metavar or self.rule.metavar

    @property
    def shown_default(self) -> str:
        """The default as shown on a help page; empty for none."""
        return self.option.default or _shown(self.default)

    @property
    def shown_help(self) -> str:
        """The help text with the default in brackets."""
        default = self.shown_default
        return f"{self.option.help} [{default}]" if default else self.option.help


class Options(BaseModel):
    """Base of all classes of options: frozen and checked, with one-sentence errors.

    Class Attributes:
        command: Name of the options' owner in error messages.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, defer_build=True, protected_namespaces=()
    )
    command: ClassVar[str] = "pairgen"

    def __init__(self, /, **values: Any) -> None:
        check_keys(values, list(type(self).model_fields), f"the options of {self.command}")
        for each in declared(type(self)):
            each.require(values.get(each.name))
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _refusal(error) from None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Find a field without a rule or without an option when its class is declared."""
        super().__pydantic_init_subclass__(**kwargs)
        list(declared(cls))

    @classmethod
    def check(cls, name: str, value: Any, called: str = "") -> Any:
        """Return the checked value of one option.

        Args:
            name: The option's name.
            value: The value as given.
            called: Name of the option in error messages; empty for `name`.

        Raises:
            ConfigError: There is no such option, or the value is not allowed.
        """
        check_keys({name: value}, list(cls.model_fields), f"the options of {cls.command}")
        option = _declared(name, cls.model_fields[name])
        option.require(value)
        return option.rule.read(called or option_text(name, cls.command), value)

    @classmethod
    def flattened(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the given options under flat names, however they were nested."""
        return given

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Build the options from values returned by `flattened`."""
        return cls(**values)

    def plain(self, without: Set[str] = frozenset()) -> dict[str, Any]:
        """Return the options as plain data, with tuples as lists, except those of `without`."""
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
    """Return the names of the options whose `belongs` is one of these."""
    return frozenset(each.name for each in declared(options) if each.option.belongs in belongs)


def default_of(options: type[Options], name: str) -> Any:
    """Return the default of an option; None if it is required."""
    return _declared(name, options.model_fields[name]).default


def _declared(name: str, field: FieldInfo) -> Declared:
    rules = [each for each in field.metadata if isinstance(each, Rule)]
    options = [each for each in field.metadata if isinstance(each, Option)]
    if len(rules) != 1 or len(options) != 1:
        raise TypeError(f"The option {name!r} must be annotated with one Rule and one Option.")
    required = field.is_required()
    default = None if required else field.get_default(call_default_factory=True)
    return Declared(name, options[0], rules[0], required, default)


def _refusal(error: ValidationError) -> ConfigError:
    """Return the error of the first value that is not allowed."""
    first = error.errors()[0]
    refused = first.get("ctx", {}).get("error")
    if isinstance(refused, ConfigError):
        return refused
    name = ".".join(map(str, first["loc"]))
    return ConfigError(f"{name} is wrong: {first['msg']}, got {first['input']!r}.")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value in (None, "", ()) or isinstance(value, Mapping):
        return ""
    if isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        # Words: a line breaks between them.
        return ", ".join(value)
    # A comma inside one of several numbers would be one between two.
    return f"{value:,}" if isinstance(value, int) else typed_text(value)
