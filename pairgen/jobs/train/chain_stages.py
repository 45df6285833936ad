"""The stages of a chain: a run for each factor, a final one if asked for, and the decoder's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError
from pairgen.methods._yonos.stage import scale_of
from pairgen.model_config import RUN_FILE
from pairgen.option_names import option_text
from pairgen.training.chain_options import DECODER_STAGE, FINAL_STAGE, STAGES
from pairgen.training.player_options import NetworkConfig

METHOD, DECODER_METHOD = "yonos", "yonos_decoder"
# Options of the method that the decoder's stage has too.
SHARED = ("options.prompts", "options.prompt", "options.posterior")
# What says which stages there are, or is the same in all.
OF_CHAIN = ("chain", "to", "from_run", "method", "out", "resume")
# Options of a stage that follow from its place.
OF_RUNS = ("teacher", "start_from", "network")
OF_PLACE = (*OF_CHAIN, "scale", *OF_RUNS)


@dataclass(frozen=True)
class Stage:
    """One run of a chain.

    Attributes:
        name: `x4`, `final` or `decoder`.
        folder: Its folder.
        options: What its training is given.
    """

    name: str
    folder: Path
    options: Mapping[str, Any]

    @property
    def learns_from(self) -> list[str]:
        """The runs whose weights it reads: as its teacher, or to start from."""
        return [self.options[name] for name in OF_RUNS if self.options.get(name)]


def stages_of(folder: Path, factors: Sequence[int], values: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of a chain in order.

    Args:
        folder: The folder of the chain.
        factors: The factors.
        values: Every given option by its flat name, see `ChainConfig.flattened`.

    Raises:
        ConfigError: The chain stops or starts elsewhere, or an option is of no stage.
    """
    last = values.get("to") or factors[-1]
    if last not in factors:
        raise ConfigError(
            f"{option_text('to')} must be one of the factors {told(factors)}, got {last}."
        )
    reached, network = _reached(factors, last, values.get("from_run", ""))
    trained = [factor for factor in factors if reached < factor <= last]
    own = _by_stage(values, [f"x{factor}" for factor in factors if factor > reached])
    stages: list[Stage] = []
    teacher = ""

    def add(name: str, inside: str, method: str, **of_place: Any) -> str:
        """Add a stage in a folder, and return the folder."""
        shared = _shared(values, decoder=method == DECODER_METHOD)
        if not of_place.get("teacher"):
            # Of the stages with a teacher.
            shared.pop("truth_share", None)
        out = folder / inside
        resume = (out / RUN_FILE).is_file()
        options = {**shared, **own[name], **of_place, "method": method, "out": str(out)}
        stages.append(Stage(name, out, {**options, "resume": resume}))
        return str(out)

    for factor in trained:
        teacher, name = network, f"x{factor}"
        network = add(name, name, METHOD, scale=factor, teacher=teacher)
    if own[FINAL_STAGE] and "steps" not in own[FINAL_STAGE]:
        raise ConfigError("Options of the final stage need final.steps: without, it is left out.")
    if own[FINAL_STAGE].get("steps"):
        own[FINAL_STAGE].setdefault("start_share", 1.0)
        given = {"scale": last, "teacher": teacher, "start_from": network}
        network = add(FINAL_STAGE, f"{FINAL_STAGE}-x{last}", METHOD, **given)
    if own[DECODER_STAGE].get("steps") != 0:
        name = f"{DECODER_STAGE}-x{last}"
        add(DECODER_STAGE, name, DECODER_METHOD, scale=last, network=network)
    if not stages:
        raise ConfigError(f"The chain {told(factors)} has no stage to train from {network}.")
    return stages


def told(factors: Sequence[int], from_run: str = "") -> str:
    """Return a chain in words."""
    return ",".join(map(str, factors)) + (f" from {from_run}" if from_run else "")


def given_name(name: str) -> str:
    """Return `omega` for `options.omega`, `x4.steps` for `stages.x4.steps`, and so on."""
    _, dot, own = name.partition(".")
    return own if dot else name


def _reached(factors: Sequence[int], last: int, from_run: str) -> tuple[int, str]:
    """Return the factor that the chain continues from, 0 for none, and its run."""
    if not from_run:
        return 0, ""
    reached = scale_of("from_run", from_run)
    if reached not in factors or reached > last:
        raise ConfigError(
            f"The chain {told(factors)} up to {last} must hold the factor of from_run: {from_run} "
            f"restores 1/{reached}."
        )
    return reached, from_run


def _shared(values: Mapping[str, Any], *, decoder: bool) -> dict[str, Any]:
    """Return the options of all stages, as `TrainConfig` takes them.

    The decoder has other options of the method, other players and no adapters.
    """
    found = {}
    for name, value in values.items():
        if name.startswith(f"{STAGES}.") or name in OF_CHAIN:
            continue
        if given_name(name) in OF_PLACE:
            raise ConfigError(f"{given_name(name)} cannot be given: the chain sets it.")
        other = "." in name and name not in SHARED
        if decoder and (other or name in NetworkConfig.model_fields):
            continue
        found[given_name(name)] = value
    return found


def _by_stage(values: Mapping[str, Any], trained: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the options of single stages.

    Raises:
        ConfigError: They are of a stage that is not trained, or set what the chain does.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in (*trained, FINAL_STAGE, DECODER_STAGE)}
    for name, value in values.items():
        kind, _, rest = name.partition(".")
        if kind != STAGES:
            continue
        stage, _, option = rest.partition(".")
        if stage not in found:
            raise ConfigError(
                f"{rest} is of no stage that is trained: known are {', '.join(found)}."
            )
        if option in OF_PLACE:
            raise ConfigError(f"{rest} cannot be given: the chain sets it.")
        found[stage][option] = value
    return found
