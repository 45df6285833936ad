"""Write modules as ONNX files, and run them with ONNX Runtime. Imported only where it is used."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pairgen.errors import ConfigError, PairgenError, short

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
# A file of protocol buffers holds less than 2 GB: the weights of larger networks lie beside it.
MAX_INSIDE = 1_500_000_000
# Of images at once, which a file must take.
MAX_BATCH = 1024


def check_packages() -> None:
    """Raise ConfigError if a package is not installed."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise ConfigError(f"export needs {' and '.join(missing)}: pip install 'pairgen[onnx]'.")


def write_onnx(
    module: nn.Module, example: Sequence[Tensor], names: Sequence[str], output: str, path: Path
) -> None:
    """Write a module, for batches of any size.

    Args:
        module: The module.
        example: Inputs for two images.
        names: Names of the inputs.
        output: Name of the output.
        path: The file.

    Raises:
        PairgenError: The module cannot be written.
    """
    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    # Inputs behind the first are the module's own tuple.
    first, *others = [{0: batch} for _ in example]
    shapes = (first, tuple(others)) if others else (first,)
    num_bytes = sum(each.nbytes for each in module.state_dict().values())
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                module,
                tuple(example),
                path,
                input_names=list(names),
                output_names=[output],
                dynamic_shapes=shapes,
                external_data=num_bytes > MAX_INSIDE,
                verbose=False,
            )
    # The exporter raises errors of its own, of torch.export and of the file system.
    except Exception as error:
        raise PairgenError(f"{path.name} cannot be made: {short(str(error))}.") from None


def run_onnx(path: Path, given: dict[str, np.ndarray]) -> np.ndarray:
    """Return the output of a file on the CPU.

    Raises:
        PairgenError: ONNX Runtime cannot load or run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        found: np.ndarray = session.run(None, given)[0]
    # Its errors have no base of their own.
    except Exception as error:
        raise PairgenError(f"ONNX Runtime cannot run {path.name}: {short(str(error))}.") from None
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter tells of its own steps."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
