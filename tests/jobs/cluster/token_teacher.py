"""A teacher that needs a token in the driver and the workers, as one from a hub may."""

import os
from typing import Any

from pairgen.errors import TeacherLoadError
from pairgen.teachers import gaussian

describe = gaussian.describe
prompt_counter = gaussian.prompt_counter


def build(**options: Any) -> Any:
    if not os.environ.get("HF_TOKEN", "").startswith("hf_planted"):
        raise TeacherLoadError("These weights need a token.")
    return gaussian.build(**options)
