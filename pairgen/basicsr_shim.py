"""BasicSR beside today's torchvision: the one module that it imports and that is no longer there.

For training code written against BasicSR 1.4.2 (`pip install 'pairgen[basicsr]'`, on a machine
with a torchvision that works). pairgen's own degradations need neither.

    from pairgen.basicsr_shim import import_basicsr

    basicsr = import_basicsr()
"""

import importlib
import sys
from types import ModuleType

from pairgen.errors import ConfigError

# Renamed in torchvision 0.15 and gone since 0.17; BasicSR's degradations import it.
GONE = "torchvision.transforms.functional_tensor"


def import_basicsr() -> ModuleType:
    """Import BasicSR, with the module in place that it misses.

    Raises:
        ConfigError: BasicSR or torchvision is not installed.
    """
    try:
        if GONE not in sys.modules:
            functional = importlib.import_module("torchvision.transforms.functional")
            stand_in = ModuleType(GONE)
            # The only function that BasicSR takes from there.
            stand_in.rgb_to_grayscale = functional.rgb_to_grayscale  # type: ignore[attr-defined]
            sys.modules[GONE] = stand_in
        return importlib.import_module("basicsr")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed: pip install 'pairgen[basicsr]'."
        ) from None
