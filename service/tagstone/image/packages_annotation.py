"""The packages of an environment as an annotation of its own manifest, so that they are kept with it and read without it."""

import json
from collections.abc import Iterable, Mapping

from tagstone.domain.environments.build import Package, PackageArchive
from tagstone.image.packages import sound_package

KEY = "org.tagstone.packages"
ARCHIVES = "org.tagstone.archives"


def packages_annotation(packages: Iterable[Package]) -> dict[str, str]:
    """The annotation for some packages: compact JSON, one list `[kind, name, version, architecture]` for each."""
    rows = [[package.kind, package.name, package.version, package.architecture] for package in packages]
    return {KEY: json.dumps(rows, separators=(",", ":"), ensure_ascii=True)}


def archives_annotation(archives: Iterable[PackageArchive]) -> dict[str, str]:
    """The annotation for the archives they came from: one list `[address, suite, date]` for each; none where there is none."""
    rows = [[archive.address, archive.suite, archive.date] for archive in archives]
    return {ARCHIVES: json.dumps(rows, separators=(",", ":"), ensure_ascii=True)} if rows else {}


def read_archives_annotation(annotations: Mapping[str, str]) -> tuple[PackageArchive, ...]:
    """The archives that an annotation tells of; none where there is no annotation of ours."""
    try:
        rows = json.loads(annotations.get(ARCHIVES, "[]"))
        return tuple(PackageArchive(str(address), str(suite), str(date)) for address, suite, date in rows)
    except (ValueError, TypeError, RecursionError):
        return ()


def read_packages_annotation(annotations: Mapping[str, str]) -> tuple[Package, ...]:
    """The packages that an annotation tells of; none where there is no annotation of ours."""
    try:
        rows = json.loads(annotations.get(KEY, "[]"))
        return tuple(package for row in rows for package in sound_package(*row))
    except (ValueError, TypeError, RecursionError):
        return ()
