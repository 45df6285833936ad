"""What is told of a model and of the machine, and what figures depend on."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from pairgen import plugins
from pairgen.config import local_path
from pairgen.errors import PairgenError
from pairgen.evaluation.judge import JUDGE_VERSION
from pairgen.jobs.compare.asked import Asked
from pairgen.judging.judged import Judged
from pairgen.judging.ledger import devices, spent
from pairgen.judging.options import JudgeOptions
from pairgen.kinds.machine import device_name, versions
from pairgen.kinds.ode.maker import MODULES
from pairgen.shards.loading.training_set import OpenSet
from pairgen.teachers.base import DecoderDescription, Description
from pairgen.training.runs.record import TrainRecord
from pairgen.types import Plan

# Raised when figures of the same images change.
FIGURES_VERSION = 1
# What distinguishes the weights of a model, in the identity of its row.
WEIGHTS = ("model", "decoder")


def bench_facts(config: JudgeOptions, plan: Plan, keys: Sequence[str]) -> dict[str, Any]:
    """Return what all rows of a table must have in common."""
    real = config.real_statistics
    return {
        "data": plan.fingerprint(),
        "num_samples": len(keys),
        "where": config.where,
        # The first samples of a set are others when some of them failed.
        "samples": hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16],
        "judge": JUDGE_VERSION,
        "figures": FIGURES_VERSION,
        "real_statistics": hashlib.sha256(local_path(real).read_bytes()).hexdigest()[:16]
        if real
        else "",
    }


def annotation_facts(found: OpenSet, members: Sequence[str]) -> dict[str, Any]:
    """Return the fingerprints of the annotations that hold some members; none if the set does.

    Annotations can be made anew with other options, which the set's own fingerprint does not tell.
    """
    layers = {name: found.layer_of(name) for name in members if name}
    prints = {
        name: layer.plan.fingerprint()[:16]
        for name, layer in layers.items()
        if layer is not None and layer is not found.base
    }
    return {"annotations": prints} if prints else {}


def model_facts(asked: Asked, notes: Sequence[str]) -> dict[str, Any]:
    """Return what is told of a model: where it lies, what it cost to train, and notes on it."""
    judged = asked.judged
    return {
        "path": judged.path,
        "place": asked.place,
        "kind": judged.kind,
        "notes": list(notes),
        "training": training_facts(judged.record) if judged.record else None,
    }


def training_facts(record: TrainRecord) -> dict[str, Any]:
    """Return what a training cost, and what it learned from."""
    return {
        "method": record.method,
        "steps": record.steps,
        "batch_size": record.batch_size,
        "num_processes": record.num_processes,
        **spent(record),
        "devices": sorted(devices(record)),
        "num_trained": record.num_trained,
        "num_weights": record.num_weights,
        "sets": [
            {
                "url": each.url,
                "kind": each.kind,
                "num_samples": each.num_samples,
                "fingerprint": each.fingerprint,
            }
            for each in record.all_sets
        ],
    }


def decoder_identity(judged: Judged) -> dict[str, Any]:
    """Return what distinguishes the decoder of a model, which its own identity need not cover."""
    model = judged.model
    described: DecoderDescription = plugins.call(
        "teachers", model.teacher, "describe_decoder", location=model.location, **model.options
    )
    return dict(described.identity)


def weights_of(judged: Judged) -> dict[str, Any]:
    """Return what distinguishes the weights of a model now, by the names of `WEIGHTS`.

    Raises:
        PairgenError: They are missing, or cannot be read.
    """
    model = judged.model
    described: Description = plugins.call(
        "teachers", model.teacher, "describe", location=model.location, **model.options
    )
    return {"model": dict(described.identity), "decoder": decoder_identity(judged)}


def check_unchanged(judged: Judged, planned: Mapping[str, Any]) -> None:
    """Refuse figures of a model whose weights changed after they were planned.

    Args:
        judged: The model, which was loaded and measured.
        planned: Identity of its row, with those of its network and of its decoder.

    Raises:
        PairgenError: Its weights are others now, so nothing tells which were measured.
    """
    if any(planned[name] != each for name, each in weights_of(judged).items()):
        raise PairgenError(
            f"The weights of {judged.path} changed while it was measured, so its row was not "
            "written: run the command again."
        )


def machine_facts(device: torch.device, batch_size: int) -> Mapping[str, Any]:
    """Return what a row is measured on and with."""
    return {
        "device": device_name(device),
        "batch_size": batch_size,
        "cpu_threads": torch.get_num_threads(),
        "versions": versions(MODULES),
    }
