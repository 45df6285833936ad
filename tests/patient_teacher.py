"""The closed-form teacher, for runs that have to last until something happens to them.

Each evaluation takes the seconds that a file holds, without the processor; none once the file is
gone. Only the environment names that file, so sets made slowly and in a hurry have equal plans.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.teachers import gaussian

if TYPE_CHECKING:
    # Not in the processes that load the teacher.
    import pytest

# Its config file. Runs that go on with a set have to be given it, too.
MODEL = Path(__file__).with_name("patient.yaml")
FILE = "PAIRGEN_TESTS_PATIENCE"

describe = gaussian.describe
prompt_counter = gaussian.prompt_counter


class Patience:
    """How long evaluations take, in this test's processes and those they start."""

    def __init__(self, file: Path, monkeypatch: "pytest.MonkeyPatch") -> None:
        self._file = file
        monkeypatch.setenv(FILE, str(file))

    def take(self, seconds: float) -> None:
        """Take so long from now on."""
        part = self._file.with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(self._file)

    def hurry(self) -> None:
        """Take no time any more."""
        self._file.unlink()


class PatientTeacher:
    def __init__(self, teacher: Any) -> None:
        self.teacher = teacher

    def __getattr__(self, name: str) -> Any:
        return getattr(self.teacher, name)

    def predict(self, *given: Any) -> Any:
        with contextlib.suppress(KeyError, FileNotFoundError):
            time.sleep(float(Path(os.environ[FILE]).read_text()))
        return self.teacher.predict(*given)


def build(**options: Any) -> PatientTeacher:
    return PatientTeacher(gaussian.build(**options))
