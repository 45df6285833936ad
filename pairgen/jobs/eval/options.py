"""The options of `pairgen eval`."""

from typing import Annotated

from pairgen.evaluation.protocols import PROTOCOLS, REAL_ISR
from pairgen.kinds.run_options import MAX_CPU_THREADS
from pairgen.list_rules import Each, Named
from pairgen.options import Option, Options
from pairgen.rules import Choice, Integer, Place, Switch, Text

USUAL_NUM_SAMPLES = 512
# Options that only students from images have.
FOR_IMAGES = ("protocol", "beside", "subset", "iqa")


class EvalConfig(Options):
    """Every option of `pairgen eval`, checked."""

    command = "pairgen eval"

    run: Annotated[
        str,
        Place(),
        Option(
            "Run of `pairgen train`, or any model.",
            metavar="RUN",
            missing="run must be given, such as runs/student.",
        ),
    ]
    data: Annotated[
        str,
        Place(),
        Option(
            "Held-out pairs: a dataset that the student was not trained on.",
            "What is measured",
            missing="data must be given, such as held-out.",
        ),
    ]
    num_samples: Annotated[
        int,
        Integer(1),
        Option(
            "Number of pairs to use.",
            "What is measured",
            default=f"{USUAL_NUM_SAMPLES}, or all if there are fewer",
        ),
    ] = 0
    teacher_steps: Annotated[
        tuple[int, ...],
        Each(Integer(1), at_least_one=False),
        Option(
            "Numbers of steps at which to evaluate the teacher too; not for students from images.",
            "What is measured",
            metavar="N[,N...]",
        ),
    ] = (1, 2, 4, 50)
    steps: Annotated[
        int,
        Integer(0),
        Option(
            "Steps of the model; not for students that start from an image.",
            "What is measured",
            metavar="N",
            default="as many as it was trained for; those of the pairs for a teacher",
        ),
    ] = 0
    protocol: Annotated[
        str,
        Choice(tuple(PROTOCOLS)),
        Option("How PSNR and SSIM of a restoration are computed.", "What is measured"),
    ] = REAL_ISR.name
    beside: Annotated[
        tuple[str, ...],
        Named(),
        Option(
            "Folder of another system's images of the same pairs; adds a row. May be repeated.",
            "What is measured",
            metavar="NAME=DIR",
        ),
    ] = ()
    subset: Annotated[
        tuple[str, ...],
        Named(),
        Option(
            "Pairs that get a table of their own, such as 'faces=contains(prompt, \"face\")'. May "
            "be repeated.",
            "What is measured",
            metavar="NAME=EXPR",
        ),
    ] = ()
    iqa: Annotated[
        tuple[str, ...],
        Each(Text(), at_least_one=False),
        Option(
            "Metrics of pyiqa to add, such as lpips,dists,musiq (extra pairgen[iqa]).",
            "What is measured",
            metavar="METRIC[,...]",
        ),
    ] = ()
    real_statistics: Annotated[
        str,
        Place(),
        Option(
            "Statistics of real images; adds the Frechet distance to them.",
            "What is measured",
            metavar="FILE",
        ),
    ] = ""
    out: Annotated[
        str, Place(), Option("Output folder.", "Output", metavar="DIR", default="RUN/eval")
    ] = ""
    batch_size: Annotated[
        int,
        Integer(0),
        Option(
            "Samples per batch.",
            "Compute",
            metavar="B",
            default="as the pairs were made; the model's for images",
        ),
    ] = 0
    where: Annotated[
        str,
        Text(),
        Option(
            "Use only pairs that match, such as 'guidance_scale == 8'.",
            "What is measured",
            metavar="EXPR",
        ),
    ] = ""
    allow_training_data: Annotated[
        bool, Switch(), Option("Allow evaluation on training data.", "What is measured")
    ] = False
    cpu_threads: Annotated[
        int,
        Integer(0, MAX_CPU_THREADS),
        Option("CPU threads.", "Compute", default="as the pairs were made"),
    ] = 0
