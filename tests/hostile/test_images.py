"""Images from a registry that lies: layers, archives and documents."""

import gzip
import io
import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from assets.hostile import archives, make
from fakes.registry import FakeRegistry
from hostile.judge import MIB, Case, Place, cases, judged
from tagstone.actions.base_image import resolve_base
from tagstone.adapters.oci_layout import OciLayout
from tagstone.domain.environments.lock import Lock
from tagstone.domain.images.oci import CONFIG, INDEX, LAYER_GZIP, MANIFEST, Platform
from tagstone.image.documents import digest_of
from tagstone.image.layers import index_layers

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ASSETS = Path(make.__file__).parent
SOUND = archives.layers()["sound"]
LEAVES, TRUST = "leaves the image", "from a source you trust"
NAME = "library/evil"
Document = dict[str, Any]

LAYERS: list[tuple[str, str]] = [
    ("absolute-path", LEAVES),
    ("climbing-path", LEAVES),
    ("climbing-that-stays", LEAVES),
    ("nul-in-name", LEAVES),
    ("whiteout-of-the-parent", "a whiteout names something outside the tree"),
    ("whiteout-of-nothing", "a whiteout names something outside the tree"),
    ("whiteout-outside", LEAVES),
    ("whiteout-of-itself", "a whiteout names something outside the tree"),
    ("hard-link-absolute", LEAVES),
    ("hard-link-climbing", LEAVES),
    ("hard-link-to-nothing", "which is no file in it"),
    ("hard-link-to-a-folder", "which is no file in it"),
    ("hard-link-to-itself", "which is no file in it"),
    ("link-without-target", "links to an impossible name"),
    ("file-through-a-link", "which is no directory"),
    ("file-below-a-file", "which is no directory"),
    ("file-and-folder", "is in it twice, as different things"),
    ("block-device", "is a device"),
    ("character-device-climbing", LEAVES),
    ("unknown-kind", "something unknown"),
    ("owner-beyond-32-bits", "impossible owner"),
    ("size-that-is-not-there", "it ends within"),
    ("negative-size", "is refused"),
    ("size-in-base-256", "is refused"),
    ("bad-checksum", "is refused"),
    ("cut-short", "is damaged"),
    ("no-archive", "is refused"),
    ("sparse", "a sparse file"),
]


def _file(path: str, _place: Place) -> bytes:
    return (ASSETS / path).read_bytes()


def _indexed(_place: Place, data: bytes) -> str:
    return f"taken: {sorted(index_layers([io.BytesIO(data)]).nodes)}"


def _gzip_bomb(_place: Place) -> bytes:
    head = bytes(archives.header("a", 2 * 1024 * MIB))
    packer = zlib.compressobj(6, wbits=31)
    pieces = [packer.compress(head), *(packer.compress(bytes(MIB)) for _ in range(200)), packer.flush()]
    return b"".join(pieces)


def _zstd_bomb(_place: Place) -> bytes:
    packer = zstd.ZstdCompressor()
    pieces = [packer.compress(archives.header("a", 2 * 1024 * MIB)), *(packer.compress(bytes(MIB)) for _ in range(200))]
    return b"".join([*pieces, packer.flush()])


def _endless_header(_place: Place, _made: object) -> str:
    head = io.BytesIO(archives.header("././@LongLink", 2**40, kind=b"L"))

    class Stream(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return head.read(size) or bytes(min(size, 2**16))

    return f"taken: {index_layers([cast(BinaryIO, Stream())]).nodes}"


class Evil:
    """A registry that serves one image of the name `library/evil`, changed by a test."""

    def __init__(self) -> None:
        self.kept = FakeRegistry()
        packed = gzip.compress(SOUND, mtime=0)
        self.layer = self._descriptor(packed, LAYER_GZIP)
        self.config: Document = {
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest_of(SOUND)]},
        }
        self.manifest: Document = {"schemaVersion": 2, "mediaType": MANIFEST, "layers": [self.layer]}

    def _descriptor(self, data: bytes, kind: str) -> Document:
        self.kept.blobs[digest_of(data)] = data
        return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}

    def put(self, data: bytes, tag: str = "latest") -> str:
        self.kept.manifests[NAME, digest_of(data)] = data
        self.kept.tagged[NAME, tag] = digest_of(data)
        return digest_of(data)

    def sealed(self) -> "Evil":
        """Configuration and manifest as they are now, under the tag `latest`."""
        if "config" not in self.manifest:
            self.manifest["config"] = self._descriptor(json.dumps(self.config).encode(), CONFIG)
        self.put(json.dumps(self.manifest).encode())
        return self


