"""Build the signature of a Python call from declared options."""

import functools
import inspect
import textwrap
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, TypeVar, cast

from pairgen.config import boolean
from pairgen.errors import ConfigError
from pairgen.options import Declared, Options, in_groups
from pairgen.progress_style import progress_shown

Call = TypeVar("Call", bound=Callable[..., Any])

# Maximum line length of a docstring, which is indented in the stub.
WIDTH = 96
# The placeholder in a docstring that is replaced by the list of options.
ENTRY = "    **options: "
PROGRESS_HELP = "Show progress on standard error, or in the notebook. [True]"
TRUST_HELP = "Allow imports of modules outside pairgen that a dataset, run or model folder names."


def takes(
    options: type[Options],
    *,
    trust_code: bool = False,
    progress: bool = False,
    further: str = "",
) -> Callable[[Call], Call]:
    """Show the options of a function with `**options` in its signature and docstring.

    The function still receives only the given options: the shown defaults are not passed on. In the
    docstring, the options replace the line `**options: ...`.

    Args:
        options: The class that declares the options.
        trust_code: Whether the function also takes `trust_code`.
        progress: Whether it also takes `progress`, and shows none if that is False.
        further: Name for other keyword arguments; empty if there are none.
    """

    def decorate(call: Call) -> Call:
        own = [
            parameter
            for parameter in inspect.signature(call).parameters.values()
            if parameter.kind is not Parameter.VAR_KEYWORD
        ]
        taken = {parameter.name for parameter in own}
        listed = [each for each in in_groups(options) if each.name not in taken]
        parameters = [*own, *map(_parameter, listed)]
        if trust_code:
            parameters.append(
                Parameter("trust_code", Parameter.KEYWORD_ONLY, default=False, annotation="bool")
            )
        if progress:
            parameters.append(
                Parameter("progress", Parameter.KEYWORD_ONLY, default=True, annotation="bool")
            )
        if further:
            parameters.append(Parameter(further, Parameter.VAR_KEYWORD, annotation="Any"))
        returned = inspect.signature(call).return_annotation
        if progress:
            call = _with_progress(call)
        vars(call)["__signature__"] = Signature(parameters, return_annotation=returned)
        rows = [(each.name, each.shown_help) for each in listed]
        rows += [("trust_code", TRUST_HELP)] if trust_code else []
        rows += [("progress", PROGRESS_HELP)] if progress else []
        rows += [(f"**{further}", "Further options, by name.")] if further else []
        call.__doc__ = _with_options(inspect.getdoc(call) or "", rows)
        return call

    return decorate


def _with_progress(call: Call) -> Call:
    """Return the function with a keyword `progress`."""

    @functools.wraps(call)
    def run(*args: Any, progress: bool = True, **kwargs: Any) -> Any:
        if boolean("progress", progress):
            return call(*args, **kwargs)
        with progress_shown("none"):
            return call(*args, **kwargs)

    return cast("Call", run)


def _parameter(each: Declared) -> Parameter:
    default = each.default
    if each.required:
        # Options that a folder keeps may be left out when a run is continued.
        default = Parameter.empty if each.option.belongs == "run" else ...
    elif not _may_be_given(each):
        # It only means that nothing was given.
        default = ...
    annotation = each.rule.accepts
    return Parameter(each.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _may_be_given(each: Declared) -> bool:
    try:
        each.rule.read(each.name, each.default)
    except ConfigError:
        return False
    return True


def _with_options(doc: str, rows: list[tuple[str, str]]) -> str:
    listed = []
    for name, sentence in rows:
        listed += textwrap.wrap(
            f"{name}: {sentence}",
            WIDTH,
            initial_indent="    ",
            subsequent_indent="        ",
            break_on_hyphens=False,
        )
    return "\n".join(
        each for line in doc.split("\n") for each in (listed if line.startswith(ENTRY) else [line])
    )
