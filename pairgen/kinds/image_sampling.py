"""How an image student steps, as its model file says: steps, solver, times, end, guidance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen.config import check_keys, choice, field_names, integer, number, text
from pairgen.errors import ConfigError
from pairgen.model_config import GUIDANCE_SCALES
from pairgen.sampling.evaluations import num_evaluations
from pairgen.sampling.grid import Grid, make_grid
from pairgen.sampling.names import ENDS, SOLVER_NAMES, check_spacing
from pairgen.sampling.parameterization import Schedule


@dataclass(frozen=True, kw_only=True)
class ImageSampling:
    """The options of `pairgen sample` that an image student has.

    Attributes:
        steps: Number of transitions.
        solver: Step rule.
        spacing: Spacing of the times, or the times.
        end: End of the grid.
        cfg: Guidance scale; 1 for none.
    """

    steps: int
    solver: str
    spacing: str
    end: str
    cfg: float = 1.0

    def grid(self, schedule: Schedule) -> Grid:
        """Return the grid of a schedule.

        Raises:
            ConfigError: The times do not fit the schedule.
        """
        return make_grid(schedule, self.spacing, self.steps, self.end)

    def evaluations(self, schedule: Schedule) -> int:
        """Return the number of network evaluations per image; guidance counts double."""
        num = num_evaluations(self.solver, self.grid(schedule).num_steps, self.end)
        return num * (1 + (self.cfg != 1))


def read_image_sampling(section: Mapping[str, Any], where: str) -> ImageSampling:
    """Read the section `sampling` of an image student.

    Args:
        section: Its content.
        where: Name of the model in messages.

    Raises:
        ConfigError: An option is unknown or missing, or a value is not allowed.
    """
    known = field_names(ImageSampling)
    check_keys(section, known, f"the sampling of {where}")
    missing = [name for name in known if name != "cfg" and name not in section]
    if missing:
        raise ConfigError(f"The sampling of {where} lacks {', '.join(missing)}.")
    spacing = text("spacing", section["spacing"])
    return ImageSampling(
        steps=integer("steps", section["steps"], 1),
        solver=choice("solver", section["solver"], SOLVER_NAMES),
        spacing=check_spacing(spacing),
        end=choice("end", section["end"], ENDS),
        cfg=number("cfg", section.get("cfg", 1.0), *GUIDANCE_SCALES),
    )
