"""`pairgen train yonos --chain`: one run after the other, each taught by the one before.

out/x2/  out/x4/  out/x8/   runs of `yonos`
out/decoder-x8/             a run of `yonos_decoder` behind the last of them
out/chain.json              the factors, and the options that were given
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.train.chain_file import CHAIN_FILE, ChainFile, read_chain, write_chain
from pairgen.jobs.train.run import run_train
from pairgen.methods._encoded_pairs import lr_member
from pairgen.methods._nested_levels import check_nested
from pairgen.methods._yonos_stage import scale_of
from pairgen.model_config import MODEL_FILE, RUN_FILE
from pairgen.resolution import Sources, sources_of
from pairgen.training.accelerator import open_accelerator
from pairgen.training.chain_options import DECODER_STAGE, STAGES, ChainConfig
from pairgen.training.offered import open_offered, plans_with
from pairgen.training.outcome import Trained
from pairgen.training.player_options import NetworkConfig
from pairgen.training.record import read_record
from pairgen.training.run_folder import check_continues
from pairgen.training.start import resolve_method_options, resolve_run

METHOD, DECODER_METHOD = "yonos", "yonos_decoder"
# Options of the method that the decoder's stage has too.
SHARED = ("options.prompts", "options.prompt", "options.posterior")
# What says which stages there are, or is the same in all.
OF_CHAIN = ("chain", "to", "from_run", "method", "out", "resume")


@dataclass(frozen=True)
class Stage:
    """One run of a chain.

    Attributes:
        name: `x4`, or `decoder`.
        folder: Its folder.
        options: What its training is given.
    """

    name: str
    folder: Path
    options: Mapping[str, Any]


def is_chain(given: Mapping[str, Any]) -> bool:
    """Whether a training is a chain: it is asked for one, or continues one."""
    out = given.get("out")
    continues = bool(given.get("resume") and out) and (Path(str(out)) / CHAIN_FILE).is_file()
    return bool(given.get("chain")) or continues


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
    before = read_chain(folder)
    if before is not None:
        if not sources["resume"]:
            raise ConfigError(
                f"{folder} holds a chain: continue it with --resume, or give another --out."
            )
        factors, sources = _continued(folder, before, sources)
    if sources["method"] != METHOD:
        raise ConfigError(f"chain is for the method {METHOD}, got {sources['method']!r}.")
    values = _strongest(sources)
    stages = _stages(folder, factors, values)
    for stage in stages:
        _check(stage)
    kept = {_as_given(name): it for name, it in values.items() if name not in OF_CHAIN}
    return folder, ChainFile(chain=factors, from_run=sources["from_run"], options=kept), stages


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
            f"{folder} holds the chain {_told(before.chain, before.from_run)}, got "
            f"{_told(factors, sources['from_run'])}."
        )
    return factors, sources


def _told(factors: Sequence[int], from_run: str) -> str:
    return ",".join(map(str, factors)) + (f" from {from_run}" if from_run else "")


def _strongest(sources: Sources[ChainConfig]) -> dict[str, Any]:
    """Return every given option by its flat name."""
    found: dict[str, Any] = {}
    for layer in reversed(sources.layers):
        found |= layer.values
    return found


def _stages(folder: Path, factors: Sequence[int], values: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of a chain in order."""
    last = values.get("to") or factors[-1]
    if last not in factors:
        raise ConfigError(f"to must be one of the factors {_told(factors, '')}, got {last}.")
    teacher = values.get("from_run", "")
    reached = scale_of("from_run", teacher) if teacher else 0
    if teacher and (reached not in factors or reached > last):
        raise ConfigError(
            f"from_run must restore one of the factors {_told(factors, '')} up to {last}, got "
            f"{reached}: {teacher}."
        )
    own = _by_stage(values, [f"x{factor}" for factor in factors if factor > reached])
    stages = []
    for factor in factors:
        if not reached < factor <= last:
            continue
        name = f"x{factor}"
        options = _common(values) | own[name] | {"scale": factor, "teacher": teacher}
        stages.append(_stage(folder, name, METHOD, options, name))
        teacher = str(folder / name)
    if own[DECODER_STAGE].get("steps") != 0:
        options = _common(values, decoder=True) | own[DECODER_STAGE]
        options |= {"scale": last, "network": teacher}
        name = f"{DECODER_STAGE}-x{last}"
        stages.append(_stage(folder, DECODER_STAGE, DECODER_METHOD, options, name))
    return stages


def _stage(folder: Path, name: str, method: str, options: dict[str, Any], inside: str) -> Stage:
    own = folder / inside
    options |= {"method": method, "out": str(own), "resume": (own / RUN_FILE).is_file()}
    return Stage(name, own, options)


def _common(values: Mapping[str, Any], *, decoder: bool = False) -> dict[str, Any]:
    """Return the options of all stages, as `TrainConfig` takes them.

    The decoder has other options of the method, other players and no adapters.
    """
    found = {}
    for name, value in values.items():
        if name.startswith(f"{STAGES}.") or name in OF_CHAIN:
            continue
        other = "." in name and name not in SHARED
        if decoder and (other or name in NetworkConfig.model_fields):
            continue
        found[_as_given(name)] = value
    return found


def _as_given(name: str) -> str:
    """Return `omega` for `options.omega`, `student.lr` for `players.student.lr`, and so on."""
    _, dot, own = name.partition(".")
    return own if dot else name


def _by_stage(values: Mapping[str, Any], trained: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the options of single stages.

    Raises:
        ConfigError: They are of a stage that is not trained, or set what the chain does.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in (*trained, DECODER_STAGE)}
    for name, value in values.items():
        kind, _, rest = name.partition(".")
        if kind != STAGES:
            continue
        stage, _, option = rest.partition(".")
        if stage not in found:
            raise ConfigError(
                f"{rest} is of no stage that is trained: known are {', '.join(found)}."
            )
        if option in (*OF_CHAIN, "scale", "teacher", "network"):
            raise ConfigError(f"{rest} cannot be given: the chain sets it.")
        found[stage][option] = value
    return found


def _check(stage: Stage) -> None:
    """Check the options of a stage, and that its folder holds this run or none."""
    run = resolve_run(stage.options)
    config = resolve_method_options(run.config)
    if stage.options.get("teacher"):
        sets = open_offered(config.data, run.plans)
        check_nested(plans_with(sets, lr_member(stage.options["scale"])))
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
