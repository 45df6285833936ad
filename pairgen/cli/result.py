"""The end of a command that makes datasets: a summary, the next step, an exit code."""

import sys
from collections.abc import Sequence
from typing import Any

from pairgen.cli.options import complain, echo
from pairgen.shard_range import ALL_SHARDS
from pairgen.shards.format import layout
from pairgen.types import INPUT_NAMES
from pairgen.wording import command_text, counted, part_text, percent_text, size_text

EXIT_TOO_MANY_REJECTED = 3
EXIT_INTERRUPTED = 130


def print_result(result: Any) -> None:
    """Print the summary of a run and the next step; exit with its code."""
    print_results([result])


def print_results(results: Sequence[Any]) -> None:
    """Print the summary of each run and the next step; exit with the first code that is not 0."""
    codes = []
    for result in results:
        codes.append(_exit_code(result))
        echo("\n".join(_summary(result, codes[-1])))
        _complain(result, codes[-1])
    if code := next(filter(None, codes), 0):
        sys.exit(code)


def _summary(result: Any, code: int) -> list[str]:
    manifest = result.manifest
    has_inputs, num_done = manifest.plan.kind in INPUT_NAMES, len(manifest.receipts)
    lines = [
        f"{part_text(manifest.num_samples, manifest.plan.num_samples, 'sample')} in "
        f"{part_text(num_done, num_done + len(manifest.missing), 'shard')}, "
        f"{size_text(manifest.num_bytes)}: {result.store_url}"
    ]
    if manifest.num_failed:
        reason = next(s.told for r in manifest.receipts for s in r.failed if not s.skipped)
        retried = (
            "; pairgen repair retries images whose files have not changed" if has_inputs else ""
        )
        lines.append(
            f"{counted(manifest.num_failed, 'sample')} failed, the first because: {reason}. The "
            "receipts "
            f"under __meta__/shards/ give all reasons{retried}."
        )
    if manifest.num_skipped:
        skipped = "skipped by --min-sharpness; their receipts say why"
        if not has_inputs:
            also = " or they are flat" if manifest.plan.recipe.get("min_sharpness") else ""
            skipped = f"left out, because the dataset has no such samples{also}"
        lines.append(f"{counted(manifest.num_skipped, 'sample')} {skipped}.")
    if result.interrupted:
        lines.append("Stopped. Run the same command again to continue.")
        return lines
    if code == EXIT_TOO_MANY_REJECTED or (manifest.complete and not manifest.num_samples):
        # The error says what to look at.
        return lines
    if manifest.complete or result.num_left:
        lines.append(f"Next: {command_text('pairgen', 'verify', result.store_url)}")
        if "://" not in result.store_url:
            lines.append(f"Look: {command_text('pairgen', 'report', result.store_url)}")
    elif result.shard_range != ALL_SHARDS:
        lines.append(
            f"Part {result.shard_range} is done. Missing shards of other parts: "
            f"{len(manifest.missing):,}."
        )
    return lines


def _exit_code(result: Any) -> int:
    """Return the exit code of a run."""
    manifest = result.manifest
    if result.interrupted:
        return EXIT_INTERRUPTED
    if result.too_many_rejected:
        return EXIT_TOO_MANY_REJECTED
    if manifest.complete and manifest.num_samples == 0:
        return 1
    return 0 if result.num_left == 0 else 1


def _complain(result: Any, code: int) -> None:
    """Say why a run ends with a code that is an error; what else ends it has said so."""
    if code == EXIT_TOO_MANY_REJECTED:
        complain(f"Error: {_told_rejected(result)}")
    elif code == 1 and result.manifest.complete:
        complain("Error: no samples were made.")


def _told_rejected(result: Any) -> str:
    """Return the sentence about a set of which too much was rejected or failed."""
    plan, num_failed = result.manifest.plan, result.manifest.num_failed
    inputs = INPUT_NAMES.get(plan.kind, "")
    num_rejected = plan.source["num_rejected"] if inputs else 0
    if not num_rejected:
        what = rejected_share(num_failed, plan.num_samples, "sample", "failed", "failed")
        return over_limit(what, result.max_rejected)
    rejected = counted(num_rejected, f"{inputs[:-1]} was", f"{inputs} were")
    share = percent_text((num_rejected + num_failed) / result.num_tried)
    samples = counted(plan.num_samples, "sample")
    if num_failed:
        what = f"{rejected} rejected and {num_failed:,} of {samples} failed ({share} together)"
    elif plan.num_samples == plan.source["num_inputs"]:
        what = rejected_share(num_rejected, result.num_tried, inputs[:-1])
    else:
        what = f"{rejected} rejected beside {samples} ({share})"
    reasons = f"{result.store_url}/{layout.REJECTED.rpartition('/')[0]}/"
    return over_limit(what, result.max_rejected, reasons)


def rejected_share(
    num: int, total: int, thing: str, was: str = "was rejected", were: str = "were rejected"
) -> str:
    """Return what was rejected as a part of all: `1 of 5 images (20 %) was rejected`."""
    part = f"{part_text(num, total, thing)} ({percent_text(num / max(total, 1))})"
    return f"{part} {was if num == 1 else were}"


def over_limit(what: str, limit: float, reasons: str = "") -> str:
    """Return a sentence about what was rejected beyond the limit.

    Args:
        what: What was rejected.
        limit: The share that may be.
        reasons: Where the reasons are; empty to leave that out.
    """
    where = f"; reasons: {reasons}" if reasons else ""
    return f"{what}, more than --max-rejected allows ({percent_text(limit)}){where}."
