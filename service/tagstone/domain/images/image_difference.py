"""What differs between two images: layers, the paths in them, and the packages that those belong to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

_SHOWN = 12  # paths for each package in the text for people; programs get all


class PathChangeKind(StrEnum):
    """What happened to a path."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class PackageVersion:
    """A package and its versions in the two images; None where it is not installed."""

    kind: str
    name: str
    recorded: str | None
    found: str | None

    @property
    def same(self) -> bool:
        """True when both images have it in one version."""
        return self.recorded == self.found

    def __str__(self) -> str:
        label = f"{self.kind} {self.name}"
        if self.same:
            return f"{label} {self.recorded}" if self.recorded else label
        if self.recorded is None:
            return f"{label} {self.found} (added)"
        return f"{label} {self.recorded} (removed)" if self.found is None else f"{label} {self.recorded} → {self.found}"


@dataclass(frozen=True)
class PathChange:
    """One path of a layer that is not the same; `aspects` say in what: content, mode, owner, time, link, kind, attributes.

    `first_byte` is the offset of the first byte that differs, None where it was not looked up; `package` is (kind, name).
    """

    path: str
    kind: PathChangeKind
    aspects: tuple[str, ...] = ()
    first_byte: int | None = None
    package: tuple[str, str] | None = None

    def __str__(self) -> str:
        if self.kind is not PathChangeKind.CHANGED:
            return f"{self.path}: {self.kind}"
        where = "" if self.first_byte is None else f" at byte {self.first_byte}"
        return f"{self.path}: " + ", ".join(aspect + (where if aspect == "content" else "") for aspect in self.aspects)


@dataclass(frozen=True)
class LayerDifference:
    """A layer that is not the same: what it is called and its paths that differ, sorted (none: the same files, packed otherwise)."""

    name: str
    changes: tuple[PathChange, ...]


@dataclass(frozen=True)
class ImageDifference:
    """An image as it was recorded beside one that was made anew: digests, layers that differ, versions, settings.

    `versions` has every package of either image that a path or a version differs in.
    """

    recorded: str
    found: str
    layers: tuple[LayerDifference, ...] = ()
    versions: tuple[PackageVersion, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def identical(self) -> bool:
        """True when the digests are equal: then every byte is."""
        return self.recorded == self.found

    def as_text(self) -> str:
        """The answer for people: one word, then layer by layer what differs, package by package."""
        if self.identical:
            return f"identical: built anew, the image has the recorded digest {self.recorded}"
        lines = ["different: built anew, the image is another", f"  recorded {self.recorded}", f"  anew     {self.found}"]
        for layer in self.layers:
            count = len(layer.changes)
            differ = f"{_counted(count, 'path')} differ" + ("s" if count == 1 else "")
            lines.append(f"{layer.name}: {differ if count else 'packed otherwise'}")
            lines += [f"  {line}" for line in self._by_package(layer)]
        lines += [f"package: {version}" for version in self._elsewhere()]
        return "\n".join([*lines, *(f"settings: {setting}" for setting in self.settings)])

    def as_json(self) -> dict[str, object]:
        """The answer for programs."""
        return {
            "result": "identical" if self.identical else "different",
            "recorded": self.recorded,
            "found": self.found,
            "layers": [{"layer": layer.name, "changes": [_json(change) for change in layer.changes]} for layer in self.layers],
            "packages": [
                {"kind": version.kind, "name": version.name, "recorded": version.recorded, "found": version.found}
                for version in self.versions
            ],
            "settings": list(self.settings),
        }

    def _by_package(self, layer: LayerDifference) -> Iterator[str]:
        known = {(version.kind, version.name): version for version in self.versions}
        changes = sorted(layer.changes, key=lambda change: (change.package is None, change.package or ("", ""), change.path))
        for package, grouped in groupby(changes, key=lambda change: change.package):
            paths = list(grouped)
            version = known.get(package, PackageVersion(package[0], package[1], None, None)) if package else None
            yield f"{version or 'no package'}: {_counted(len(paths), 'path')}"
            # Another version explains its files; what differs without one has to be seen.
            if version is None or version.same:
                yield from (f"  {change}" for change in paths[:_SHOWN])
                if len(paths) > _SHOWN:
                    yield f"  and {len(paths) - _SHOWN} more (--json has all)"

    def _elsewhere(self) -> Sequence[PackageVersion]:
        """Versions that differ though no path of theirs does."""
        touched = {change.package for layer in self.layers for change in layer.changes}
        return [version for version in self.versions if not version.same and (version.kind, version.name) not in touched]


def _json(change: PathChange) -> dict[str, object]:
    return {
        "path": change.path,
        "kind": change.kind.value,
        "aspects": list(change.aspects),
        "first_byte": change.first_byte,
        "package": " ".join(change.package) if change.package else None,
    }


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" + ("" if count == 1 else "s")
