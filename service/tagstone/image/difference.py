"""Compares two images layer by layer, as streams: which paths differ, in what, and which packages they belong to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from tagstone.domain.environments.build import Package
from tagstone.domain.images.image_difference import ImageDifference, LayerDifference, PackageVersion, PathChange, PathChangeKind
from tagstone.domain.images.oci import Image
from tagstone.image.ownership import Owner, Owners
from tagstone.image.packaged_files import file_heads
from tagstone.image.untar import Member, Node, read_tar, refuse

# Of how many files the first byte that differs is looked up, and how far into each.
_LOOKED_INTO = 100
_HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class Layer:
    """A layer to compare: what people call it, the digest of its blob, and how its stream is opened, any number of times."""

    name: str
    digest: str
    open: Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class Side:
    """One of the two images: what was read of it, its layers (lowest first, no name twice), and the packages in it."""

    image: Image
    layers: Sequence[Layer]
    packages: Sequence[Package]


@dataclass(frozen=True)
class _Entry:
    """What a layer has at a path; `target` is the name that a hard link was written with, `time` in seconds since the epoch."""

    node: Node
    time: float
    target: str


def compare_images(recorded: Side, found: Side) -> ImageDifference:
    """Compare two images; layers of equal digest are not compared, and memory grows with the number of paths alone.

    Raises:
        Invalid: a layer is damaged.
    """
    before, after = _by_name(recorded.layers), _by_name(found.layers)
    pairs = [(name, before.get(name), after.get(name)) for name in {**before, **after}]
    unequal = [(name, one, other) for name, one, other in pairs if not (one and other and one.digest == other.digest)]
    owners = Owners()
    if unequal:
        read = {layer.digest: layer for layer in (*recorded.layers, *found.layers)}
        owners.read(_streams(read.values()))
    layers = tuple(LayerDifference(name, tuple(_changes(one, other, owners))) for name, one, other in unequal)
    touched = {change.package for layer in layers for change in layer.changes if change.package}
    return ImageDifference(
        recorded=recorded.image.digest,
        found=found.image.digest,
        layers=layers,
        versions=tuple(_versions(recorded.packages, found.packages, touched)),
        settings=tuple(_settings(recorded.image, found.image)),
    )


def _by_name(layers: Sequence[Layer]) -> dict[str, Layer]:
    return {layer.name: layer for layer in layers}


def _streams(layers: Iterable[Layer]) -> Iterator[BinaryIO]:
    for layer in layers:
        with layer.open() as stream:
            yield stream


def _changes(recorded: Layer | None, found: Layer | None, owners: Owners) -> list[PathChange]:
    before, after = _entries(recorded), _entries(found)
    changes = []
    for path in sorted(before.keys() | after.keys()):
        kind, aspects = _compared(before.get(path), after.get(path))
        if aspects:
            changes.append(PathChange(path, kind, aspects, package=owners.of(path)))
    if recorded is None or found is None:
        return changes
    looked = [change.path for change in changes if "content" in change.aspects][:_LOOKED_INTO]
    firsts = _first_bytes(recorded, found, set(looked))
    return [PathChange(change.path, change.kind, change.aspects, firsts.get(change.path), change.package) for change in changes]


def _entries(layer: Layer | None) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    if layer is None:
        return entries
    with layer.open() as stream:
        for member in read_tar(stream, complete=False):
            if member.path and not member.device:
                entries[member.path] = _entry(member, entries)
    return entries


def _entry(member: Member, earlier: Mapping[str, _Entry]) -> _Entry:
    if not member.linked:
        return _Entry(member.node(), member.time, "")
    target = earlier.get(member.target)
    if target is None:
        raise refuse(f"{member.path[:200]!r} is a hard link to {member.target[:200]!r}, which is no file in it")
    return _Entry(target.node, member.time, member.target)


def _compared(before: _Entry | None, after: _Entry | None) -> tuple[PathChangeKind, tuple[str, ...]]:
    if before is None or after is None:
        return (PathChangeKind.ADDED if before is None else PathChangeKind.REMOVED), ("presence",)
    one, other = before.node, after.node
    aspects = {
        "kind": one.kind is not other.kind,
        "content": (one.size, one.sha256) != (other.size, other.sha256),
        "mode": one.mode != other.mode,
        "owner": (one.uid, one.gid) != (other.uid, other.gid),
        "link": (one.linkname, before.target) != (other.linkname, after.target),
        "time": before.time != after.time,
        "attributes": one.xattrs != other.xattrs,
    }
    return PathChangeKind.CHANGED, tuple(name for name, differs in aspects.items() if differs)


def _first_bytes(recorded: Layer, found: Layer, paths: set[str]) -> dict[str, int]:
    """Where the contents of some files begin to differ, as far as it is within their first MiB."""
    if not paths:
        return {}
    with recorded.open() as stream:
        heads = dict(file_heads(stream, _HEAD_BYTES, paths.__contains__))
    firsts = {}
    with found.open() as stream:
        for path, head in file_heads(stream, _HEAD_BYTES, heads.__contains__):
            first = _first_byte(heads[path], head)
            if first is not None:
                firsts[path] = first
    return firsts


def _first_byte(one: bytes, other: bytes) -> int | None:
    if one == other:
        return None
    length = min(len(one), len(other))
    return next((at for at in range(length) if one[at] != other[at]), length)


def _versions(recorded: Sequence[Package], found: Sequence[Package], touched: set[Owner]) -> Iterator[PackageVersion]:
    before, after = _installed(recorded), _installed(found)
    for kind, name in sorted(before.keys() | after.keys()):
        version = PackageVersion(kind, name, before.get((kind, name)), after.get((kind, name)))
        if not version.same or (kind, name) in touched:
            yield version


def _installed(packages: Sequence[Package]) -> dict[Owner, str]:
    """Versions by package; of one installed more than once (another architecture or folder), all versions."""
    versions: dict[Owner, list[str]] = {}
    for package in packages:
        known = versions.setdefault((package.kind, package.name), [])
        if package.version not in known:
            known.append(package.version)
    return {owner: ", ".join(sorted(known)) for owner, known in versions.items()}


def _settings(recorded: Image, found: Image) -> Iterator[str]:
    """What images are started and found by, where it differs."""
    for name, one, other in (
        ("platform", str(recorded.platform), str(found.platform)),
        *((key, getattr(recorded.settings, key), getattr(found.settings, key)) for key in vars(recorded.settings)),
        *(
            (f"annotation {key}", recorded.annotations.get(key), found.annotations.get(key))
            for key in sorted({**recorded.annotations, **found.annotations})
        ),
    ):
        if one != other:
            yield f"{name}: {one!r} recorded, {other!r} anew"
