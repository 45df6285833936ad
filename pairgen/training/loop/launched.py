"""What accelerate's config file asks for: taken as it is, or refused."""

from collections.abc import Mapping

from pairgen.errors import ConfigError
from pairgen.training.options import TrainConfig

# What `accelerate launch` sets for what the trainer does not do, and how a config file names it.
OTHER_TRAINERS = {
    "ACCELERATE_USE_DEEPSPEED": "distributed_type: DEEPSPEED",
    "ACCELERATE_USE_FSDP": "distributed_type: FSDP",
    "ACCELERATE_USE_MEGATRON_LM": "distributed_type: MEGATRON_LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "parallelism_config",
}
PRECISIONS = {"fp16": "float16", "bf16": "bfloat16"}
OFF = ("", "no", "false", "0")


def check_launched(environment: Mapping[str, str], config: TrainConfig) -> None:
    """Refuse a config file of accelerate that asks for what the run does not do.

    Numbers of machines and processes, addresses, ports, devices and `use_cpu` are taken.

    Args:
        environment: Environment variables, by which `accelerate launch` hands it over.
        config: The run's options.

    Raises:
        ConfigError: It asks for another trainer, precision, accumulation, or for compilation.
    """
    for variable, named in OTHER_TRAINERS.items():
        if _asked(environment, variable):
            raise ConfigError(
                f"accelerate's config has {named}, but pairgen trains with plain data parallelism: "
                "take a config with distributed_type: MULTI_GPU, or NO."
            )
    if backend := _asked(environment, "ACCELERATE_DYNAMO_BACKEND"):
        raise ConfigError(
            f"accelerate's config has dynamo_backend: {backend}, but trainings are not compiled: "
            "take it out."
        )
    mixed = _asked(environment, "ACCELERATE_MIXED_PRECISION")
    if mixed and PRECISIONS.get(mixed) != config.precision:
        wanted = PRECISIONS.get(mixed)
        remedy = f"give --precision {wanted}, or " if wanted else ""
        raise ConfigError(
            f"accelerate's config has mixed_precision: {mixed}, but this run computes in "
            f"{config.precision}: {remedy}take it out."
        )
    steps = environment.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")
    if steps not in ("1", str(config.accumulate)):
        raise ConfigError(
            f"accelerate's config has gradient_accumulation_steps: {steps}, but this run has "
            f"{config.accumulate}: give --accumulate {steps}, or take it out."
        )


def _asked(environment: Mapping[str, str], variable: str) -> str:
    """Return the value of a variable in lower case; empty if it asks for nothing."""
    value = environment.get(variable, "").lower()
    return "" if value in OFF else value
