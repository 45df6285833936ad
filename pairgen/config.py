"""Read configuration: packaged files, the user's files, `key=value` overrides.

YAML is read as plain data, within bounds; an unknown key is an error with a suggestion. A command's
class of options (`pairgen.options`) declares its keys.
"""

import dataclasses
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.option_names import name_as_written
from pairgen.regular_file import read_regular
from pairgen.untrusted.malformed import MalformedError, shown
from pairgen.untrusted.yaml_text import load_yaml

# Read from the working directory if no --config is given.
PROJECT_FILE = "pairgen.yaml"
# Longest value that a message quotes.
MAX_QUOTED = 200
# Prefix of locations inside the package, see `local_path`.
PACKAGE_PREFIX = "package:"
COMMANDS = (
    *("ode", "calibrate", "sample", "degrade", "collect", "annotate", "train", "eval"),
    "compare",
    "restore",
)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the closest known name, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def quoted(value: object) -> str:
    """Return a value for a message, cut to a readable length."""
    return shown(value, MAX_QUOTED)


def packaged_configs() -> Path:
    """Return the folder of packaged configs: inside the wheel, or next to a checkout's package."""
    inside = Path(__file__).parent / "configs"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "configs"


def packaged_assets() -> Path:
    """Return the folder of packaged weights and images."""
    return Path(__file__).parent / "assets"


def local_path(location: str) -> Path:
    """Return the path of a location; `package:assets/...` is inside the package.

    Plans and configs keep that form, because the package is elsewhere on other machines.
    """
    if location.startswith(PACKAGE_PREFIX):
        return packaged_assets().parent / location.removeprefix(PACKAGE_PREFIX)
    return Path(location).expanduser()


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or holds something else.
    """
    try:
        data = load_yaml(read_regular(path))
    except MalformedError as error:
        raise ConfigError(f"The file {path} is not valid YAML: {error}.") from None
    except OSError as error:
        reason = error.strerror or str(error).rstrip(".")
        raise ConfigError(f"The file {path} cannot be read: {reason}.") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"The file {path} must hold `key: value` lines, not a bare value.")
    return data


def check_keys(data: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise ConfigError if a key of `data` is not in `known`."""
    for key in data:
        if key not in known:
            raise ConfigError(
                f"Unknown key {key!r} in {where}{did_you_mean(str(key), known)}; "
                f"known are {', '.join(known)}."
            )


