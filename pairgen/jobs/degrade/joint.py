"""The inputs of `pairgen degrade --overlay`: the set that gets HR and LR, and the plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen.errors import PlanMismatchError
from pairgen.execution.dataset import check_folder, check_same_plan, find_old_plan
from pairgen.execution.run import check_executor
from pairgen.execution.say import Say
from pairgen.jobs.degrade.inputs import preset_of
from pairgen.kinds.degrade.options import DegradeConfig, check_batch_size
from pairgen.kinds.degrade.overlay_options import check_fixed
from pairgen.kinds.degrade.plan import make_joint_plan
from pairgen.kinds.degrade.pyramid import check_preset
from pairgen.kinds.images.decoded_samples import check_ode, describe_decoded
from pairgen.kinds.maker import maker_name
from pairgen.resolution import Resolved, sources_of
from pairgen.shards.format.plan_file import remembered_options
from pairgen.shards.overlays.annotations import overlay_address
from pairgen.shards.overlays.catching_up import DEGRADED
from pairgen.shards.overlays.overlay import KIND, Layer, check_overlay, open_layer
from pairgen.shards.overlays.parent_shards import overlay_tasks
from pairgen.shards.storage.store import Store, open_store
from pairgen.types import Plan


@dataclass(frozen=True)
class JointRequest:
    """The overlay to make, continue or renew, checked.

    Attributes:
        resolved: The options, and where each one came from.
        store: Its folder.
        plan: Its plan.
        parent: The set that it adds to.
    """

    resolved: Resolved[DegradeConfig]
    store: Store
    plan: Plan
    parent: Layer


def is_joint(given: Mapping[str, Any]) -> bool:
    """Whether an overlay is asked for.

    Raises:
        ConfigError: An option is invalid.
    """
    return bool(sources_of(DegradeConfig, given)["overlay"])


def resolve_joint(given: Mapping[str, Any], say: Say) -> JointRequest:
    """Resolve the options; check the set, the folder and the executor.

    Raises:
        ConfigError: An option is invalid, a folder holds something else, or the set is not
            finished.
        TeacherLoadError: The decoder is not where the plan of the set says.
    """
    sources = sources_of(DegradeConfig, given)
    if not sources["from_ode"]:
        # Says what is missing.
        sources.resolved()
    parent = open_layer(open_store(sources["from_ode"]))
    check_ode(parent.plan, parent.store)
    store = open_store(sources["out"] or overlay_address(parent.store.address, DEGRADED))
    old = find_old_plan(store, KIND, has_inputs=True)
    if old is not None:
        check_overlay(parent, Layer(store, old, {}))
        if maker_name(old) != "degrade":
            raise PlanMismatchError(
                f"{store.url} holds the overlay of an annotator: give another --out."
            )
        sources = sources.below(f"plan of {store.url}", remembered_options(old, store))
    resolved = sources.resolved()
    options = resolved.options
    size = describe_decoded(parent.plan).size
    check_fixed(resolved, parent.plan, size)
    check_batch_size(given, options)
    preset = preset_of(given, options, old)
    check_preset(preset, size, options.stored_levels)
    check_folder(store)
    check_executor(options)
    plan = make_joint_plan(options, preset, parent.plan, parent.store.url)
    # A parent whose shards are not all there is refused before anything is written.
    overlay_tasks(plan, parent)
    if old is not None:
        check_same_plan(store, old, plan, say)
    say(
        f"Adding HR and LR to the {parent.plan.num_samples:,} samples of {parent.store.url}, "
        f"decoded by {plan.teacher['name']}: {store.url}"
    )
    return JointRequest(resolved, store, plan, parent)
