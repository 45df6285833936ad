"""The options of every command that judges models by held-out pairs."""

from typing import Annotated

from pairgen.evaluation.protocols import PROTOCOLS, REAL_ISR
from pairgen.kinds.run_options import MAX_CPU_THREADS
from pairgen.list_rules import Each
from pairgen.options import Option, Options
from pairgen.rules import Choice, Integer, Place, Switch, Text

USUAL_NUM_SAMPLES = 512


class JudgeOptions(Options):
    """What models are judged by, and how."""

    data: Annotated[
        str,
        Place(),
        Option(
            "Held-out pairs: a dataset that no evaluated student was trained on.",
            "Data",
            missing="must be given, such as held-out.",
        ),
    ]
    num_samples: Annotated[
        int,
        Integer(1),
        Option(
            "Number of pairs to use.",
            "Data",
            default=f"{USUAL_NUM_SAMPLES}, or all if there are fewer",
        ),
    ] = 0
    teacher_steps: Annotated[
        tuple[int, ...],
        Each(Integer(1), at_least_one=False),
        Option(
            "Step counts at which to evaluate the teacher too; not for image-to-image students.",
            "What is measured",
            metavar="N[,N...]",
        ),
    ] = (1, 2, 4, 50)
    protocol: Annotated[
        str,
        Choice(tuple(PROTOCOLS)),
        Option(
            "Protocol of PSNR and SSIM for restorations: on Y (real-isr), on Y with the border "
            "cut off (classic-sr), or on RGB (rgb).",
            "What is measured",
        ),
    ] = REAL_ISR.name
    iqa: Annotated[
        tuple[str, ...],
        Each(Text(), at_least_one=False),
        Option(
            "Metrics of pyiqa to add, such as lpips,dists,musiq; for image-to-image students. "
            "Needs pip install 'pairgen[iqa]'.",
            "What is measured",
            metavar="METRIC[,...]",
        ),
    ] = ()
    real_statistics: Annotated[
        str,
        Place(),
        Option(
            "File of statistics of real images; adds the Frechet distance to these images.",
            "What is measured",
            metavar="FILE",
        ),
    ] = ""
    where: Annotated[
        str,
        Text(),
        Option(
            "Use only pairs that match, such as 'guidance_scale == 8'.",
            "Data",
            metavar="EXPR",
        ),
    ] = ""
    allow_training_data: Annotated[
        bool, Switch(), Option("Allow evaluation on training data.", "Data")
    ] = False
    batch_size: Annotated[
        int,
        Integer(1, unset=0),
        Option(
            "Samples per batch.",
            "Compute",
            metavar="B",
            default="that of the pairs; the model's for images",
        ),
    ] = 0
    cpu_threads: Annotated[
        int,
        Integer(1, MAX_CPU_THREADS, unset=0),
        Option("CPU threads.", "Compute", default="that of the pairs"),
    ] = 0
