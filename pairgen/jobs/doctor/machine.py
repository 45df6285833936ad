"""Check cores, memory and threads of this machine."""

import os

from pairgen.jobs.doctor.check import OK, Check


def usable_cores() -> int:
    """Return the number of cores that this process may use, which may be fewer than exist."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_cores() -> Check:
    """Count cores and memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    found = (
        f"{usable_cores()} cores usable of {os.cpu_count()}, {memory:.1f} GiB memory, "
        f"OMP_NUM_THREADS {threads} (pairgen uses --cpu-threads, default 1)"
    )
    return Check("cores", OK, found)
