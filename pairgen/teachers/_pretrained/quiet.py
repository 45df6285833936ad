"""Keep the model libraries from printing."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the model libraries from printing progress bars and warnings while it lasts."""
    from diffusers.utils import logging as diffusers_logging
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from transformers.utils import logging as transformers_logging

    levels = (diffusers_logging.get_verbosity(), transformers_logging.get_verbosity())
    loading_bars = transformers_logging.is_progress_bar_enabled()
    hub_bars = not are_progress_bars_disabled()
    with warnings.catch_warnings():
        # The hub warns when an environment variable already decides about its bars.
        warnings.simplefilter("ignore")
        diffusers_logging.set_verbosity_error()
        transformers_logging.set_verbosity_error()
        # Disables and enables the bars of the hub too.
        transformers_logging.disable_progress_bar()
        try:
            yield
        finally:
            diffusers_logging.set_verbosity(levels[0])
            transformers_logging.set_verbosity(levels[1])
            if loading_bars:
                transformers_logging.enable_progress_bar()
            # Each of the two above decides about the hub's as well.
            (enable_progress_bars if hub_bars else disable_progress_bars)()
