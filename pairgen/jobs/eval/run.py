"""`pairgen eval`: judge a student by pairs that it was not trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.eval.evaluation import Asked, Evaluation
from pairgen.jobs.eval.folder import GRID_FILE, find_folder, write_folder
from pairgen.jobs.eval.from_images.run import evaluate_from_images
from pairgen.jobs.eval.from_text.run import evaluate_from_text
from pairgen.jobs.eval.options import EvalConfig
from pairgen.judging.judged import find_judged
from pairgen.judging.table import figure_lines
from pairgen.redaction import without_secrets_in
from pairgen.resolution import sources_of
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.shown import Picture, Shown, ShownTable, picture_in


@dataclass(frozen=True, repr=False)
class Evaluated(Shown):
    """The result of `pairgen eval`.

    Attributes:
        folder: Folder with eval.json, grid.png and index.html.
        figures: Content of eval.json.
    """

    folder: Path
    figures: dict[str, Any]

    def shown(self) -> ShownTable:
        """Return the rows of figures."""
        head, *rows = figure_lines(self.figures)
        return ShownTable(f"{type(self).__name__}: {self.folder}", rows, head)

    def shown_pictures(self) -> list[Picture]:
        """Return the grid."""
        return picture_in(self.folder / GRID_FILE)


def run_evaluate(given: Mapping[str, Any], say: Say = log) -> Evaluated:
    """Run `eval`, and report what it starts from."""
    return evaluate_folder(given, say)[0]


@trusts_user
def evaluate_folder(given: Mapping[str, Any], say: Say = log) -> tuple[Evaluated, Evaluation]:
    """Run `eval`; return its result, and the images that its page shows."""
    resolved = sources_of(EvalConfig, given).resolved()
    config = resolved.options
    judged = find_judged(config.run)
    plan = read_plan(open_store(config.data))
    folder = find_folder(config, judged.is_run)
    evaluate = evaluate_from_text if judged.model.image is None else evaluate_from_images
    found = evaluate(Asked(config, frozenset(resolved.origins), judged), plan, say)
    figures = without_secrets_in(found.figures)
    write_folder(folder, figures, found)
    return Evaluated(folder, figures), found
