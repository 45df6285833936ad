"""The end of a command that makes a dataset: a summary, the next step, an exit code."""

import sys
from typing import Any

import click

from pairgen.types import INPUT_NAMES

EXIT_TOO_MANY_REJECTED = 3
EXIT_INTERRUPTED = 130


def print_result(result: Any) -> None:
    """Print the summary of a run and the next step; exit with its code."""
    manifest = result.manifest
    lines = [
        f"{manifest.num_samples:,} of {manifest.plan.num_samples:,} samples in "
        f"{len(manifest.receipts):,} of {manifest.plan.num_shards:,} shards, "
        f"{manifest.num_bytes / 1e6:,.1f} MB: {result.store_url}"
    ]
    if manifest.num_failed:
        reason = next(s.reason for r in manifest.receipts for s in r.failed if not s.skipped)
        lines.append(
            f"{manifest.num_failed:,} slots failed, the first because: {reason}. The receipts "
            "under __meta__/shards/ give all reasons; pairgen repair retries failed images."
        )
    if manifest.num_skipped:
        lines.append(
            f"{manifest.num_skipped:,} slots skipped by --min-sharpness; their receipts say why."
        )
    if result.interrupted:
        lines.append("Stopped. Run the same command again to continue.")
    else:
        lines.append(f"Next: pairgen verify {result.store_url}")
    click.echo("\n".join(lines))
    if result.interrupted:
        sys.exit(EXIT_INTERRUPTED)
    if result.too_many_rejected:
        click.echo(
            f"Error: {manifest.plan.source['num_rejected']:,} {INPUT_NAMES[manifest.plan.kind]} "
            f"were rejected (see __meta__/rejected/) and {manifest.num_failed:,} slots failed, "
            "more than --max-rejected allows.",
            err=True,
        )
        sys.exit(EXIT_TOO_MANY_REJECTED)
    if manifest.num_samples == 0:
        click.echo("Error: no samples were made.", err=True)
        sys.exit(1)
    if not manifest.complete:
        sys.exit(1)
