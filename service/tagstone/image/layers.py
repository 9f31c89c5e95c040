"""The layers that Tagstone writes: the environment as the difference of two roots, and the code at a commit.

Engines hand over a root filesystem in an order and with hard-link names of their own; from equal roots come equal bytes.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from tagstone.domain.environments.build import Package, PackageArchive
from tagstone.image.archives import read_archives, tells_archives
from tagstone.image.code import CodeFile, code_archive, code_layer
from tagstone.image.flatten import WHITEOUT, RootIndex, index_layers, settle_parents
from tagstone.image.packages import read_packages, tells_packages
from tagstone.image.tar import Kind, TarEntry, WrittenLayer, ancestors, pieces, sort_key, write_tar
from tagstone.image.untar import Member, Node, read_tar, refuse
from tagstone.image.volatile import is_left_out

__all__ = [
    "ENVIRONMENT_TIME",
    "CodeFile",
    "EnvironmentLayer",
    "RootIndex",
    "WrittenLayer",
    "code_archive",
    "code_layer",
    "environment_layer",
    "index_layers",
]

# 1980-01-01, the first time that every archive format can hold; also SOURCE_DATE_EPOCH of every build.
ENVIRONMENT_TIME = 315532800


@dataclass(frozen=True)
class EnvironmentLayer(WrittenLayer):
    """The environment layer, the packages that the whole root has, and the archives that apt took some from, sorted."""

    packages: tuple[Package, ...] = ()
    archives: tuple[PackageArchive, ...] = ()


@dataclass(frozen=True)
class _Place:
    """An inode: what it is, and where in the spool its content starts. Hard-linked names share one place."""

    node: Node
    offset: int


def environment_layer(
    base: RootIndex, root: BinaryIO, out: BinaryIO, spool: BinaryIO, kept: Collection[str] = ()
) -> EnvironmentLayer:
    """Write what `root` (an engine's tar stream) has over `base` as a canonical, uncompressed layer.

    `spool` is an empty file, open for reading and writing, that takes the contents: a stream names a file before the links
    to it, so any content may still be wanted. All but times is compared. Hard links count among changed names only, since a
    layer must not link to a file below it (Docker applies each layer by itself). `kept` names directories that are written
    though they are otherwise left out: a base needs its mount points.

    Raises:
        Invalid: the root is damaged, cut short, or holds what no image can hold.
    """
    places = _read_root(root, spool)
    nodes = {path: place.node for path, place in places.items()}
    settle_parents(nodes, dict(nodes))
    wanted = _wanted(base.nodes, nodes) | {path: nodes[path] for path in kept if _is_directory(nodes, path)}
    whiteouts = _whiteouts(base.nodes, nodes)
    entries = _entries(wanted | _directories(wanted, whiteouts, nodes), places, whiteouts, spool)
    digest, size = write_tar(entries, out, ENVIRONMENT_TIME)
    files = {path: place for path, place in places.items() if place.node.kind is Kind.FILE}
    packages = read_packages({path: _reader(spool, place) for path, place in files.items() if tells_packages(path)})
    archives = read_archives({path: _reader(spool, place) for path, place in files.items() if tells_archives(path)})
    return EnvironmentLayer(digest, size, packages, archives)


def _read_root(root: BinaryIO, spool: BinaryIO) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    for member in read_tar(root, complete=True):
        if not member.path or (member.device and is_left_out(member.path, Kind.FILE)):
            continue
        if member.path.rpartition("/")[2].startswith(WHITEOUT):
            raise refuse(f"{member.path[:200]!r} would read as a whiteout")
        places[member.path] = _linked(member, places) if member.linked else _Place(offset=spool.tell(), node=member.node(spool))
    return places


def _linked(member: Member, places: dict[str, _Place]) -> _Place:
    place = places.get(member.target)
    if place is None or place.node.kind is Kind.DIRECTORY:
        raise refuse(f"{member.path[:200]!r} is a hard link to {member.target[:200]!r}, which is no file in it")
    return place


def _wanted(base: dict[str, Node], nodes: dict[str, Node]) -> dict[str, Node]:
    wanted = {path: node for path, node in nodes.items() if base.get(path) != node and not is_left_out(path, node.kind)}
    # Engines put /etc, as a place for their stubs, into a root that has none.
    if "etc" in wanted and "etc" not in base and not any(path.startswith("etc/") for path in wanted):
        del wanted["etc"]
    return wanted


def _whiteouts(base: dict[str, Node], nodes: dict[str, Node]) -> list[str]:
    """One for each removed path whose parent is still a directory: it hides all that was below it."""
    gone = (path for path, node in base.items() if path not in nodes and not is_left_out(path, node.kind))
    return [path for path in gone if _is_directory(nodes, path.rpartition("/")[0])]


def _is_directory(nodes: dict[str, Node], path: str) -> bool:
    return not path or (path in nodes and nodes[path].kind is Kind.DIRECTORY)


def _directories(wanted: dict[str, Node], whiteouts: list[str], nodes: dict[str, Node]) -> dict[str, Node]:
    """Every directory above an entry: overlay storage gives those that a layer does not name to root, mode 0755."""
    return {above: nodes[above] for path in (*wanted, *whiteouts) for above in ancestors(path)}


def _entries(wanted: dict[str, Node], places: dict[str, _Place], whiteouts: list[str], spool: BinaryIO) -> Iterator[TarEntry]:
    rows = [(sort_key(path, node.kind), path, node) for path, node in wanted.items()]
    for path in whiteouts:
        parent, slash, name = path.rpartition("/")
        hidden = f"{parent}{slash}{WHITEOUT}{name}"
        rows.append((sort_key(hidden, Kind.FILE), hidden, Node(Kind.FILE, 0, 0, 0)))
    first: dict[int, str] = {}
    for _, path, node in sorted(rows, key=lambda row: row[0]):
        place = places.get(path)
        entry = _entry(path, node, _reader(spool, place) if place else None)
        if place is not None and node.kind is Kind.FILE:
            name = first.setdefault(id(place), path)
            entry = entry if name == path else replace(entry, kind=Kind.HARDLINK, linkname=name, size=0, xattrs=())
        yield entry


def _entry(path: str, node: Node, chunks: Callable[[], Iterator[bytes]] | None) -> TarEntry:
    content = chunks if node.kind is Kind.FILE else None
    return TarEntry(path, node.kind, node.mode, node.uid, node.gid, node.size, node.linkname, node.xattrs, content)


def _reader(spool: BinaryIO, place: _Place) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        spool.seek(place.offset)
        return pieces(spool, place.node.size)

    return read
