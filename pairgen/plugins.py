"""Find the members of a family: adding a file registers it.

A family is a folder (`teachers`, `degradations`, `methods`); a member is a file in it that defines
`build(**options)`. A dotted name loads a user's own module.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeGuard

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError
from pairgen.options import Options, declared
from pairgen.trust import check_trusted


def members(family: str) -> list[str]:
    """Return the names of a family's own members, sorted.

    `base` is the family's protocol; names with a leading underscore are private to the family.
    """
    package = importlib.import_module(f"pairgen.{family}")
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in names if name != "base" and not name.startswith("_"))


def load(family: str, name: str) -> ModuleType:
    """Import the member `name` of `family`, or the user's module if the name has a dot.

    Raises:
        ConfigError: There is no such member, or it does not define `build`.
        UntrustedCodeError: The module is outside pairgen, and the user has not named it.
    """
    path = name if "." in name else f"pairgen.{family}.{name}"
    if not all(part.isidentifier() for part in path.split(".")):
        raise ConfigError(f"{name!r} is not the name of a module.")
    if path.startswith("pairgen.") and not path.startswith(f"pairgen.{family}."):
        raise ConfigError(
            f"{name!r} is not a {family[:-1]}: pairgen's own are in pairgen.{family}."
        )
    check_trusted(path)
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        # A missing dependency of an existing module is another problem: raise its own error.
        if error.name is None or not (path == error.name or path.startswith(error.name + ".")):
            raise
        known = members(family)
        raise ConfigError(
            f"There is no {family[:-1]} {name!r}{did_you_mean(name, known)}; "
            f"known are {', '.join(known)}, or the dotted name of your own module."
        ) from None
    if not callable(getattr(module, "build", None)):
        raise ConfigError(f"The module {path!r} does not define build(**options).")
    return module


def build(family: str, name: str, **options: Any) -> Any:
    """Build the member `name` of `family` with `options`.

    Raises:
        ConfigError: There is no such member, or it has no such option.
    """
    return call(family, name, "build", **options)


def option_names(family: str, name: str, function: str = "build") -> list[str] | None:
    """Return the options that a member's function takes; None if it takes any.

    Raises:
        ConfigError: There is no such member or function.
    """
    member = _function(family, name, function)
    if _is_options(member):
        return list(member.model_fields)
    parameters = inspect.signature(member).parameters
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    return None if takes_any else list(parameters)


def declared_options(family: str, name: str) -> type[Options] | None:
    """Return the class that declares the options of a member; None if it declares none.

    A member declares them as `OPTIONS`, a class of `pairgen.options`: their values are then checked
    before anything is built, and the JSON Schema and the documentation list them.

    Raises:
        ConfigError: There is no such member.
    """
    found: type[Options] | None = getattr(load(family, name), "OPTIONS", None)
    return found


def option_defaults(family: str, name: str) -> dict[str, Any]:
    """Return the defaults of a member's `build`, by option.

    Raises:
        ConfigError: There is no such member.
    """
    member = _function(family, name, "build")
    if _is_options(member):
        return {each.name: each.default for each in declared(member) if not each.required}
    parameters = inspect.signature(member).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def call(family: str, name: str, function: str, **options: Any) -> Any:
    """Call one of the functions that the family's protocol requires.

    Raises:
        ConfigError: There is no such member or function, or it has no such option.
    """
    member = _function(family, name, function)
    known = option_names(family, name, function)
    for option in options:
        if known is not None and option not in known:
            raise ConfigError(
                f"The {family[:-1]} {name!r} has no option {option!r}"
                f"{did_you_mean(option, known)}; known are {', '.join(known) or 'none'}."
            )
    if _is_options(member):
        return member(**options)
    try:
        # Bind first: catching TypeError around the call would hide the member's own bugs.
        inspect.signature(member).bind(**options)
    except TypeError as error:
        raise ConfigError(f"The {family[:-1]} {name!r} cannot be built: {error}.") from None
    return member(**options)


def _is_options(member: Any) -> TypeGuard[type[Options]]:
    """Whether a member is a class of options itself; its signature comes late and says less."""
    return isinstance(member, type) and issubclass(member, Options)


def _function(family: str, name: str, function: str) -> Callable[..., Any]:
    member = getattr(load(family, name), function, None)
    if not callable(member):
        raise ConfigError(f"The {family[:-1]} {name!r} does not define {function}(**options).")
    found: Callable[..., Any] = member
    return found