def texts_in(value: Any) -> Iterator[str]:
    """Yield every key and text in plain data."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from texts_in(key)
            yield from texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_in(each)


def parse_overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """Parse `key=value` strings into a mapping; values are read as YAML, nothing as empty text.

    Raises:
        ConfigError: A string has no `=` or its value is not YAML.
    """
    overrides: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set takes key=value, got {quoted(pair)}.")
        try:
            read = load_yaml(value) if value.strip() else ""
        except MalformedError:
            raise ConfigError(f"The value of --set {pair!r} is not valid YAML.") from None
        overrides[key.strip().replace("-", "_")] = read
    return overrides


class Given(dict[str, Any]):
    """The options that a user gave to a command, and their sources.

    Attributes:
        sources: Pairs of a source's name and its options, strongest first.
        typed: Names of the options on the command line; the others come from a file.
    """

    def __init__(
        self, sources: Sequence[tuple[str, Mapping[str, Any]]], typed: Iterable[str]
    ) -> None:
        super().__init__()
        for _, values in reversed(sources):
            self.update(values)
        self.sources = tuple(sources)
        self.typed = frozenset(typed)

    def without(self, name: str) -> "Given":
        """Return a copy without one option."""
        kept = [
            (source, {key: value for key, value in values.items() if key != name})
            for source, values in self.sources
        ]
        return Given(kept, self.typed - {name})


def command_options(
    command: str, config: Path | None, overrides: Sequence[str], typed: Mapping[str, Any]
) -> Given:
    """Return the options of a command from its flags, `key=value` overrides and config file.

    The file is `config`, or `./pairgen.yaml` if it exists. It holds the options of one command, or
    a section for each command (`ode:`). Flags override `--set`, and both override the file.

    Args:
        command: The command's name.
        config: The file of `--config`; None if not given.
        overrides: The values of `--set`.
        typed: The options given as flags.

    Raises:
        ConfigError: The file cannot be read or an override is malformed.
    """
    by_set = _without_trust(parse_overrides(overrides))
    path = config or Path(PROJECT_FILE)
    by_file = _without_trust(_of_file(command, path)) if config or path.is_file() else {}
    name_as_written({*by_set, *by_file} - {*typed})
    sources = [("command line", typed), ("--set", by_set), (str(path), by_file)]
    return Given(sources, {*typed, *by_set})


def _of_file(command: str, path: Path) -> dict[str, Any]:
    data = read_yaml(path)
    if any(key in COMMANDS for key in data):
        check_keys(data, COMMANDS, f"the sections of {path}")
        data = data.get(command) or {}
        if not isinstance(data, dict):
            raise ConfigError(f"The section {command!r} of {path} must hold `key: value` lines.")
    return {str(key).replace("-", "_"): value for key, value in data.items()}


def _without_trust(options: dict[str, Any]) -> dict[str, Any]:
    """Refuse `trust_code` in a file, which may come from a stranger."""
    if "trust_code" in options:
        raise ConfigError("trust_code is taken from the command line only: give --trust-code.")
    return options


def integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an integer in [low, high].

    Raises:
        ConfigError: `value` is not allowed.
    """
    allowed = f"an integer >= {low:,}" if high is None else f"an integer in {low:,}..{high:,}"
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ConfigError(f"{name} must be {allowed}, got {quoted(value)}.")
    try:
        number = int(value)
    except ValueError:
        raise ConfigError(f"{name} must be {allowed}, got {quoted(value)}.") from None
    if number < low or (high is not None and number > high):
        raise ConfigError(f"{name} must be {allowed}, got {quoted(value)}.")
    return number


def number(name: str, value: Any, low: float, high: float) -> float:
    """Return `value` as a finite float in [low, high].

    Raises:
        ConfigError: `value` is not allowed.
    """
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = math.nan
    if isinstance(value, bool) or not low <= result <= high:
        raise ConfigError(f"{name} must be a number in [{low:g}, {high:g}], got {quoted(value)}.")
    return result


def numbers(name: str, value: Any, low: float, high: float) -> tuple[float, ...]:
    """Return a list, a number, or text such as `3,8` as floats in [low, high].

    Raises:
        ConfigError: An entry is not a number in the range, or occurs twice.
    """
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    entries = value if isinstance(value, list | tuple) else [value]
    result = tuple(number(name, entry, low, high) for entry in entries)
    if len(set(result)) < len(result):
        raise ConfigError(f"{name} holds a value twice: {', '.join(f'{v:g}' for v in result)}.")
    return result


def choice(name: str, value: Any, known: Sequence[str]) -> str:
    """Return `value` if it is one of `known`.

    Raises:
        ConfigError: `value` is not allowed.
    """
    if not isinstance(value, str) or value not in known:
        hint = did_you_mean(str(value), known)
        raise ConfigError(f"{name} must be one of {', '.join(known)}, got {quoted(value)}{hint}.")
    return str(value)


def boolean(name: str, value: Any) -> bool:
    """Return `value` if it is true or false.

    Raises:
        ConfigError: `value` is not allowed.
    """
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, got {quoted(value)}.")
    return value


def mapping(name: str, value: Any) -> dict[str, Any]:
    """Return `key: value` lines as a mapping; none for None.

    Raises:
        ConfigError: The value is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must hold `key: value` lines, got {quoted(value)}.")
    return dict(value)


def text(name: str, value: Any) -> str:
    """Return a string or path as text.

    Raises:
        ConfigError: `value` is not text.
    """
    if not isinstance(value, str | Path):
        raise ConfigError(f"{name} must be text, got {quoted(value)}.")
    return str(value)


def field_names(config_class: type) -> list[str]:
    """Return the names of a dataclass' fields, in order."""
    return [field.name for field in dataclasses.fields(config_class)]
