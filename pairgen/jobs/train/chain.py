"""`pairgen train yonos --chain`: one run after the other, each taught by the one before.

out/x2/  out/x4/  out/x8/   runs of `yonos`
out/final-x8/               a further one at the last time alone, if it is given steps
out/decoder-x8/             a run of `yonos_decoder` behind the last of them
out/chain.json              the factors, and the options that were given
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from pairgen.errors import ConfigError
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.train.chain_file import (
    CHAIN_FILE,
    ChainFile,
    is_partial,
    read_chain,
    write_chain,
)
from pairgen.jobs.train.chain_stages import METHOD, OF_CHAIN, Stage, given_name, stages_of, told
from pairgen.jobs.train.run import run_train
from pairgen.methods._image_pairs import RGB, lr_member
from pairgen.methods._nested_levels import check_nested
from pairgen.model_config import MODEL_FILE, RUN_FILE
from pairgen.networks.lpips_file import load_lpips
from pairgen.resolution import Sources, sources_of
from pairgen.training.accelerator import open_accelerator
from pairgen.training.chain_options import ChainConfig
from pairgen.training.needs import check_needs
from pairgen.training.offered import open_offered, plans_with
from pairgen.training.outcome import Trained
from pairgen.training.record import read_record
from pairgen.training.run_folder import check_continues
from pairgen.training.start import (
    check_trainable,
    find_perceptual,
    resolve_method_options,
    resolve_run,
)


def is_chain(given: Mapping[str, Any]) -> bool:
    """Whether a training is a chain: it is asked for one, or continues one."""
    out = given.get("out")
    continues = bool(given.get("resume") and out) and (Path(str(out)) / CHAIN_FILE).is_file()
    return continues or any(given.get(name) is not None for name in ("chain", "to", "from_run"))


@trusts_user
def run_chain(given: Mapping[str, Any], say: Say = log) -> Trained:
    """Run the stages of a chain that are not finished; return the result of the last one.

    Raises:
        ConfigError: An option of any stage is invalid, or the folder holds another chain; nothing
            was trained.
    """
    with open_accelerator() as accelerator:
        main = accelerator.is_main_process
        folder, chain, stages = _resolve(given)
        finished = [_is_finished(stage) for stage in stages]
        _check_order(stages, finished)
        accelerator.wait_for_everyone()
        if main:
            write_chain(folder, chain)
        accelerator.wait_for_everyone()
    for stage, is_finished in zip(stages, finished, strict=True):
        if main:
            say(f"Stage {stage.name}: {stage.folder}{' is finished' * is_finished}.")
        if is_finished:
            result = _finished(stage, main)
            continue
        result = run_train(stage.options, say)
        if result.interrupted:
            break
    return result


def _finished(stage: Stage, first_process: bool) -> Trained:
    record = read_record(stage.folder)
    assert record is not None
    following = f"pairgen eval {stage.folder} --data HELD_OUT"
    return Trained(stage.folder, record.steps, False, first_process, following)


def _resolve(given: Mapping[str, Any]) -> tuple[Path, ChainFile, list[Stage]]:
    """Return the folder, what it is asked for, and its stages, whose options are checked."""
    sources = sources_of(ChainConfig, given)
    factors = sources["chain"]
    folder = Path(sources["out"] or f"runs/{METHOD}-{'-'.join(map(str, factors))}")
    before = _begun(folder, sources["resume"])
    if before is not None:
        factors, sources = _continued(folder, before, sources)
    if sources["method"] != METHOD:
        raise ConfigError(f"chain is for the method {METHOD}, got {sources['method']!r}.")
    if not factors:
        raise ConfigError("to and from_run are of a chain: give its factors, such as --chain 2,4.")
    values = _strongest(sources)
    stages = stages_of(folder, factors, values)
    for stage in stages:
        _check(stage)
    kept = {given_name(name): it for name, it in values.items() if name not in OF_CHAIN}
    return folder, ChainFile(chain=factors, from_run=sources["from_run"], options=kept), stages


def _begun(folder: Path, resume: bool) -> ChainFile | None:
    """Return what the chain of a folder was asked for; None if none of its stages has begun.

    Raises:
        ConfigError: It was not to be continued, or the folder holds something else.
    """
    before = read_chain(folder)
    if before is None:
        # A chain that has lost its file still continues: each stage knows its run.
        continues = resume and any(folder.glob(f"*/{RUN_FILE}"))
        others = folder.is_dir() and any(not is_partial(path) for path in folder.iterdir())
        if others and not continues:
            raise ConfigError(f"{folder} holds other files: give another --out.")
    elif not resume:
        if any(folder.glob(f"*/{RUN_FILE}")):
            raise ConfigError(
                f"{folder} holds a chain: continue it with --resume, or give another --out."
            )
        # Its first stage was refused, or was stopped before its first step.
        return None
    return before


def _continued(
    folder: Path, before: ChainFile, sources: Sources[ChainConfig]
) -> tuple[tuple[int, ...], Sources[ChainConfig]]:
    """Return factors and options of a chain that continues: the given ones above the remembered."""
    remembered = {**before.options, "chain": before.chain, "from_run": before.from_run}
    sources = sources.below(f"chain {folder}", remembered)
    factors = sources["chain"]
    num = min(len(factors), len(before.chain))
    if tuple(factors[:num]) != tuple(before.chain[:num]) or sources["from_run"] != before.from_run:
        raise ConfigError(
            f"{folder} holds the chain {told(before.chain, before.from_run)}, got "
            f"{told(factors, sources['from_run'])}."
        )
    return factors, sources


def _strongest(sources: Sources[ChainConfig]) -> dict[str, Any]:
    """Return every given option by its flat name."""
    found: dict[str, Any] = {}
    for layer in reversed(sources.layers):
        found |= layer.values
    return found


def _check(stage: Stage) -> None:
    """Check what a stage would refuse once those before it are trained.

    That is its options, data and perceptual network, and that its folder holds this run or none.
    """
    run = resolve_run(stage.options)
    check_trainable(run.start)
    config = resolve_method_options(run.config)
    sets = open_offered(config.data, run.plans)
    check_needs(config.method, config.options, sets)
    if stage.options.get("teacher"):
        check_nested(plans_with(sets, lr_member(stage.options["scale"])))
    if config.options.get("lpips_weight"):
        location, _ = find_perceptual(run.start, config.options["perceptual"], RGB)
        load_lpips(location, RGB, torch.device("cpu"))
    if (stage.folder / RUN_FILE).is_file():
        check_continues(config, stage.folder, resolve_method_options)


def _check_order(stages: Sequence[Stage], finished: Sequence[bool]) -> None:
    """Refuse to train a stage on that another one was begun with.

    Raises:
        ConfigError: There is one.
    """
    for (stage, after), is_finished in zip(pairwise(stages), finished, strict=False):
        if not is_finished and (after.folder / RUN_FILE).is_file():
            raise ConfigError(
                f"{stage.folder} has steps to train, but {after.folder} was begun with what it is "
                f"now: give it no more steps, remove {after.folder}, or give another --out."
            )


def _is_finished(stage: Stage) -> bool:
    """Whether a stage has a student of as many steps as it is asked for."""
    record = read_record(stage.folder) if (stage.folder / MODEL_FILE).is_file() else None
    return record is not None and record.steps >= resolve_run(stage.options).config.steps
