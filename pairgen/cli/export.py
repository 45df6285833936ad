"""`pairgen export`."""

from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import echo, given, pin_threads, say, trust_option
from pairgen.jobs.export.options import ExportConfig


@command()
@options_of(ExportConfig, arguments=("run",))
@trust_option
def export(**options: Any) -> None:
    """Export a one-step student and its decoder to ONNX.

    student.onnx turns noise and prompt embeddings into a latent, and decoder.onnx turns the latent
    into an image; onnx.json names their inputs. Compares ONNX Runtime's image with torch's. Does
    not export the text encoder. Needs pip install 'pairgen[onnx]'.

    \b
    Examples:
        pairgen export runs/student --onnx student-onnx
    """  # noqa: D301
    pin_threads(1)
    from pairgen.jobs.export.run import run_export

    exported = run_export(given(options), say)
    echo(f"ONNX Runtime's image differs from torch's by at most {exported.difference:.1e}.")
    echo(f"Exported: {exported.folder}")
