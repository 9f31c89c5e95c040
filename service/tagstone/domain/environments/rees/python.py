"""Python as repo2docker reads it: Pipfile(.lock), requirements.txt, and the project itself."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from tagstone.domain.code.source_tree import Tree
from tagstone.domain.environments.lock import PYPI_NAME
from tagstone.domain.environments.needs import Python
from tagstone.domain.environments.rees.found import PIPFILES, PROJECTS, REQUIREMENTS, EnvironmentFiles
from tagstone.domain.environments.requirements import Requirements, read_requirements
from tagstone.domain.reading.faults import Fault

_LOCK, _PIPFILE = PIPFILES
_SPECIFIER = re.compile(r"(?:(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+\s*+,?\s*+)+")
_EXTRA = re.compile(r"[A-Za-z0-9._-]+")
_PINNED = re.compile(r"==[A-Za-z0-9.+!_-]+")
_HASH = re.compile(r"sha(256|384|512):[0-9a-f]{64,128}")
_MARKER = re.compile(r"[A-Za-z0-9_ .,'\"<>=!~()+*-]{1,500}")
_COMPILERS = {
    "gcc": (".c", ".pyx"),
    "g++": (".cc", ".cpp", ".cxx"),
    "gfortran": (".f", ".f77", ".f90", ".f95", ".for"),
}


@dataclass(frozen=True)
class FoundPython:
    """What Python needs: packages of Debian, files, whether the build sees the whole tree, and the version that is asked for."""

    python: Python
    apt: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    whole_tree: bool = False
    version: str = ""
    version_file: str = ""


def read_python(files: EnvironmentFiles, tree: Tree, faults: list[Fault]) -> FoundPython | None:
    """What the Python files of a repository ask for, None when there is none; what is wrong is added to `faults`."""
    lock, pipfile = files.path(_LOCK), files.path(_PIPFILE)
    requirements, project = files.path(REQUIREMENTS), files.path(*PROJECTS)
    if not (lock or pipfile or requirements or project):
        return None
    read, version, seen = Requirements(), "", list[str]()
    listed: tuple[str, ...] = ()
    if lock:
        version = _judge_lock(lock, tree.text(lock) or "", faults)
        seen.append(lock)
    elif pipfile:
        version, listed = _read_pipfile(pipfile, tree.text(pipfile) or "", faults)
    if requirements:
        read = read_requirements(requirements, tree, requirements, faults)
    tools = [*(_compilers(tree) if project or read.local else ()), *(["git", "ca-certificates"] if read.git else ())]
    return FoundPython(
        # What requirements.txt installs from here is not installed once more.
        Python(lock, requirements, listed, project is not None and not read.itself, read.editable),
        tuple(tools),
        (*seen, *read.files),
        read.local or project is not None,
        version,
        lock or pipfile or "",
    )


def _compilers(tree: Tree) -> tuple[str, ...]:
    """What the project's own sources are compiled with; packages that PyPI has no wheel of are up to apt.txt."""
    found = [
        name for name, endings in _COMPILERS.items() if any(entry.path.lower().endswith(endings) for entry in tree.entries)
    ]
    return (*found, "libc6-dev", "python3-dev") if found else ()


def _judge_lock(file: str, text: str, faults: list[Fault]) -> str:
    """Find what of a Pipfile.lock could not be installed by version and checksum; the answer is the Python it was made for."""
    try:
        document = json.loads(text)
        sections = [document["default"], document["develop"]]
        rows = [(name, one) for section in sections for name, one in section.items()]
        requires = document.get("_meta", {}).get("requires", {})
        version = str(requires.get("python_full_version") or requires.get("python_version") or "")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        faults.append(Fault(file, "It is no lock of pipenv.", "Make it anew: pipenv lock."))
        return ""
    loose = [name for name, one in rows if not _is_pinned(name, one)]
    if loose:
        message = f"{', '.join(str(name)[:60] for name in loose[:5])} {'is' if len(loose) == 1 else 'are'} not pinned by version and checksum."
        faults.append(Fault(file, message, "Name released packages in the Pipfile, then: pipenv lock."))
    return version


def _is_pinned(name: str, one: object) -> bool:
    if not isinstance(one, Mapping) or not PYPI_NAME.fullmatch(name):
        return False
    hashes, marker = one.get("hashes"), one.get("markers", "")
    return (
        isinstance(hashes, list)
        and bool(hashes)
        and all(isinstance(each, str) and _HASH.fullmatch(each) for each in hashes)
        and isinstance(one.get("version"), str)
        and _PINNED.fullmatch(one["version"]) is not None
        and (marker == "" or (isinstance(marker, str) and _MARKER.fullmatch(marker) is not None))
    )


def _read_pipfile(file: str, text: str, faults: list[Fault]) -> tuple[str, tuple[str, ...]]:
    """The Python that a Pipfile is for, and its packages as lines for pip."""
    faults.append(Fault(file, "Its versions are not pinned.", "Commit the Pipfile.lock that pipenv makes of it.", warning=True))
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        faults.append(Fault(file, f"It cannot be read: {str(error)[:100]}.", "Look at the line that is named."))
        return "", ()
    lines = []
    for table in ("packages", "dev-packages"):
        packages = document.get(table, {})
        for name, wanted in packages.items() if isinstance(packages, dict) else ():
            line = _requirement(name, wanted)
            if line is None:
                faults.append(Fault(file, f"`{name[:60]}` is no released package.", "Give a version: pip knows no pipenv."))
            else:
                lines.append(line)
    requires = document.get("requires", {})
    version = (requires.get("python_full_version") or requires.get("python_version")) if isinstance(requires, dict) else ""
    return str(version or ""), tuple(sorted(set(lines)))


def _requirement(name: str, wanted: object) -> str | None:
    """One package of a Pipfile as pip writes it, None for paths, repositories and whatever else."""
    table = wanted if isinstance(wanted, dict) else {"version": wanted}
    extras, version = table.get("extras", []), table.get("version", "*")
    if set(table) - {"version", "extras", "index"} or not isinstance(version, str) or not isinstance(extras, list):
        return None
    if not PYPI_NAME.fullmatch(name) or not all(isinstance(one, str) and _EXTRA.fullmatch(one) for one in extras):
        return None
    if version not in ("*", "") and not _SPECIFIER.fullmatch(version):
        return None
    return name + (f"[{','.join(extras)}]" if extras else "") + ("" if version == "*" else version.strip())
