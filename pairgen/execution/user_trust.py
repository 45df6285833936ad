"""Which modules a command may import: those that its user named in the options."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from pairgen.config import Given, boolean, read_yaml
from pairgen.errors import ConfigError
from pairgen.model_config import lies_in_data, module_of_model, split_steps
from pairgen.trust import named_by_user, trusting

Asked = ParamSpec("Asked")
Result = TypeVar("Result")


@contextmanager
def trusted_by_user(given: Mapping[str, Any]) -> Iterator[Given]:
    """Trust the modules that the options name while a command runs; yield its other options.

    A method, annotator or tagger is named by its dotted name, a teacher and an operation by the
    user's own YAML file. Names in a dataset, a run, a model folder or a config file that was found
    in the working directory do not count as given by the user.

    Args:
        given: The options that the user gave; `trust_code` is removed from those yielded.

    Raises:
        ConfigError: `trust_code` is neither true nor false.
    """
    typed = given.typed if isinstance(given, Given) else given.keys()
    named = _named_modules({name: given[name] for name in typed if name in given})
    everything = boolean("trust_code", given.get("trust_code", False))
    options = given if isinstance(given, Given) else Given([("call", given)], typed)
    with trusting(named_by_user(named, everything)):
        yield options.without("trust_code")


def trusts_user(
    run: Callable[Concatenate[Mapping[str, Any], Asked], Result],
) -> Callable[Concatenate[Mapping[str, Any], Asked], Result]:
    """Wrap a command, whose first argument is its options, in `trusted_by_user`."""

    @wraps(run)
    def trusting_run(given: Mapping[str, Any], *args: Asked.args, **kwargs: Asked.kwargs) -> Result:
        with trusted_by_user(given) as options:
            return run(options, *args, **kwargs)

    return trusting_run


def _named_modules(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the modules that options name; invalid values are refused where they are used."""
    for name in ("method", "tagger"):
        if isinstance(member := options.get(name), str):
            yield member
    if isinstance(added := options.get("add"), str | list | tuple):
        for name in added.split(",") if isinstance(added, str) else added:
            yield str(name).strip()
    for name in ("model", "run", "tagger_model"):
        if isinstance(model := options.get(name), str | Path):
            yield from module_of_model(str(model))
    if isinstance(models := options.get("runs"), str | Path | list | tuple):
        for each in [models] if isinstance(models, str | Path) else models:
            yield from module_of_model(split_steps(str(each))[0])
    if isinstance(preset := options.get("degradation"), str | Path):
        yield from _modules_of_preset(str(preset))


def _modules_of_preset(preset: str) -> list[str]:
    """Return the dotted names in a user's own preset, which include the modules of operations."""
    file = Path(preset).expanduser()
    if not preset.endswith((".yaml", ".yml")) or lies_in_data(file):
        return []
    try:
        recipe = read_yaml(file)
    except ConfigError:
        # `find_preset` reports what is wrong with it.
        return []
    return [text for text in _texts(recipe) if "." in text]


def _texts(value: Any) -> Iterator[str]:
    """Yield every key and text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
