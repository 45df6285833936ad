"""`pairgen annotate` as a Python call."""

from pathlib import Path
from typing import Any

from pairgen.kinds.overlay.options import AnnotateConfig
from pairgen.receipts import Manifest, Manifests
from pairgen.signature import takes


@takes(AnnotateConfig, trust_code=True, progress=True, further="annotator_options")
def annotate(folder: str | Path, **options: Any) -> list[Manifest]:
    """Add members or columns to the samples of a dataset, as overlays; continue unfinished ones.

    Options of the annotators are given like the others; options that you leave out come from the
    plan of the overlay if there is one.

    Args:
        folder: The dataset folder.
        **options: Options with the names of the flags of `pairgen annotate`.

    Returns:
        The manifests of the overlays, in the order of `add`. After Ctrl-C, `manifest.complete` of
        the last one is False, and those that were not begun are missing.

    Raises:
        ConfigError: An option or a folder is invalid; nothing was written.
        PairgenError: The run cannot continue; finished shards are kept.
    """
    from pairgen.jobs.annotate.run import run_annotate

    return Manifests(result.manifest for result in run_annotate(folder, options))
