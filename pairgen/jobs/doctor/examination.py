"""Run all checks of this machine, one after the other."""

from collections.abc import Callable, Iterable, Iterator

from pairgen.jobs.doctor.check import BROKEN, Check
from pairgen.jobs.doctor.cluster import check_ray
from pairgen.jobs.doctor.device import check_compile, check_devices
from pairgen.jobs.doctor.disk import check_disks
from pairgen.jobs.doctor.hub import check_hub
from pairgen.jobs.doctor.machine import check_cores
from pairgen.jobs.doctor.packages import (
    Requirement,
    check_extras,
    check_packages,
    check_python,
    check_torchvision,
    read_requirements,
    try_imports,
)
from pairgen.jobs.doctor.work import check_work


def examine(deep: bool = False) -> Iterator[Check]:
    """Yield the results of the checks as they complete.

    The only request that leaves the machine is one to the model hub.

    Args:
        deep: Whether to also start Ray, and to make and verify a small dataset.
    """
    requirements: list[Requirement] = []
    errors: dict[str, str] = {}

    def packages() -> Iterator[Check]:
        requirements.extend(read_requirements())
        errors.update(try_imports(requirements))
        yield from check_packages(requirements, errors)

    checks: list[tuple[str, Callable[[], Check | Iterable[Check]]]] = [
        ("python", check_python),
        ("packages", packages),
        ("torchvision", lambda: check_torchvision(errors)),
        ("extras", lambda: check_extras(requirements, errors)),
        ("cores", check_cores),
        ("gpu", check_devices),
        ("torch.compile", check_compile),
        ("hub", check_hub),
        ("disk", check_disks),
    ]
    if deep:
        checks += [("ray", check_ray), ("work", check_work)]
    for name, check in checks:
        try:
            found = check()
            yield from [found] if isinstance(found, Check) else found
        # Whatever is broken here, the other checks continue: that is what they are for.
        except Exception as error:
            message = f"the check itself failed: {type(error).__name__}: {error}"
            yield Check(name, BROKEN, message, "please report it")


def works(checks: Iterable[Check]) -> bool:
    """Whether everything that pairgen needs works."""
    return all(check.status == "ok" for check in checks if check.is_core)
