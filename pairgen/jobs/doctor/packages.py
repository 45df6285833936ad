"""Python, the packages that pairgen needs, its extras, and a torchvision that breaks others."""

import importlib.metadata
import json
import platform
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pairgen
from pairgen.jobs.doctor.check import BROKEN, MISSING, OK, Check
from pairgen.own_process import run_script

LOWEST_PYTHON = (3, 11)
SECONDS_TO_IMPORT = 180.0
# Packages whose modules have another name. `a:b` is the name b in module a: both libraries load
# their classes late, and only then what they import in turn.
MODULES = {
    "diffusers": "diffusers:UNet2DConditionModel",
    "transformers": "transformers:CLIPTextModel",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scipy": "scipy.signal",
    # Its modules miss one of torchvision's that pairgen puts in place.
    "basicsr": "pairgen.basicsr_shim:import_basicsr:",
}
# Extras for working on pairgen itself.
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
    """A package that pairgen, or an extra of it, asks for.

    Attributes:
        name: Of the package.
        versions: Such as `>=2.6`; empty for any.
        extra: Empty for pairgen itself.
    """

    name: str
    versions: str
    extra: str

    @property
    def module(self) -> str:
        """What is imported to see whether it works."""
        return MODULES.get(self.name.lower(), self.name.replace("-", "_"))


def check_python() -> Check:
    """Look at the interpreter."""
    found = f"{platform.python_version()}, {sys.executable}, {platform.platform()}"
    if sys.version_info < LOWEST_PYTHON:
        remedy = f"take Python {'.'.join(map(str, LOWEST_PYTHON))} or newer"
        return Check("python", BROKEN, found, remedy, is_core=True)
    return Check("python", OK, f"{found}; pairgen {pairgen.__version__}", is_core=True)


def try_imports(requirements: Sequence[Requirement]) -> dict[str, str]:
    """Import what is installed of the packages, and torchvision, in a process of its own.

    Returns:
        Module to its error, empty for none; nothing of packages that are not installed.
    """
    wanted = [each for each in requirements if each.extra not in NOT_FOR_USERS]
    wanted.append(Requirement("torchvision", "", ""))
    return _import_errors([each.module for each in wanted if _version(each.name)])


def check_packages(
    requirements: Sequence[Requirement], errors: Mapping[str, str]
) -> Iterator[Check]:
    """Look at every package that pairgen itself asks for.

    Args:
        requirements: From `read_requirements`.
        errors: From `try_imports`.
    """
    for each in requirements:
        if not each.extra:
            found, remedy = _state(each, errors)
            status = (BROKEN if _version(each.name) else MISSING) if remedy else OK
            yield Check(each.name, status, found, remedy, is_core=True)


def check_torchvision(errors: Mapping[str, str]) -> Check:
    """Look at torchvision: pairgen does not need it, but a broken one breaks what it needs."""
    installed = _version("torchvision")
    if not installed:
        return Check("torchvision", OK, "not installed, and not needed")
    if errors["torchvision"]:
        return Check(
            "torchvision",
            BROKEN,
            f"{installed}: {errors['torchvision']}",
            "it breaks imports of diffusers and transformers: pip uninstall torchvision, or "
            f"install the one that was built for torch {_version('torch') or 'of this machine'}",
        )
    return Check("torchvision", OK, f"{installed}; not needed")


def check_extras(requirements: Sequence[Requirement], errors: Mapping[str, str]) -> Iterator[Check]:
    """Look at the packages of each extra."""
    extras = dict.fromkeys(each.extra for each in requirements if each.extra)
    for extra in extras:
        if extra in NOT_FOR_USERS:
            continue
        members = [each for each in requirements if each.extra == extra]
        remedy = f"pip install 'pairgen[{extra}]'"
        gone = [each.name for each in members if not _version(each.name)]
        if gone:
            told = f"{', '.join(gone)} not installed"
            yield Check(f"extra {extra}", MISSING, told, remedy)
            continue
        states = [_state(each, errors) for each in members]
        bad = any(needed for _, needed in states)
        pairs = zip(members, states, strict=True)
        told = ", ".join(f"{each.name} {found}" for each, (found, _) in pairs)
        yield Check(f"extra {extra}", BROKEN if bad else OK, told, remedy if bad else "")


def read_requirements() -> list[Requirement]:
    """Return what pairgen asks for: from the checkout it lies in, else as it was installed."""
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
    name = re.match(r"[\w.-]+", text)
    assert name is not None
    return Requirement(name[0], text[name.end() :].replace(" ", ""), extra)


def _state(requirement: Requirement, errors: Mapping[str, str]) -> tuple[str, str]:
    """Return what was found of a package, and what to do when it does not work."""
    installed = _version(requirement.name)
    install = f"pip install '{requirement.name}{requirement.versions}'"
    if not installed:
        return "not installed", install
    if not _fits(installed, requirement.versions):
        return f"{installed}, needed is {requirement.versions}", install
    error = errors[requirement.module]
    if error:
        again = f"see the line of torchvision, or: pip install --force-reinstall {requirement.name}"
        return f"{installed}: {error}", again if "torchvision" in error else install
    return installed, ""


def _fits(installed: str, versions: str) -> bool:
    """Whether a version fulfils `>=a` or `==a`, as pyproject.toml has them."""
    if versions.startswith("=="):
        return installed.partition("+")[0] == versions[2:]
    return _numbers(installed) >= _numbers(versions.removeprefix(">="))


def _numbers(version: str) -> list[int]:
    released = re.match(r"[\d.]*", version)
    assert released is not None
    return [int(part) for part in released[0].split(".") if part]


def _version(name: str) -> str:
    """Return the installed version of a package; empty when it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _import_errors(modules: Sequence[str]) -> dict[str, str]:
    """Import modules in a process of its own; return the error of each, empty for none."""
    errors: dict[str, str] = {}
    left = list(modules)
    while left:
        outcome = run_script(SCRIPT, SECONDS_TO_IMPORT, json.dumps(left))
        found = dict(outcome.lines)
        errors |= {name: _one_line(error) for name, error in found.items() if error is not None}
        # One that takes the process with it says nothing; those behind it are tried again.
        left = [name for name in left if name not in errors]
        if left:
            errors[left.pop(0)] = outcome.failure or "the process ended"
    return errors


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
