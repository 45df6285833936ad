"""Silence the model libraries."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars and warnings of the model libraries in a `with` block."""
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
        # The hub warns if an environment variable already controls its bars.
        warnings.simplefilter("ignore")
        diffusers_logging.set_verbosity_error()
        transformers_logging.set_verbosity_error()
        # This also disables the hub's bars.
        transformers_logging.disable_progress_bar()
        try:
            yield
        finally:
            diffusers_logging.set_verbosity(levels[0])
            transformers_logging.set_verbosity(levels[1])
            if loading_bars:
                transformers_logging.enable_progress_bar()
            # Both calls above change the hub's bars too.
            (enable_progress_bars if hub_bars else disable_progress_bars)()
