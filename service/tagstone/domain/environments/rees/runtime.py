"""`runtime.txt`: which Python or R, and of which day."""

import re
from dataclasses import dataclass

from tagstone.domain.environments.needs import DEBIAN, DEBIAN_PYTHON, DEBIAN_R
from tagstone.domain.reading.faults import Fault

_WRITTEN = re.compile(r"(?P<name>python|r)(?:-(?P<version>\d+(?:\.\d+)*))?(?:-(?P<date>\d{4}-\d\d-\d\d))?")


@dataclass(frozen=True)
class Runtime:
    """The language that is asked for (`python`, `r` or empty), its version and the day (ISO 8601), each empty where not said."""

    language: str = ""
    version: str = ""
    date: str = ""


def read_runtime(path: str, text: str, faults: list[Fault]) -> Runtime:
    """Read a runtime.txt; one that cannot be read is added to `faults`."""
    written = text.strip()
    match = _WRITTEN.fullmatch(written)
    if match is None or (match["name"] == "python" and (match["date"] or not match["version"])):
        remedy = f"Write python-{DEBIAN_PYTHON}, or r-{DEBIAN_R}-2026-01-31."
        faults.append(Fault(path, f"{written[:60]!r} names no runtime.", remedy, 1))
        return Runtime()
    return Runtime(match["name"], match["version"] or "", match["date"] or "")


def base_for_python(file: str, version: str, faults: list[Fault]) -> str:
    """The base that has a Python (`3`, `3.11`, `3.11.2`): Debian where it is Debian's, else Python's own image, with a warning."""
    wanted = ".".join(version.split(".")[:2])
    if wanted in ("", "3", DEBIAN_PYTHON):
        return DEBIAN
    if not re.fullmatch(r"3\.\d{1,2}", wanted):
        remedy = f"Write {DEBIAN_PYTHON}, or build it in a Containerfile."
        faults.append(Fault(file, f"Python {version[:20]} is not to be had.", remedy))
        return DEBIAN
    base = f"python:{wanted}-slim-bookworm"
    message = f"It asks for Python {wanted}, and Debian bookworm has {DEBIAN_PYTHON}: the image stands on {base}."
    remedy = f"Ask for {DEBIAN_PYTHON} where that does, or see that the registry or its upstream has {base}."
    faults.append(Fault(file, message, remedy, warning=True))
    return base


def judge_r(file: str, version: str, faults: list[Fault]) -> None:
    """A fault where another R is asked for than Debian has."""
    if version and ".".join(version.split(".")[:2]) != DEBIAN_R:
        remedy = f"Write r-{DEBIAN_R} with the day, or choose a base with that R in tagstone.yml or a Containerfile."
        faults.append(Fault(file, f"It asks for R {version[:20]}, and Debian bookworm has {DEBIAN_R}.", remedy))
