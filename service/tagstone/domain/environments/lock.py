"""`tagstone.lock`: the base's digest and the packages' versions, so that every builder installs the same.

It is YAML that a person can read and compare; `tagstone check --fix` offers it, nothing wants it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tagstone.domain.environments.build import BaseImage, Package, PackageArchive
from tagstone.domain.environments.snapshots import is_date, newest
from tagstone.domain.images.oci import is_digest
from tagstone.domain.reading.faults import Fault, raise_faults
from tagstone.domain.reading.yaml_text import Document, read_yaml

FILE = "tagstone.lock"
_HEAD = "# Made by `tagstone check --fix`: commit it, and every build takes exactly these. Remove it to take newer ones.\n"
_REMEDY = "Remove the file and let `tagstone check --fix` make it anew."

# Debian Policy 5.6.1 and 5.6.12; PEP 508 and PEP 440: nothing in them means anything to a shell.
DEB_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
DEB_VERSION = re.compile(r"[0-9][A-Za-z0-9.+:~-]*")
PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
PYPI_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*")
_BASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}")


@dataclass(frozen=True)
class Lock:
    """What was resolved once: digests by base as written, versions by package.

    `snapshot` is the date (ISO 8601, UTC) of the package archive's state that had these Debian packages, empty where
    nothing was taken from one. R's and conda's packages are not locked: a site's channel is to be one that stays.
    """

    bases: Mapping[str, str] = field(default_factory=dict)
    deb: Mapping[str, str] = field(default_factory=dict)
    pypi: Mapping[str, str] = field(default_factory=dict)
    snapshot: str = ""


_GRAMMAR: dict[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "bases": (_BASE_NAME, re.compile(r"sha256:[0-9a-f]{64}")),
    "deb": (DEB_NAME, DEB_VERSION),
    "pypi": (PYPI_NAME, PYPI_VERSION),
}


def parse(text: str, file: str = FILE) -> Lock:
    """Read a lock.

    Raises:
        Invalid: it is none; every fault is listed with its line.
    """
    document = read_yaml(text, file)
    raise_faults(document.faults, "The lock cannot be read")
    top = document.value if isinstance(document.value, dict) else {}
    faults = []
    if top.get("version") != 1:
        faults.append(Fault(file, "It is not of version 1.", _REMEDY, document.line(("version",))))
    snapshot = top.get("snapshot", "")
    if snapshot != "" and not (isinstance(snapshot, str) and is_date(snapshot)):
        faults.append(Fault(file, "`snapshot` is no date.", _REMEDY, document.line(("snapshot",))))
    strange = sorted(set(top) - {"version", "snapshot", *_GRAMMAR})
    faults += [Fault(file, f"`{name[:60]}` is unknown.", _REMEDY, document.line((name,))) for name in strange]
    sections = {name: _section(document, top.get(name), name, file, faults) for name in _GRAMMAR}
    raise_faults(faults, "The lock cannot be used")
    return Lock(**sections, snapshot=str(snapshot))


def dump(lock: Lock) -> str:
    """A lock as text, sorted: equal locks, equal text."""
    lines = [_HEAD + "version: 1", *([f"snapshot: {json.dumps(lock.snapshot)}"] if lock.snapshot else [])]
    for name in _GRAMMAR:
        values: Mapping[str, str] = getattr(lock, name)
        lines.append(f"{name}:" if values else f"{name}: {{}}")
        lines += [f"  {json.dumps(key)}: {json.dumps(values[key])}" for key in sorted(values)]
    return "\n".join(lines) + "\n"


def from_packages(bases: Iterable[BaseImage], packages: Iterable[Package], archives: Iterable[PackageArchive] = ()) -> Lock:
    """The lock that holds an environment as it was built; what no lock can say (cran) is left out."""
    found: dict[str, dict[str, str]] = {"deb": {}, "pypi": {}}
    for package in packages:
        names, versions = _GRAMMAR.get(package.kind, (None, None))
        if names and versions and names.fullmatch(package.name) and versions.fullmatch(package.version):
            # A name with two versions (of a base's own Python and of ours) is left to pip.
            twice = package.kind == "pypi" and found["pypi"].get(package.name, package.version) != package.version
            found[package.kind][package.name] = "" if twice else package.version
    pypi = {name: version for name, version in found["pypi"].items() if version}
    digests = {base.written: base.image.digest for base in bases if is_digest(base.image.digest)}
    return Lock(digests, found["deb"], pypi, newest(archive for archive in archives if is_date(archive.date)))


def _section(document: Document, value: object, name: str, file: str, faults: list[Fault]) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        faults.append(Fault(file, f"`{name}` is no list of names and versions.", _REMEDY, document.line((name,))))
        return {}
    names, versions = _GRAMMAR[name]
    for key, version in value.items():
        if not names.fullmatch(key) or not isinstance(version, str) or not versions.fullmatch(version):
            faults.append(
                Fault(file, f"`{key[:60]}` has no name or version that could be.", _REMEDY, document.line((name, key)))
            )
    return {str(key): str(version) for key, version in value.items()}
