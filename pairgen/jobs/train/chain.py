"""`pairgen train yonos --chain`: one run after the other, each taught by the one before.

out/x2/  out/x4/  out/x8/   runs of `yonos`
out/final-x8/               a further one at the last time alone, if it is given steps
out/decoder-x8/             a run of `yonos_decoder` behind the last of them
out/chain.json              the factors, the options that were given, and the weights' SHA-256
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.train.chain_check import check_order, check_stages, is_finished
from pairgen.jobs.train.chain_file import ChainFile, is_partial, read_chain, write_chain
from pairgen.jobs.train.chain_stages import METHOD, OF_CHAIN, Stage, given_name, stages_of, told
from pairgen.jobs.train.chain_weights import checked_weights, weights_of
from pairgen.jobs.train.run import run_train
from pairgen.model_config import CHAIN_FILE, RUN_FILE
from pairgen.option_names import option_text
from pairgen.resolution import Sources, sources_of
from pairgen.training.chain_options import ChainConfig
from pairgen.training.loop.accelerator import open_accelerator
from pairgen.training.runs.outcome import Trained
from pairgen.training.runs.record import read_record
from pairgen.training.runs.same_place import is_same_place
from pairgen.wording import HELD_OUT, command_text

# A word for one command, which the file of the chain does not keep.
ACCEPT = "accept_changed_code"


def is_chain(given: Mapping[str, Any]) -> bool:
    """Whether a training is a chain: it is asked for one, or continues one."""
    out = given.get("out")
    continues = bool(given.get("resume") and out) and (Path(str(out)) / CHAIN_FILE).is_file()
    return continues or any(given.get(name) is not None for name in ("chain", "to", "from_run"))


@trusts_user
def run_chain(given: Mapping[str, Any], say: Say = log) -> Trained:
    """Run the stages of a chain that are not finished; return the result of the last one.

    Raises:
        ConfigError: An option of any stage is invalid, the folder holds another chain, or a
            finished run that a stage learns from was altered; that stage was not trained.
    """
    with open_accelerator() as accelerator:
        main = accelerator.is_main_process
        folder, chain, stages = _resolve(given)
        finished = [is_finished(stage) for stage in stages]
        check_order(stages, finished)
        left = [each for each, done in zip(stages, finished, strict=True) if not done]
        weights = checked_weights(folder, left, chain.weights)
        accelerator.wait_for_everyone()

    def write() -> None:
        if main:
            write_chain(folder, replace(chain, weights=weights))

    write()
    for stage in stages:
        if main:
            say(f"Stage {stage.name}: {stage.folder}{' is finished' * (stage not in left)}.")
        if stage not in left:
            result = _finished(stage, main)
            continue
        weights = checked_weights(folder, left, weights)
        # What it has exported before, if anything, does not stay.
        weights.pop(stage.folder.name, None)
        write()
        result = run_train(stage.options, say)
        if result.interrupted:
            break
        left.remove(stage)
        weights[stage.folder.name] = weights_of(stage.folder)
        write()
    return result


def _finished(stage: Stage, first_process: bool) -> Trained:
    record = read_record(stage.folder)
    assert record is not None
    following = command_text("pairgen", "eval", stage.folder, "--data", HELD_OUT)
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
        raise ConfigError(
            f"{option_text('chain')} is for the method {METHOD}, got {sources['method']!r}."
        )
    if not factors:
        raise ConfigError(
            f"{option_text('to')} and {option_text('from_run')} are of a chain: give its factors, "
            "such as --chain 2,4."
        )
    values = _strongest(sources)
    stages = stages_of(folder, factors, values)
    check_stages(stages)
    kept = {given_name(name): it for name, it in values.items() if name not in (*OF_CHAIN, ACCEPT)}
    weights = before.weights if before else {}
    chain = ChainFile(chain=factors, from_run=sources["from_run"], options=kept, weights=weights)
    return folder, chain, stages


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
    same_run = is_same_place(before.from_run, sources["from_run"], folder)
    if tuple(factors[:num]) != tuple(before.chain[:num]) or not same_run:
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
