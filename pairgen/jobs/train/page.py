"""The page of a finished run, `report.html`, as `pairgen report` makes it."""

from pathlib import Path

from pairgen.errors import PairgenError
from pairgen.execution.say import Say
from pairgen.pages.document import write_page
from pairgen.pages.run_page import PAGE_FILE, run_page


def write_run_page(folder: Path, say: Say) -> None:
    """Write the page of a run; without it the run is whole, so a failure is only told."""
    try:
        write_page(folder / PAGE_FILE, run_page(folder))
    except PairgenError as error:
        say(f"No page of the run: {str(error).rstrip('.')}.")
