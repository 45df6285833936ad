"""`pairgen calibrate`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import (
    complain,
    config_options,
    echo,
    given,
    pin_threads,
    say,
    trust_option,
)
from pairgen.config import command_options
from pairgen.jobs.calibrate.options import CalibrateConfig
from pairgen.wording import command_text

# What says which teacher and prompts a calibration is of; it settles the rest.
OF_TEACHER = ("model", "revision", "lora", "cfg", "prompts", "negative_prompt")


@command()
@options_of(CalibrateConfig)
@trust_option
@config_options
def calibrate(config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Measure how close solvers, spacings and step counts come to a teacher's converged ODE.

    Prints a table of errors, network evaluations and speeds, and the cheapest setting within the
    tolerance. Writes calibration.json (for `pairgen ode --from-calibration`), calibration.md and
    calibration.png. Run the same command again to continue, or with other --steps to add rows. If
    you give several guidance scales, the one with the largest error decides.

    \b
    Examples:
        pairgen calibrate --model tiny --cfg 8
        pairgen calibrate --model sd15 --cfg 8 --prompts captions.txt --tolerance 1%
        pairgen calibrate --model sd15 --solvers ddim/trailing,dpmpp_2m/logsnr --steps 20,25,30
    """  # noqa: D301
    merged = command_options("calibrate", config, overrides, given(options))
    pin_threads(CalibrateConfig.check("cpu_threads", merged.get("cpu_threads", 1)))
    from pairgen.jobs.calibrate.page import LEGEND, error_table, notes, verdict
    from pairgen.jobs.calibrate.run import PLOT_FILE, run_calibrate
    from pairgen.kinds.ode.calibration import CALIBRATION_FILE

    result = run_calibrate(merged, say)
    found = result.calibration
    echo(error_table(found))
    echo(f"\n{LEGEND}\n")
    for note in notes(found):
        echo(note)
    echo(f"Plot: {result.url}/{PLOT_FILE}")
    if found.chosen is None:
        complain(f"Error: {verdict(found)}")
        sys.exit(1)
    echo(verdict(found))
    words = ["pairgen", "ode", *_of_teacher(merged)]
    words += ["--from-calibration", f"{result.url}/{CALIBRATION_FILE}"]
    echo(f"Next: {command_text(*words)}")


def _of_teacher(given: Mapping[str, Any]) -> list[str]:
    """Return the flags of `pairgen ode` for the teacher and prompts that were calibrated."""
    words = []
    for name in OF_TEACHER:
        value, flag = given.get(name, ""), f"--{name.replace('_', '-')}"
        several = value if isinstance(value, list | tuple) else [value]
        if name == "cfg" and several != [""]:
            several = [",".join(map(str, several))]
        words += [word for each in several if each != "" for word in (flag, str(each))]
    return words
