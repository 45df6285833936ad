"""The outputs of `pairgen calibrate`: a table, a Markdown page and a plot of one record."""

from collections.abc import Mapping, Sequence

from PIL import Image

from pairgen.drawing.plot import Line, Plot, draw_plot
from pairgen.drawing.table import aligned, markdown
from pairgen.kinds.ode.calibration import CONVERGED_SHARE, Calibration
from pairgen.kinds.ode.settings import Measured, ranked
from pairgen.wording import counted

HEAD = (
    "solver, grid",
    "steps",
    "dtype",
    "starts at t",
    "evaluations",
    "error %",
    "90th pct. %",
    "samples/s",
    "",
)
LEGEND = """\
error        |latent - reference| / |reference| (relative RMSE) of each sample; median over samples
evaluations  network evaluations per sample; guidance counts double
samples/s    network and solver on this machine, median of full batches; without warm-up, prompts
             and decoding"""


def error_table(found: Calibration) -> str:
    """Return the measurements as a table for the terminal, the smallest error first."""
    return "\n".join(aligned(error_lines(found)))


def notes(found: Calibration) -> list[str]:
    """Return notes for reading the table: on the scales, the start, and the reference."""
    lines = [_reference_note(found)]
    if len(found.question["guidance_scales"]) > 1:
        lines.append("Of several guidance scales, the one with the largest error is shown.")
    if elsewhere := _start_elsewhere(found):
        start = _first_time(found)
        lines.append(
            f"The reference starts at t = {start:g}. Other grids start at: {', '.join(elsewhere)}. "
            "They take the noise for the state at another time, which is part of their error."
        )
    if any(row.num_not_finite for row in found.rows):
        lines.append(
            "Settings with latents that are not finite have no error and cannot be chosen."
        )
    return lines


def verdict(found: Calibration) -> str:
    """Return the cheapest setting within the tolerance, or that there is none."""
    tolerance = f"{_percent(found.tolerance)} %"
    if not found.complete:
        return "Not finished: run the same command again to continue."
    chosen = found.chosen
    if chosen is not None and chosen.error is not None:
        return (
            f"Cheapest within {tolerance}: {chosen.setting}: {_percent(chosen.error.median)} % "
            f"with {counted(chosen.evaluations, 'evaluation')} per sample, "
            f"{chosen.samples_per_second:.3g} samples/s."
        )
    best = next((row for row in ranked(found.rows) if row.asked and row.error), None)
    nearest = ""
    if best is not None and best.error is not None:
        nearest = f" The closest is {best.setting}: {_percent(best.error.median)} %."
    return f"No setting is within {tolerance} of the converged ODE.{nearest}"


def markdown_page(found: Calibration, plot_file: str) -> str:
    """Return the page: measurements, choice, table and plot."""
    question = found.question
    scales = ", ".join(f"{scale:g}" for scale in question["guidance_scales"])
    facts = (
        f"- guidance scales {scales}; {counted(question['num_prompts'], 'pair')} of "
        f"{counted(found.source['num_inputs'], 'prompt')} and the noises of seed "
        f"{question['seed']}; all "
        f"end at {question['end']}\n"
        f"- {found.made['device']}, batches of {found.made['batch_size']}, "
        f"{found.made['cpu_threads']} threads; {_versions(found.made['versions'])}\n"
    )
    below = "\n".join(f"- {line}" for line in notes(found))
    return (
        f"# Calibration of {found.teacher['name']}\n\n{facts}\n**{verdict(found)}**\n\n"
        + "\n".join(markdown(error_lines(found)))
        + f"\n\n```\n{LEGEND}\n```\n\n{below}\n\n![Error over evaluations]({plot_file})\n"
    )


def error_plot(found: Calibration) -> Image.Image:
    """Return the plot: error over evaluations, with a line per solver, grid and dtype."""
    points: dict[str, list[tuple[float, float]]] = {}
    several = len({row.setting.dtype for row in found.rows}) > 1
    for row in sorted(found.rows, key=lambda row: row.evaluations):
        # A logarithmic axis cannot show the reference itself, whose error is 0.
        if row.setting != found.reference and row.error is not None and row.error.median > 0:
            name = f"{row.setting.solver}, {row.setting.spacing}"
            name += f", {row.setting.dtype}" * several
            points.setdefault(name, []).append((row.evaluations, 100 * row.error.median))
    chosen = found.chosen
    ringed = None
    if chosen is not None and chosen.error is not None and chosen.error.median > 0:
        point = (float(chosen.evaluations), 100 * chosen.error.median)
        ringed = (point, "cheapest within tolerance")
    scales = ", ".join(f"{scale:g}" for scale in found.question["guidance_scales"])
    return draw_plot(
        Plot(
            title=f"{found.teacher['name']}, guidance {scales}",
            x_label="network evaluations per sample",
            y_label="median relative error against the converged ODE, %",
            lines=[Line(name, line) for name, line in sorted(points.items())],
            level=(100 * found.tolerance, f"tolerance {_percent(found.tolerance)} %"),
            ringed=ringed,
        )
    )


def error_lines(found: Calibration) -> list[Sequence[str]]:
    """Return the measurements as lines of a table; the first are the titles."""
    return [HEAD, *(_line(row, found) for row in ranked(found.rows))]


def _line(row: Measured, found: Calibration) -> Sequence[str]:
    setting, error = row.setting, row.error
    shown = ("not finite", "-")
    if error is not None:
        shown = (_percent(error.median), _percent(error.p90))
    return (
        f"{setting.solver}, {setting.spacing}",
        f"{row.num_transitions:,}",
        setting.dtype,
        f"{row.start_time:g}",
        f"{row.evaluations:,}",
        *shown,
        f"{row.samples_per_second:.3g}",
        _mark(row, found),
    )


def _mark(row: Measured, found: Calibration) -> str:
    if row.setting == found.reference:
        return "reference"
    if found.chosen is not None and row.setting == found.chosen.setting:
        return "cheapest"
    if row == found.halved and not row.asked:
        return "reference halved"
    within = row.error is not None and row.error.median <= found.tolerance
    return "within" if within else ""


def _reference_note(found: Calibration) -> str:
    halved = found.halved
    if halved is None or halved.error is None:
        return f"The reference is {found.reference}; its convergence was not measured."
    relation = "below" if found.converged else "NOT below"
    return (
        f"The reference is {found.reference}. Halving its steps changes it by "
        f"{_percent(halved.error.median)} % (90th percentile {_percent(halved.error.p90)} %), "
        f"{relation} {_percent(CONVERGED_SHARE * found.tolerance)} %, a tenth of the tolerance."
    )


def _first_time(found: Calibration) -> float:
    return next(row.start_time for row in found.rows if row.setting == found.reference)


def _start_elsewhere(found: Calibration) -> list[str]:
    """Return the grids that do not start where the reference does, with their start times."""
    times: dict[str, set[float]] = {}
    for row in found.rows:
        if row.start_time != _first_time(found):
            times.setdefault(row.setting.spacing, set()).add(row.start_time)
    return [
        f"{spacing} (t = {', '.join(f'{time:g}' for time in sorted(starts))})"
        for spacing, starts in sorted(times.items())
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.3g}"


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