def _evil(change: Callable[[Evil], object], _place: Place) -> FakeRegistry:
    evil = Evil()
    return evil.kept if change(evil) == "put" else evil.sealed().kept


def _pulled(place: Place, upstream: FakeRegistry) -> str:
    image = resolve_base(OciLayout(place.home / "images", 5.0), upstream, "evil:latest", Lock(), Platform())
    return f"taken: {image}"


def _layer(**changes: object) -> Callable[[Evil], object]:
    return lambda evil: evil.layer.update(changes)


def _index(count: int) -> Callable[[Evil], object]:
    """Indexes in each other."""

    def change(evil: Evil) -> str:
        digest = evil.sealed().kept.tagged[NAME, "latest"]
        for _ in range(count):
            entry = {"mediaType": INDEX, "digest": digest, "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
            digest = evil.put(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode())
        return "put"

    return change


def _raw(data: Callable[[], bytes]) -> Callable[[Evil], object]:
    return lambda evil: evil.put(data()) and "put"


def _other_bytes(evil: Evil) -> None:
    evil.kept.blobs[str(evil.layer["digest"])] = gzip.compress(SOUND + b"x", mtime=0)


def _other_config_bytes(evil: Evil) -> str:
    evil.sealed()
    digest = evil.manifest["config"]["digest"]
    evil.kept.blobs[digest] = evil.kept.blobs[digest].replace(b"linux", b"minix")
    return "put"


def _wrong_config_size(evil: Evil) -> str:
    evil.sealed().manifest["config"]["size"] = 7
    return str(evil.put(json.dumps(evil.manifest).encode()) and "put")


def _both_kinds(evil: Evil) -> None:
    evil.manifest["manifests"] = []


def _another_platform(evil: Evil) -> None:
    evil.config["architecture"] = "pdp11"


def _more_diff_ids(evil: Evil) -> None:
    evil.config["rootfs"]["diff_ids"] *= 3


def _many_layers(evil: Evil) -> None:
    evil.manifest["layers"] = [evil.layer] * 20_000


def _deep_config(evil: Evil) -> None:
    evil.manifest["config"] = evil._descriptor(b"[" * 100_000, CONFIG)


def _large_config(evil: Evil) -> None:
    evil.manifest["config"] = evil._descriptor(b'{"x": "' + b"y" * (5 * MIB) + b'"}', CONFIG)


NO_IMAGE = "cannot be read"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
REGISTRY: list[tuple[str, Callable[[Evil], object], str]] = [
    ("a layer whose bytes are others", _other_bytes, "are not its own"),
    ("a configuration whose bytes are others", _other_config_bytes, "are not its own"),
    ("a layer larger than its manifest says", _layer(size=5), "the 5 bytes that its manifest says"),
    ("a layer smaller than its manifest says", _layer(size=10**12), "bytes that its manifest says"),
    ("a configuration of another size", _wrong_config_size, "its manifest says 7"),
    ("a layer of a negative size", _layer(size=-1), NO_IMAGE),
    ("a layer of no size", _layer(size="many"), NO_IMAGE),
    ("a foreign layer with an address", _layer(mediaType=FOREIGN, urls=["http://127.0.0.1/x"]), "has a layer of the type"),
    ("a layer of a kind that nobody knows", _layer(mediaType="text/html"), "has a layer of the type"),
    ("a digest that climbs", _layer(digest="sha256:../../../etc/passwd"), NO_IMAGE),
    ("a digest of another algorithm", _layer(digest="md5:" + "0" * 32), NO_IMAGE),
    ("a digest with a newline", _layer(digest="sha256:" + "0" * 64 + "\n"), NO_IMAGE),
    ("an index and an image at once", _both_kinds, "an index and an image at once"),
    ("an image for another machine", _another_platform, "is an image for linux/pdp11"),
    ("more checksums than layers", _more_diff_ids, "counts its layers differently"),
    ("twenty thousand layers", _many_layers, "counts its layers differently"),
    ("a configuration of brackets", _deep_config, NO_IMAGE),
    ("a configuration of 5 MiB", _large_config, "larger than 4 MiB"),
    ("a manifest of 5 MiB", _raw(lambda: b'{"x": "' + b"y" * (5 * MIB) + b'"}'), "larger than 4 MiB"),
    ("a manifest of brackets", _raw(lambda: b'{"a":' * 100_000), NO_IMAGE),
    ("a manifest that is no JSON", _raw(lambda: b"<html>"), NO_IMAGE),
    ("a manifest that is a list", _raw(lambda: b"[]"), NO_IMAGE),
    ("a manifest that is NaN", _raw(lambda: b'{"schemaVersion": NaN, "layers": Infinity}'), NO_IMAGE),
    ("a manifest in UTF-16", _raw(lambda: "{}".encode("utf-16-le") + b"\xff"), NO_IMAGE),
    ("an index of nothing", _raw(lambda: b'{"manifests": []}'), "has no image for"),
    ("indexes without end", _index(6), "is an index of indexes"),
]


def _registry_cases() -> Iterator[Case]:
    for name, change, says in REGISTRY:
        yield Case(f"images: {name}", partial(_evil, change), _pulled, says, "mage", leaves=("images/.tmp",))


TABLE = [
    *(Case(f"layers: {name}", partial(_file, f"layers/{name}.tar"), _indexed, says, TRUST) for name, says in LAYERS),
    Case("layers: sound", partial(_file, "layers/sound.tar"), _indexed, "etc/motd", harmless=True),
    Case("layers: a gzip stream that is cut", lambda place: gzip.compress(SOUND)[:-20], _indexed, "is refused", TRUST),
    Case("layers: a zstd stream that is cut", lambda place: zstd.compress(SOUND)[:-9], _indexed, "is refused", TRUST),
    Case("layers: a gzip stream with another checksum", lambda place: gzip.compress(SOUND)[:-8] + struct.pack("<II", 1, 2),
         _indexed, "is refused", TRUST),
    Case("layers: bytes after the gzip stream", lambda place: gzip.compress(SOUND) + b"x" * 100, _indexed, "is refused", TRUST),
    Case("layers: a gzip bomb", _gzip_bomb, _indexed, "unpacks to more than 200 times its size", TRUST),
    Case("layers: a zstd bomb", _zstd_bomb, _indexed, "unpacks to more than 200 times its size", TRUST),
    Case("layers: a gzip stream in a gzip stream", lambda place: gzip.compress(gzip.compress(SOUND)), _indexed, "is refused", TRUST),
    Case("layers: a name of more than a megabyte", lambda place: archives.layer_with_long_name(), _indexed,
         "a header is larger than 1 MiB", TRUST),
    Case("layers: a header without end", lambda place: None, _endless_header, "a header is larger than 1 MiB", TRUST),
    *_registry_cases(),
]  # fmt: skip


@cases(TABLE)
def test_hostile_images(case: Case, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    judged(case, tmp_path, record_property)


def test_every_layer_has_its_case() -> None:
    assert {f"{name}.tar" for name, _ in LAYERS} | {"sound.tar"} == {path.name for path in (ASSETS / "layers").iterdir()}
