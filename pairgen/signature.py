"""The signature of a Python call, made of declared options."""

import inspect
import textwrap
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, TypeVar

from pairgen.options import Declared, Options, in_groups

Call = TypeVar("Call", bound=Callable[..., Any])

# Of the lines of a docstring, which stands indented in the stub.
WIDTH = 96
# What a docstring says of the options until these are listed.
ENTRY = "    **options: "
TRUST_HELP = "Whether modules outside pairgen that a dataset, run or model folder names may run."


def takes(
    options: type[Options], *, trust_code: bool = False, further: str = ""
) -> Callable[[Call], Call]:
    """Tell which options a function with `**options` takes, in its signature and docstring.

    The function itself still gets only what was given: a default that is shown is no given value.
    In the docstring, the options stand in place of the line `**options: ...`.

    Args:
        options: The class that declares the options.
        trust_code: Whether the function takes `trust_code` too.
        further: Name of the keywords beyond the declared ones; empty where there are none.
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
        if further:
            parameters.append(Parameter(further, Parameter.VAR_KEYWORD, annotation="Any"))
        returned = inspect.signature(call).return_annotation
        vars(call)["__signature__"] = Signature(parameters, return_annotation=returned)
        rows = [(each.name, each.shown_help) for each in listed]
        rows += [("trust_code", TRUST_HELP)] if trust_code else []
        rows += [(f"**{further}", "Further options, by name.")] if further else []
        call.__doc__ = _with_options(inspect.getdoc(call) or "", rows)
        return call

    return decorate


def _parameter(each: Declared) -> Parameter:
    default = each.default
    if each.required:
        # What a folder keeps is left out where a run goes on.
        default = Parameter.empty if each.option.belongs == "run" else ...
    annotation = each.rule.accepts
    return Parameter(each.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _with_options(doc: str, rows: list[tuple[str, str]]) -> str:
    listed = []
    for name, told in rows:
        listed += textwrap.wrap(
            f"{name}: {told}",
            WIDTH,
            initial_indent="    ",
            subsequent_indent="        ",
            break_on_hyphens=False,
        )
    return "\n".join(
        each for line in doc.split("\n") for each in (listed if line.startswith(ENTRY) else [line])
    )
