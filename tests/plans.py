"""Plans for tests."""

from typing import Any

from pairgen.types import Plan


def small_plan(
    guidance_scales: list[float], num_inputs: int, num_samples: int = 24, **changes: Any
) -> Plan:
    """Return a plan with made-up sources; only its numbering matters."""
    fields: dict[str, Any] = {
        "kind": "ode",
        "seed": 0,
        "num_samples": num_samples,
        "samples_per_shard": 8,
        "source": {"sha256": "0" * 64, "num_inputs": num_inputs},
        "teacher": {"module": "gaussian", "identity": {}},
        "recipe": {"guidance_scales": guidance_scales},
        "members": {},
        "execution": {},
    }
    return Plan(**{**fields, **changes})
