"""Check Python, the required packages, the extras, and torchvision, which can break others."""

import importlib.metadata
import json
import platform
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pairgen
from pairgen.jobs.doctor.check import BROKEN, MISSING, OK, Check
from pairgen.own_process import run_script

LOWEST_PYTHON = (3, 11)
SECONDS_TO_IMPORT = 180.0
# Packages whose modules have another name. `a:b` is the name b in module a: both libraries load
# their classes lazily, and import other modules only then.
MODULES = {
    "diffusers": "diffusers:UNet2DConditionModel",
    "transformers": "transformers:CLIPTextModel",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scipy": "scipy.signal",
    # Its modules need one of torchvision's that pairgen provides a stand-in for.
    "basicsr": "pairgen.basicsr_shim:import_basicsr:",
}
# Extras for developing pairgen itself.
NOT_FOR_USERS = ("test", "dev")
SCRIPT = """
import importlib, json, sys
for module in json.loads(sys.argv[1]):
    print(json.dumps([module, None]), flush=True)
    name, _, attribute = module.partition(":")
    error = ""
    try:
        found = importlib.import_module(name)
        if attribute:
            found = getattr(found, attribute.rstrip(":"))
        if attribute.endswith(":"):
            found()
    except BaseException as caught:
        error = f"{type(caught).__name__}: {caught}"
    print(json.dumps([module, error]), flush=True)
"""


@dataclass(frozen=True)
class Requirement:
    """A package that pairgen, or one of its extras, requires.

    Attributes:
        name: Name of the package.
        versions: Version specifier such as `>=2.6`; empty for any.
        extra: Name of the extra; empty for pairgen itself.
        own_extras: The package's own extras, such as `[default]`; empty for none.
    """

    name: str
    versions: str
    extra: str
    own_extras: str = field(default="", compare=False)

    @property
    def module(self) -> str:
        """Module to import to check that the package works."""
        return MODULES.get(self.name.lower(), self.name.replace("-", "_"))


def check_python() -> Check:
    """Check the interpreter."""
    found = f"{platform.python_version()}, {sys.executable}, {platform.platform()}"
    if sys.version_info < LOWEST_PYTHON:
        remedy = f"use Python {'.'.join(map(str, LOWEST_PYTHON))} or newer"
        return Check("python", BROKEN, found, remedy, is_core=True)
    return Check("python", OK, f"{found}; pairgen {pairgen.__version__}", is_core=True)


def try_imports(requirements: Sequence[Requirement]) -> dict[str, str]:
    """Import the installed packages, and torchvision, in a separate process.

    Returns:
        Module to its error, empty for none; packages that are not installed are left out.
    """
    wanted = [each for each in requirements if each.extra not in NOT_FOR_USERS]
    wanted.append(Requirement("torchvision", "", ""))
    return _import_errors([each.module for each in wanted if _version(each.name)])


def check_packages(
    requirements: Sequence[Requirement], errors: Mapping[str, str]
) -> Iterator[Check]:
    """Check every package that pairgen itself requires.

    Args:
        requirements: Requirements from `read_requirements`.
        errors: Import errors from `try_imports`.
    """
    for each in requirements:
        if not each.extra:
            found, remedy = _state(each, errors)
            status = (BROKEN if _version(each.name) else MISSING) if remedy else OK
            yield Check(each.name, status, found, remedy, is_core=True)


def check_torchvision(errors: Mapping[str, str]) -> Check:
    """Check torchvision: pairgen does not need it, but a broken one breaks what it needs."""
    installed = _version("torchvision")
    if not installed:
        return Check("torchvision", OK, "not installed, and not needed")
    if errors["torchvision"]:
        return Check(
            "torchvision",
            BROKEN,
            f"{installed}: {errors['torchvision']}",
            "it breaks imports of diffusers and transformers: pip uninstall torchvision, or "
            f"install the build for torch {_version('torch') or 'of this machine'}",
        )
    return Check("torchvision", OK, f"{installed}; not needed")


def check_extras(requirements: Sequence[Requirement], errors: Mapping[str, str]) -> Iterator[Check]:
    """Check the packages of each extra."""
    extras = dict.fromkeys(each.extra for each in requirements if each.extra)
    for extra in extras:
        if extra in NOT_FOR_USERS:
            continue
        members = [each for each in requirements if each.extra == extra]
        remedy = f"pip install 'pairgen[{extra}]'"
        gone = [each.name for each in members if not _version(each.name)]
        if gone:
            message = f"{', '.join(gone)} not installed"
            yield Check(f"extra {extra}", MISSING, message, remedy)
            continue
        states = [_state(each, errors) for each in members]
        bad = any(needed for _, needed in states)
        pairs = zip(members, states, strict=True)
        message = ", ".join(f"{each.name} {found}" for each, (found, _) in pairs)
        yield Check(f"extra {extra}", BROKEN if bad else OK, message, remedy if bad else "")


def read_requirements() -> list[Requirement]:
    """Return pairgen's requirements: from its checkout, else from its installed metadata."""
    checkout = Path(pairgen.__file__).parent.parent / "pyproject.toml"
    if checkout.is_file():
        project = tomllib.loads(checkout.read_text(encoding="utf-8"))["project"]
        extras = {"": project["dependencies"], **project["optional-dependencies"]}
        return [_requirement(text, extra) for extra, texts in extras.items() for text in texts]
    installed = importlib.metadata.requires("pairgen") or []
    found = []
    for text in installed:
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", text)
        found.append(_requirement(text.partition(";")[0], extra[1] if extra else ""))
    return found


def _requirement(text: str, extra: str) -> Requirement:
    found = re.match(r"([\w.-]+)\s*(\[[^\]]*\])?", text)
    assert found is not None
    versions = text[found.end() :].replace(" ", "")
    return Requirement(found[1], versions, extra, found[2] or "")


def _state(requirement: Requirement, errors: Mapping[str, str]) -> tuple[str, str]:
    """Return what was found of a package, and what to do if it does not work."""
    installed = _version(requirement.name)
    wanted = f"{requirement.name}{requirement.own_extras}{requirement.versions}"
    install = f"pip install '{wanted}'"
    if not installed:
        return "not installed", install
    if not _fits(installed, requirement.versions):
        return f"{installed}, requires {requirement.versions}", install
    error = errors[requirement.module]
    if error:
        again = f"see the torchvision line, or: pip install --force-reinstall {requirement.name}"
        return f"{installed}: {error}", again if "torchvision" in error else install
    return installed, ""


def _fits(installed: str, versions: str) -> bool:
    """Whether a version satisfies `>=a` or `==a`, the forms used in pyproject.toml."""
    if versions.startswith("=="):
        return installed.partition("+")[0] == versions[2:]
    return _numbers(installed) >= _numbers(versions.removeprefix(">="))


def _numbers(version: str) -> list[int]:
    released = re.match(r"[\d.]*", version)
    assert released is not None
    return [int(part) for part in released[0].split(".") if part]


def _version(name: str) -> str:
    """Return the installed version of a package; empty if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _import_errors(modules: Sequence[str]) -> dict[str, str]:
    """Import modules in a separate process; return the error of each, empty for none."""
    errors: dict[str, str] = {}
    left = list(modules)
    while left:
        outcome = run_script(SCRIPT, SECONDS_TO_IMPORT, json.dumps(left))
        found = dict(outcome.lines)
        errors |= {name: _one_line(error) for name, error in found.items() if error is not None}
        # A module that kills the process reports nothing; those after it are tried again.
        left = [name for name in left if name not in errors]
        if left:
            errors[left.pop(0)] = outcome.failure or "the process ended"
    return errors


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
