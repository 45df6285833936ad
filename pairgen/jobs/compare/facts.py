"""What is told of a model and of the machine, and what figures depend on."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from pairgen import plugins
from pairgen.config import local_path
from pairgen.evaluation.judge import JUDGE_VERSION
from pairgen.jobs.compare.asked import Asked
from pairgen.judging.judged import Judged
from pairgen.judging.ledger import devices, spent
from pairgen.judging.options import JudgeOptions
from pairgen.kinds.machine import device_name, versions
from pairgen.kinds.ode.maker import MODULES
from pairgen.teachers.base import DecoderDescription
from pairgen.training.runs.record import TrainRecord
from pairgen.types import Plan

# Raised when figures of the same images change.
FIGURES_VERSION = 1


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


def machine_facts(device: torch.device, batch_size: int) -> Mapping[str, Any]:
    """Return what a row is measured on and with."""
    return {
        "device": device_name(device),
        "batch_size": batch_size,
        "cpu_threads": torch.get_num_threads(),
        "versions": versions(MODULES),
    }
