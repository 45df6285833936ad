"""The end of a command that makes datasets: a summary, the next step, an exit code."""

import sys
from collections.abc import Sequence
from typing import Any

from pairgen.cli.options import complain, echo
from pairgen.types import INPUT_NAMES
from pairgen.wording import command_text, counted

EXIT_TOO_MANY_REJECTED = 3
EXIT_INTERRUPTED = 130


def print_result(result: Any) -> None:
    """Print the summary of a run and the next step; exit with its code."""
    print_results([result])


def print_results(results: Sequence[Any]) -> None:
    """Print the summary of each run and the next step; exit with the first code that is not 0."""
    codes = []
    for result in results:
        echo("\n".join(_summary(result)))
        codes.append(_exit_code(result))
    if code := next(filter(None, codes), 0):
        sys.exit(code)


def _summary(result: Any) -> list[str]:
    manifest = result.manifest
    has_inputs = manifest.plan.kind in INPUT_NAMES
    lines = [
        f"{manifest.num_samples:,} of {manifest.plan.num_samples:,} samples in "
        f"{len(manifest.receipts):,} of {len(manifest.receipts) + len(manifest.missing):,} shards, "
        f"{manifest.num_bytes / 1e6:,.1f} MB: {result.store_url}"
    ]
    if manifest.num_failed:
        reason = next(s.told for r in manifest.receipts for s in r.failed if not s.skipped)
        retried = "; pairgen repair retries failed images" if has_inputs else ""
        lines.append(
            f"{counted(manifest.num_failed, 'slot')} failed, the first because: {reason}. The "
            "receipts "
            f"under __meta__/shards/ give all reasons{retried}."
        )
    if manifest.num_skipped:
        skipped = "skipped by --min-sharpness; their receipts say why"
        if not has_inputs:
            also = " or they are flat" if manifest.plan.recipe.get("min_sharpness") else ""
            skipped = f"left out, because the dataset has no such samples{also}"
        lines.append(f"{counted(manifest.num_skipped, 'slot')} {skipped}.")
    if result.interrupted:
        lines.append("Stopped. Run the same command again to continue.")
    elif manifest.complete or result.num_left:
        lines.append(f"Next: {command_text('pairgen', 'verify', result.store_url)}")
        if "://" not in result.store_url:
            lines.append(f"Look: {command_text('pairgen', 'report', result.store_url)}")
    else:
        lines.append(
            f"Part {result.shard_range} is done. Missing shards of other parts: "
            f"{len(manifest.missing):,}."
        )
    return lines


def _exit_code(result: Any) -> int:
    """Return the exit code of a run; say why, if it is an error."""
    manifest = result.manifest
    if result.interrupted:
        return EXIT_INTERRUPTED
    if result.too_many_rejected:
        inputs = INPUT_NAMES.get(manifest.plan.kind)
        num, one = manifest.plan.source["num_rejected"], str(inputs).removesuffix("s")
        rejected = f"{counted(num, f'{one} was', f'{one}s were')} rejected (see "
        rejected += "__meta__/rejected/) and "
        complain(
            f"Error: {rejected if inputs else ''}{counted(manifest.num_failed, 'slot')} failed "
            f"{over_limit(result.rejected_share, result.max_rejected)}",
        )
        return EXIT_TOO_MANY_REJECTED
    if manifest.complete and manifest.num_samples == 0:
        complain("Error: no samples were made.")
        return 1
    return 0 if result.num_left == 0 else 1


def over_limit(share: float, limit: float) -> str:
    """Return the end of a sentence that says what was refused beyond the limit."""
    return f"({100 * share:.3g} %), more than --max-rejected allows ({100 * limit:.3g} %)."
