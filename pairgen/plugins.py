"""Find the members of a family: adding a file registers it.

A family is a folder (`teachers`, `degradations`, `methods`); a member is a file in it that defines
`build(**options)`. Any other name that can be imported, or a file, is a user's own module.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError, short
from pairgen.module_files import find_source, is_file, name_of
from pairgen.options import Options, declared
from pairgen.trust import check_trusted, current_trust


def members(family: str) -> list[str]:
    """Return the names of a family's own members, sorted.

    `base` is the family's protocol; names with a leading underscore are private to the family.
    """
    package = importlib.import_module(f"pairgen.{family}")
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in names if name != "base" and not name.startswith("_"))


def shown_names(family: str) -> list[str]:
    """Return what a user may name of a family, as messages list it.

    A family may define `shown_names`, which makes it from the names of its members.
    """
    package = importlib.import_module(f"pairgen.{family}")
    return list(getattr(package, "shown_names", sorted)(members(family)))


def module_name(family: str, text: str) -> str:
    """Return the name of the module that a text names: `my_blur` for `./my_blur.py`.

    `yonos-decoder` is `yonos_decoder`, as its family shows it with hyphens.

    Raises:
        ConfigError: The file cannot be imported by its name, or pairgen has a member of that name.
    """
    if not is_file(text):
        underscored = text.replace("-", "_")
        is_shown = underscored != text and text in shown_names(family)
        return underscored if is_shown and underscored in members(family) else text
    name = name_of(text)
    if not name.isidentifier() or name in sys.stdlib_module_names:
        raise ConfigError(
            f"{text} cannot be imported by its name: rename the file, with letters, digits and "
            "underscores, other than a module of Python."
        )
    if _is_packaged(family, name):
        raise ConfigError(f"{text} has the name of pairgen's own {family[:-1]}: rename the file.")
    return name


def is_own(family: str, name: str) -> bool:
    """Whether a name is that of a user's own module: dotted, or found where users keep them."""
    if "." in name:
        return True
    is_free = name.isidentifier() and name not in sys.stdlib_module_names
    if not is_free or _is_packaged(family, name):
        return False
    return find_source(name, current_trust().folders) is not None


def load(family: str, name: str) -> ModuleType:
    """Import the member `name` of `family`, or the user's own module of that name or file.

    Raises:
        ConfigError: There is no such member, importing it failed, or it does not define `build`.
        UntrustedCodeError: The module is outside pairgen, and the user has not named it.
    """
    name = module_name(family, name)
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{name!r} is not the name of a module.")
    _check_file(name)
    path = name if is_own(family, name) else f"pairgen.{family}.{name}"
    if path.startswith("pairgen.") and not path.startswith(f"pairgen.{family}."):
        raise ConfigError(
            f"{name!r} is not a {family[:-1]}: pairgen's own are in pairgen.{family}."
        )
    check_trusted(path)
    before = frozenset(sys.modules)
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        # A missing dependency of an existing module is another problem: raise its own error.
        if error.name is None or not (path == error.name or path.startswith(error.name + ".")):
            raise _import_failed(path, error) from error
        known = shown_names(family)
        raise ConfigError(
            f"There is no {family[:-1]} {name!r}{did_you_mean(name, known)}; "
            f"known are {', '.join(known)}, or the name or the file of your own module."
        ) from None
    except Exception as error:
        raise _import_failed(path, error) from error
    if not path.startswith("pairgen."):
        _loaded.setdefault(path, before)
    if not callable(getattr(module, "build", None)):
        raise ConfigError(f"The module {path!r} does not define build(**options).")
    return module


# Users' own modules that were loaded, and the modules that were there before.
_loaded: dict[str, frozenset[str]] = {}


def loaded_own() -> Mapping[str, frozenset[str]]:
    """Return the users' own modules that were loaded, each with those that were there before it."""
    return dict(_loaded)


def _is_packaged(family: str, name: str) -> bool:
    return importlib.util.find_spec(f"pairgen.{family}.{name}") is not None


def _check_file(path: str) -> None:
    """Refuse a module that the user named by its file, if an import would find another one.

    Raises:
        ConfigError: It would, or there is no such file.
    """
    trust = current_trust()
    file = dict(trust.files).get(path)
    if file is None:
        return
    if not Path(file).is_file():
        raise ConfigError(f"There is no file {file}.")
    found = find_source(path, trust.folders)
    if found is None or not found.samefile(file):
        raise ConfigError(
            f"{file} cannot be imported as {path!r}, which is the name of "
            f"{found or 'another module'}: rename the file."
        )


def _import_failed(path: str, error: Exception) -> Exception:
    """Return why a module that was found cannot be imported; of pairgen's own, the error itself."""
    if path.startswith("pairgen."):
        return error
    found = find_source(path, current_trust().folders)
    where = f" ({found})" if found else ""
    frames = traceback.extract_tb(error.__traceback__)
    at = [each for each in frames if found and each.filename == str(found)]
    line = f" in its line {at[-1].lineno}" if at else ""
    return ConfigError(
        f"The module {path!r}{where} was found, but importing it failed{line} because "
        f"{type(error).__name__}: {short(str(error)) or 'it was raised'}."
    )


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
