"""pairgen's own parts of `pairgen ode`, to be timed one by one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from gpu_checks.peaks import synchronize
from gpu_checks.setting import Setting, texts
from pairgen.execution.worker import Job, Worker
from pairgen.jobs.ode.run import plan_ode
from pairgen.kinds.ode.maker import OdeMaker
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.types import ShardTask

CFG = 7.5
# More than a check ever makes.
MAX_SHARDS = 40


@dataclass(frozen=True)
class OdeRuns:
    """A worker of `pairgen ode` with its model loaded.

    Attributes:
        batch: Samples in a batch.
        worker: Of a dataset whose plan is written.
        tasks: Its shards, each to be made once.
    """

    batch: int
    worker: Worker
    tasks: Iterator[ShardTask]

    def shard(self) -> None:
        """Make the next shard, from prompts to the published files."""
        task = next(self.tasks)
        receipt = self.worker.run(task)
        if receipt.count != task.num_slots:
            raise RuntimeError(f"{receipt.failed[0].reason} in {len(receipt.failed)} slots")

    def loop(self, num_steps: int = 0) -> Callable[[], None]:
        """Return the sampling loop of one batch, without text, noise, copies and files.

        Args:
            num_steps: Of the first steps only; 0 for all.
        """
        maker = self.worker.maker
        assert isinstance(maker, OdeMaker)
        teacher, device, batch = maker.teacher, maker.teacher.device, self.batch
        conditioning = teacher.encode_prompts(texts(batch))
        guidance = torch.full((batch,), CFG, device=device)
        noise = torch.randn(batch, *teacher.latent_shape, device=device)

        def whole() -> None:
            sample(
                lambda x, t: teacher.predict(x, t, conditioning, guidance),
                noise,
                maker.grid,
                SOLVERS["ddim"],
            )
            synchronize()

        def part() -> None:
            first = torch.full((batch,), float(teacher.schedule.last_time), device=device)
            for _ in range(num_steps):
                teacher.predict(noise, first.double(), conditioning, guidance)
            synchronize()

        return part if num_steps else whole


def open_ode(
    setting: Setting, model: Path, batch: int, steps: int, *, compiled: bool = False
) -> OdeRuns:
    """Write the plan of a large set, whose shards are two batches, and load its model.

    Args:
        setting: Of the check.
        model: Folder of the model.
        batch: Samples in a batch.
        steps: DDIM steps.
        compiled: Whether the network is compiled.
    """
    num = MAX_SHARDS * 2 * batch
    store, plan, _ = plan_ode(
        {
            "model": str(model),
            "cfg": CFG,
            "prompts": str(setting.prompts(num)),
            "num_samples": num,
            "samples_per_shard": 2 * batch,
            "batch_size": batch,
            "steps": steps,
            "dtype": setting.dtype,
            "compile": compiled,
            "executor": "serial",
            "out": str(setting.folder / f"ode-{batch}-{steps}-{compiled}"),
        }
    )
    worker = Worker(Job(plan=plan.to_dict(), store_url=store.address))
    return OdeRuns(batch, worker, iter(plan.tasks()))
