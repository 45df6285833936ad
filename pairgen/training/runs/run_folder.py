"""The run folder: its resolved config, and the checkpoint to continue from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.model_config import MODEL_FILE, RUN_FILE
from pairgen.option_names import option_text
from pairgen.options import declared
from pairgen.redaction import without_secrets_in
from pairgen.rules import Place
from pairgen.shards.storage.local_store import LocalStore
from pairgen.training.config import make_train_config
from pairgen.training.loop.checkpoint import find_checkpoints, read_state
from pairgen.training.options import TrainConfig
from pairgen.training.player_names import flattened_players, nested_players
from pairgen.training.runs.run_config import PARTIAL, plain, read_run_config
from pairgen.training.runs.same_place import is_same_place
from pairgen.wording import counted, typed_text


def remembered(folder: Path, method: Any, resume: Any) -> dict[str, Any]:
    """Return the options of a run to continue, as defaults for those that are not given.

    Args:
        folder: The run folder.
        method: The requested method.
        resume: Whether to continue the run.

    Raises:
        ConfigError: The folder holds a run of another method.
    """
    before = read_run_config(folder) if resume and (folder / RUN_FILE).is_file() else {}
    if before and method and before.get("method") != method:
        raise ConfigError(
            f"{folder} holds a run of the method {before.get('method')!r}, got {str(method)!r}."
        )
    return before


def begin_run(
    config: TrainConfig,
    folder: Path,
    num_processes: int,
    say: Callable[[str], None],
    complete: Callable[[TrainConfig], TrainConfig] = lambda config: config,
) -> tuple[TrainConfig, dict[str, Any], Path | None]:
    """Return the resolved config, and the state and folder of the checkpoint to continue from.

    Args:
        config: The run's config, as requested.
        folder: The run folder.
        num_processes: Number of training processes.
        say: Called if there is nothing to continue from, or if the thread count is unexpected.
        complete: Completes the options of the method, as was done with those of `config`.

    Raises:
        ConfigError: The folder is not writable, or holds another run, a run that was not to be
            continued, or one that cannot be.
    """
    if "://" in config.out:
        raise ConfigError(f"{option_text('out')} must be a local folder, got {config.out!r}.")
    LocalStore(folder.absolute()).check_writable()
    found = find_checkpoints(folder / "checkpoints")
    num_threads_before = 0
    path = folder / RUN_FILE
    if path.is_file():
        if not config.resume:
            raise ConfigError(
                f"{folder} holds a run after {counted(len(found), 'checkpoint')}: continue it "
                "with --resume,"
                " or give another --out."
            )
        config, num_threads_before = check_continues(config, folder, complete)
    elif folder.is_dir() and any(each.name != PARTIAL for each in folder.iterdir()):
        raise ConfigError(f"{folder} holds other files: give another --out.")
    parts = config.data_parts or num_processes
    num_threads = config.cpu_threads or num_threads_before or torch.get_num_threads()
    config = config.model_copy(update={"data_parts": parts, "cpu_threads": num_threads})
    for name, value, divisor in (
        ("data_parts", parts, num_processes),
        ("batch_size", config.batch_size, parts),
        ("batch_size", config.batch_size, num_processes * config.accumulate),
    ):
        if value % divisor:
            raise ConfigError(
                f"{option_text(name)} must be a multiple of {divisor} here "
                f"({counted(num_processes, 'process', 'processes')}, accumulate "
                f"{config.accumulate}, data_parts "
                f"{parts}), got {value}."
            )
    if not found and (folder / MODEL_FILE).is_file():
        raise ConfigError(
            f"{folder} holds a finished student and no checkpoint to continue from: "
            "give another --out."
        )
    if not found:
        if config.resume:
            say(f"No checkpoint in {folder}: starting at step 0.")
        return config, {}, None
    state = read_state(found[-1])
    if config.steps < state["step"]:
        raise ConfigError(
            f"{option_text('steps')} must be at least the {state['step']:,} that {folder} has "
            f"done, got {config.steps:,}."
        )
    if notice := _thread_notice(num_threads_before, num_threads):
        say(notice)
    return config, state, found[-1]


def check_continues(
    config: TrainConfig, folder: Path, complete: Callable[[TrainConfig], TrainConfig]
) -> tuple[TrainConfig, int]:
    """Check that a folder's run may continue with a config.

    Returns:
        The config, with the parts of the data that the run began with, and the run's number of
        threads; 0 if that is not known.

    Raises:
        ConfigError: The folder holds another run.
    """
    before = complete(make_train_config(read_run_config(folder)))
    config = config.model_copy(update={"data_parts": config.data_parts or before.data_parts})
    _check_same(before, config, folder)
    return config, before.cpu_threads


def _thread_notice(before: int, now: int) -> str:
    """Return a notice about the number of threads in a resumed run; empty for none.

    Args:
        before: Number of threads so far; 0 if unknown.
        now: Number of threads from now on.
    """
    own = torch.get_num_threads()
    if before and now != before:
        return (
            f"From now on cpu_threads {now} (before: {before}): the bits may differ from those of "
            "an uninterrupted run."
        )
    if now > own and before:
        return (
            f"Continuing in {now} threads, as the run began; torch would use {own} here: "
            f"cpu_threads={own} may be faster, but changes the bits."
        )
    return ""


def _check_same(before: TrainConfig, now: TrainConfig, folder: Path) -> None:
    old, new = (
        {**plain_identity(each), "players": _players(each, before, now)} for each in (before, now)
    )
    for name in {*_places(now.method)} & old["options"].keys() & new["options"].keys():
        given = new["options"][name]
        if is_same_place(old["options"][name], given, folder):
            old["options"] = {**old["options"], name: given}
    different = _differences(old, new)
    if different:
        raise ConfigError(f"{folder} holds another run; these differ: {', '.join(different)}.")


def _places(method: str) -> list[str]:
    """Return the options of a method that name a run or a file."""
    # The training of a perceptual network is none of the methods.
    if method not in plugins.members("methods") and not plugins.is_own("methods", method):
        return []
    options = plugins.declared_options("methods", method)
    rules = {each.name: each.rule for each in declared(options)} if options else {}
    return [name for name, rule in rules.items() if isinstance(rule, Place)]


def _players(config: TrainConfig, *others: TrainConfig) -> dict[str, Any]:
    """Return, for each player, the options that any of the configs `others` sets for it alone.

    Where `config` does not set them for it alone, they come from what all its players share.
    """
    every = dict.fromkeys(
        name for each in others for name in flattened_players(each.players) if "." in name
    )
    found: dict[str, Any] = {}
    for name in every:
        player, _, key = name.partition(".")
        network, dot, inner = key.partition(".")
        own = config.player(player)
        source = config.networks(player).get(network, own) if dot else own
        found[name] = getattr(source, inner or key)
    return plain(nested_players(found))


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], within: str = "") -> list[str]:
    """Return each option that differs; options of methods and players by their own names."""
    found = []
    for name in now:
        old, new = before.get(name), now[name]
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            every = dict.fromkeys([*old, *new])
            inner = {key: new.get(key) for key in every}
            # As on the command line, where options of the method have no prefix.
            prefix = "" if name in ("options", "players") else f"{within}{name}."
            found += _differences(old, inner, prefix)
        elif old != new:
            told = option_text(f"{within}{name}")
            found.append(f"{told} (was {typed_text(old)}, got {typed_text(new)})")
    return found


def plain_identity(config: TrainConfig) -> dict[str, Any]:
    """Return what a resumed run must have in common with its beginning, as YAML holds it."""
    identity: dict[str, Any] = without_secrets_in(plain(config.identity()))
    return identity
