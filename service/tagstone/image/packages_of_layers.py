"""The packages of an image that nobody has described: read from its layers, as the root that they make together."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from tagstone.domain.environments.build import Package
from tagstone.image.flatten import index_layers
from tagstone.image.packages import read_packages, tells_packages
from tagstone.image.tar import Kind
from tagstone.image.untar import read_tar

Layers = Callable[[], Iterator[AbstractContextManager[BinaryIO]]]

# A whole distribution's package files together are below 100 MB; its dpkg status, the largest, is below 20 MB.
_MOST_BYTES = 256 << 20
_LARGEST = 64 << 20


def packages_of_layers(layers: Layers) -> tuple[Package, ...]:
    """The packages in the root that some layers (lowest first) make, sorted; what an upper layer removed is not among them.

    `layers` opens the streams anew at every call: they are read twice, first for what is where, then for the contents.

    Raises:
        Invalid: a layer is damaged or hostile.
    """
    nodes = index_layers(_streams(layers)).nodes
    wanted = {path: node.sha256 for path, node in nodes.items() if node.kind is Kind.FILE and tells_packages(path)}
    if not wanted:
        return ()
    contents = _contents(layers, set(wanted.values()))
    return read_packages({path: _reader(contents[sha256]) for path, sha256 in wanted.items() if sha256 in contents})


def _reader(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([data])


def _streams(layers: Layers) -> Iterator[BinaryIO]:
    for layer in layers():
        with layer as stream:
            yield stream


def _contents(layers: Layers, wanted: set[str]) -> dict[str, bytes]:
    """The wanted contents by their sha256, as far as they fit into memory."""
    found: dict[str, bytes] = {}
    room = _MOST_BYTES
    for stream in _streams(layers):
        for member in read_tar(stream, complete=False):
            if member.linked or member.device or not tells_packages(member.path):
                continue
            spool = _Spool()
            node = member.node(cast(BinaryIO, spool))
            if node.sha256 in wanted and node.sha256 not in found and node.size <= min(room, _LARGEST):
                found[node.sha256] = bytes(spool.data)
                room -= node.size
    return found


@dataclass
class _Spool:
    """Takes what is written to it, as far as it is worth keeping."""

    data: bytearray = field(default_factory=bytearray)

    def write(self, piece: bytes) -> int:
        if len(self.data) < _LARGEST:
            self.data += piece
        return len(piece)
