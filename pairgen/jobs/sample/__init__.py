"""`pairgen sample` as a Python call."""

from typing import TYPE_CHECKING, Any

from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.sample.samples import Samples


@takes(SampleConfig, trust_code=True, progress=True)
def sample(**options: Any) -> "Samples":
    """Sample images from a teacher or a student; save a grid, or a folder of images.

    From prompts, image i is the decoded latent of sample i of the dataset that `pairgen.ode` makes
    with the same options; `prompts` is a file, a prompt, or a list of these. A model that makes
    images from pictures is given them as `condition`.

    Args:
        **options: Options with the names of the flags of `pairgen sample`.

    Raises:
        ConfigError: An option, a file or the output is invalid; nothing was written.
        PairgenError: An image is not finite, or a batch does not fit into memory; nothing was
            written. Or the disk is full.
    """
    from pairgen.jobs.sample.run import run_sample

    return run_sample(options)
