"""Flattens layers into the one tree that they make, by the image specification's rules for whiteouts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from tagstone.image.tar import Kind, ancestors
from tagstone.image.untar import IMPLIED_DIRECTORY, MAX_ENTRIES, Member, Node, read_tar, refuse

WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
# What aufs kept for itself; it never meant anything to others.
_AUFS = ".wh..wh."


@dataclass(frozen=True)
class RootIndex:
    """A root filesystem without its contents: path → node. The root directory itself is not in it."""

    nodes: dict[str, Node] = field(default_factory=dict)

    def directories_above(self, path: str) -> list[tuple[str, Node]]:
        """The directories that lead to `path`, topmost first, as far as they are there."""
        return [(above, self.nodes[above]) for above in ancestors(path) if above in self.nodes]


@dataclass
class _Layer:
    added: dict[str, Node] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)


def index_layers(layers: Iterable[BinaryIO]) -> RootIndex:
    """Flatten layer streams (plain, gzip or zstd tar), lowest first; memory grows with the number of paths alone.

    Raises:
        Invalid: a layer is damaged or hostile: paths or links that leave the tree, whiteouts out of it, devices.
    """
    nodes: dict[str, Node] = {}
    for stream in layers:
        layer = _read_layer(stream, nodes)
        nodes = _lay_over(nodes, layer)
    return RootIndex(nodes)


def _read_layer(stream: BinaryIO, below: dict[str, Node]) -> _Layer:
    layer = _Layer()
    for member in read_tar(stream, complete=False):
        parent, _, name = member.path.rpartition("/")
        if name == _OPAQUE:
            layer.opaque.add(parent)
        elif name.startswith(_AUFS) or f"/{_AUFS}" in f"/{parent}":
            continue
        elif name.startswith(WHITEOUT):
            layer.removed.add(_whited_out(parent, name))
        elif member.path and not (member.device and member.path.startswith("dev/")):
            _add(layer.added, member.path, _node(member, layer.added, below))
    return layer


def _whited_out(parent: str, name: str) -> str:
    hidden = name.removeprefix(WHITEOUT)
    if hidden in ("", ".", ".."):
        raise refuse("a whiteout names something outside the tree")
    return f"{parent}/{hidden}" if parent else hidden


def _node(member: Member, added: dict[str, Node], below: dict[str, Node]) -> Node:
    if not member.linked:
        return member.node()
    target = added.get(member.target) or below.get(member.target)
    if target is None or target.kind is Kind.DIRECTORY:
        raise refuse(f"{member.path[:200]!r} is a hard link to {member.target[:200]!r}, which is no file in it")
    return target


def _add(added: dict[str, Node], path: str, node: Node) -> None:
    earlier = added.get(path)
    if earlier is not None and (earlier.kind is Kind.DIRECTORY) != (node.kind is Kind.DIRECTORY):
        raise refuse(f"{path[:200]!r} is in it twice, as different things")
    added[path] = node


def _lay_over(below: dict[str, Node], layer: _Layer) -> dict[str, Node]:
    replaced = {p for p, n in layer.added.items() if n.kind is not Kind.DIRECTORY and p in below}
    hidden = layer.removed | replaced
    merged = (
        {p: n for p, n in below.items() if not _is_hidden(p, hidden, layer.opaque)} if hidden or layer.opaque else dict(below)
    )
    merged.update(layer.added)
    if len(merged) > 2 * MAX_ENTRIES:
        raise refuse(f"with those below it, it has more than {2 * MAX_ENTRIES} paths")
    settle_parents(merged, layer.added)
    return merged


def _is_hidden(path: str, hidden: set[str], opaque: set[str]) -> bool:
    if path in hidden or "" in opaque:
        return True
    return any(above in hidden or above in opaque for above in ancestors(path))


def settle_parents(nodes: dict[str, Node], added: dict[str, Node]) -> None:
    """Make every path's parents directories: those that nobody wrote are implied, as the engines imply them.

    Raises:
        Invalid: a path in `added` lies below something in `added` that is no directory (a link it would be written through).
    """
    settled: set[str] = set()
    for path in list(added):
        for above in ancestors(path):
            if above in settled:
                continue
            node = nodes.get(above)
            if node is not None and node.kind is not Kind.DIRECTORY and above in added:
                raise refuse(f"{path[:200]!r} lies below {above[:200]!r}, which is no directory")
            if node is None or node.kind is not Kind.DIRECTORY:
                nodes[above] = IMPLIED_DIRECTORY
            settled.add(above)
