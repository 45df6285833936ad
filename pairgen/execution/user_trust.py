"""Which modules a command may import: those that its user named in the options."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pairgen import plugins
from pairgen.asked_model import split_steps
from pairgen.config import Given, boolean, read_yaml, texts_in
from pairgen.errors import ConfigError
from pairgen.model_config import lies_in_data, module_of_model
from pairgen.module_files import file_named, find_source, is_file, name_of
from pairgen.trust import Trust, named_by_user, trusting

Asked = ParamSpec("Asked")
Result = TypeVar("Result")
# Families whose members a user may name, and the options that name one or several of them.
FAMILIES = ("annotators", "degradations", "methods", "teachers")
OPTIONS = {"method": "methods", "tagger": "annotators", "add": "annotators"}
# The name or the file of a module, and the folder of the file that says it.
_Named = tuple[str, Path]


@contextmanager
def trusted_by_user(given: Mapping[str, Any]) -> Iterator[Given]:
    """Trust the modules that the options name while a command runs; yield its other options.

    A method, annotator or tagger is named by its name or its file, a teacher and an operation by
    the user's own YAML file. Names in a dataset, a run, a model folder or a config file that was
    found in the working directory do not count as given by the user.

    Args:
        given: The options that the user gave; `trust_code` is removed from those yielded.

    Raises:
        ConfigError: `trust_code` is neither true nor false.
    """
    typed = given.typed if isinstance(given, Given) else given.keys()
    trust = _trust(
        _named_modules({name: given[name] for name in typed if name in given}),
        boolean("trust_code", given.get("trust_code", False)),
    )
    options = given if isinstance(given, Given) else Given([("call", given)], typed)
    with trusting(trust):
        yield _by_name(options.without("trust_code"))


def trusts_user(
    run: Callable[Concatenate[Mapping[str, Any], Asked], Result],
) -> Callable[Concatenate[Mapping[str, Any], Asked], Result]:
    """Wrap a command, whose first argument is its options, in `trusted_by_user`."""

    @wraps(run)
    def trusting_run(given: Mapping[str, Any], *args: Asked.args, **kwargs: Asked.kwargs) -> Result:
        with trusted_by_user(given) as options:
            return run(options, *args, **kwargs)

    return trusting_run


def _trust(named: Iterable[_Named], everything: bool) -> Trust:
    """Return the trust in modules that the user has named.

    Args:
        named: Names and files of modules, and the folder of the file that names each.
        everything: Whether `--trust-code` was given.
    """
    here = os.getcwd()
    dotted: set[str] = set()
    files: dict[str, Path] = {}
    beside: dict[str, None] = {}
    for text, folder in named:
        if is_file(text):
            files[name_of(text)] = file_named(text, folder)
        elif all(part.isidentifier() for part in text.split(".")):
            found = find_source(text, [here, str(folder.absolute())])
            if "." in text:
                dotted.add(text)
                if found is not None and find_source(text, [here]) is None:
                    beside[str(folder.absolute())] = None
            elif found is not None and _is_free(text):
                files[text] = found
    return named_by_user(dotted, everything, files, beside)


def _is_free(name: str) -> bool:
    """Whether a name without dots is neither one of pairgen's own parts nor of Python's modules."""
    return name not in sys.stdlib_module_names and not any(
        name in plugins.members(family) for family in FAMILIES
    )


def _by_name(options: Given) -> Given:
    """Return options that name modules by their names, where some are given by their files."""

    def named(option: str, value: Any) -> Any:
        family = OPTIONS.get(option)
        if family is None:
            return value
        if isinstance(value, str):
            texts = [plugins.module_name(family, each.strip()) for each in value.split(",")]
            return ",".join(texts)
        if isinstance(value, list | tuple):
            return [plugins.module_name(family, str(each)) for each in value]
        return value

    sources = [
        (source, {option: named(option, value) for option, value in values.items()})
        for source, values in options.sources
    ]
    return Given(sources, options.typed)


def _named_modules(options: Mapping[str, Any]) -> Iterator[_Named]:
    """Yield the modules that options name; invalid values are refused where they are used."""
    for name in OPTIONS:
        if isinstance(added := options.get(name), str | list | tuple):
            for each in added.split(",") if isinstance(added, str) else added:
                yield str(each).strip(), Path()
    for name in ("model", "run", "tagger_model"):
        if isinstance(model := options.get(name), str | Path):
            yield from _of_model(str(model))
    if isinstance(models := options.get("runs"), str | Path | list | tuple):
        for each in [models] if isinstance(models, str | Path) else models:
            yield from _of_model(split_steps(str(each))[0])
    if isinstance(preset := options.get("degradation"), str | Path):
        yield from _modules_of_preset(str(preset))


def _of_model(model: str) -> Iterator[_Named]:
    for each in module_of_model(model):
        yield each, Path(model).expanduser().parent


def _modules_of_preset(preset: str) -> Iterator[_Named]:
    """Yield every text in a user's own preset, which include the modules of operations."""
    file = Path(preset).expanduser()
    if not preset.endswith((".yaml", ".yml")) or lies_in_data(file):
        return
    try:
        recipe = read_yaml(file)
    except ConfigError:
        # `find_preset` reports what is wrong with it.
        return
    for text in texts_in(recipe):
        yield text, file.parent
