"""The packages of an environment as an annotation of its own manifest, so that they are kept with it and read without it."""

import json
from collections.abc import Iterable, Mapping

from tagstone.domain.build import Package

KEY = "org.tagstone.packages"


def packages_annotation(packages: Iterable[Package]) -> dict[str, str]:
    """The annotation for some packages: compact JSON, one list `[kind, name, version, architecture]` for each."""
    rows = [[package.kind, package.name, package.version, package.architecture] for package in packages]
    return {KEY: json.dumps(rows, separators=(",", ":"), ensure_ascii=True)}


def read_packages_annotation(annotations: Mapping[str, str]) -> tuple[Package, ...]:
    """The packages that an annotation tells of; none where there is no annotation of ours."""
    try:
        rows = json.loads(annotations.get(KEY, "[]"))
        return tuple(Package(str(kind), str(name), str(version), architecture) for kind, name, version, architecture in rows)
    except (ValueError, TypeError):
        return ()
