"""The options of each command and method."""

from collections.abc import Mapping

from pairgen import plugins
from pairgen.cli.demo.options import DemoConfig
from pairgen.jobs.calibrate.options import CalibrateConfig
from pairgen.jobs.cluster.options import LocalOptions, SlurmOptions, SubmitConfig
from pairgen.jobs.compare.options import CompareConfig
from pairgen.jobs.eval.options import EvalConfig
from pairgen.jobs.export.options import ExportConfig
from pairgen.jobs.inspect.options import InspectConfig
from pairgen.jobs.latent_lpips.options import LatentLpipsOptions
from pairgen.jobs.push.options import PushConfig
from pairgen.jobs.repair.options import RepairConfig
from pairgen.jobs.report.options import ReportConfig
from pairgen.jobs.restore.options import RestoreConfig
from pairgen.jobs.status.options import StatusConfig
from pairgen.jobs.verify.options import VerifyConfig
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.kinds.overlay.options import AnnotateConfig
from pairgen.methods import LATENT_LPIPS
from pairgen.options import Options
from pairgen.training.chain_options import ChainConfig

# In the order of `pairgen --help`.
OPTIONS_OF: Mapping[str, type[Options]] = {
    "ode": OdeConfig,
    "calibrate": CalibrateConfig,
    "degrade": DegradeConfig,
    "collect": CollectConfig,
    "annotate": AnnotateConfig,
    "train": ChainConfig,
    "eval": EvalConfig,
    "compare": CompareConfig,
    "restore": RestoreConfig,
    "sample": SampleConfig,
    "export": ExportConfig,
    "inspect": InspectConfig,
    "report": ReportConfig,
    "push": PushConfig,
    "status": StatusConfig,
    "verify": VerifyConfig,
    "repair": RepairConfig,
    "cluster submit": SubmitConfig,
    "demo": DemoConfig,
}
# The config files of `pairgen cluster` that are in pairgen's own format, by their kind.
CLUSTER_KINDS: Mapping[str, type[Options]] = {"local": LocalOptions, "slurm": SlurmOptions}
# Commands whose folders keep options.
KEEPING = ("ode", "degrade", "collect", "annotate", "train", "restore")


def method_options() -> dict[str, type[Options]]:
    """Return the classes of options that the built-in methods declare, by the method's name."""
    return {**_declared_in("methods"), LATENT_LPIPS: LatentLpipsOptions}


def annotator_options() -> dict[str, type[Options]]:
    """Return the classes of options that the built-in annotators declare, by their name."""
    return _declared_in("annotators")


def _declared_in(family: str) -> dict[str, type[Options]]:
    declaring = {name: plugins.declared_options(family, name) for name in plugins.members(family)}
    return {name: options for name, options in declaring.items() if options is not None}
