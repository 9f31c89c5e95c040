"""Find the base that an author named, by digest in our registry; or make it from the distribution's packages."""

import platform as machine
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from tagstone.domain.environments.lock import Lock
from tagstone.domain.images.oci import CONFIG, LAYER, Descriptor, Image, ImageSettings, Platform
from tagstone.errors import Conflict, Invalid, NotFound
from tagstone.image.layers import ENVIRONMENT_TIME, RootIndex, environment_layer
from tagstone.image.manifest import config_bytes, history_entry, manifest_bytes, read_image
from tagstone.image.packages_annotation import packages_annotation
from tagstone.ports import Registry

MakeRoot = Callable[[str, str], AbstractContextManager[BinaryIO]]
"""Makes a distribution's root filesystem (`debian`, `bookworm` → tar stream); adapters/mmdebstrap.py has the real one."""

_MOUNT_POINTS = ("dev", "proc", "run", "sys")
_CHUNK = 2**20
_WRITTEN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/-]*(?::[0-9]+/[a-z0-9._/-]+)?)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.IGNORECASE,
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
_DOCKER_HUB = ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/", "library/")


@dataclass(frozen=True)
class Written:
    """A base as an author writes it, taken apart: `debian` is `debian:latest`."""

    name: str
    tag: str
    digest: str | None

    @property
    def kept_as(self) -> str:
        """The name in our registry."""
        return "base/" + self.name.replace(":", "-")


def this_platform() -> Platform:
    """The platform of this machine, for which images are built and run."""
    return Platform("linux", _ARCHITECTURES.get(machine.machine(), machine.machine()))


def read_written(written: str) -> Written:
    """Take apart what an author wrote. Raises: Invalid when it names no image."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        raise Invalid(f"{written[:100]!r} names no image.", remedy="Write a name and a tag, such as debian:bookworm.")
    name = match["name"].lower()
    prefix = next((prefix for prefix in _DOCKER_HUB if name.startswith(prefix)), "")
    return Written(name.removeprefix(prefix), match["tag"] or "latest", match["digest"])


def resolve_base(registry: Registry, upstream: Registry | None, written: str, lock: Lock, platform: Platform) -> Image:
    """The base in our registry: what was recorded first counts for ever, else it is pulled from `upstream`.

    Raises:
        NotFound: neither registry has it.
        Invalid: it is not for this platform.
    """
    named = read_written(written)
    wanted = named.digest or lock.bases.get(written)
    try:
        return read_image(registry, named.kept_as, wanted or named.tag, platform)
    except NotFound:
        if upstream is None:
            raise _missing(written, wanted) from None
    tag = None if wanted else named.tag
    return _pull(registry, upstream, named, wanted or named.tag, tag, platform, _missing(written, wanted))


def make_base_image(registry: Registry, make_root: MakeRoot, written: str, scratch: Path, platform: Platform) -> Image:
    """Make a base from a distribution's packages: one canonical layer, so that the same packages give the same digest.

    Raises:
        Invalid: `written` is no distribution that can be made.
        Conflict: the tag names another image already (packages have moved on since); it stays as it is.
    """
    named = read_written(written)
    with ExitStack() as stack:
        out = stack.enter_context(TemporaryFile(dir=scratch))
        spool = stack.enter_context(TemporaryFile(dir=scratch))
        root = stack.enter_context(make_root(named.name, named.tag))
        layer = environment_layer(RootIndex(), root, out, spool, _MOUNT_POINTS)
        out.seek(0)
        stored = registry.put_blob(named.kept_as, pieces(out), LAYER)
    history = [history_entry(f"base-image {named.name}:{named.tag}", ENVIRONMENT_TIME)]
    config = config_bytes(platform, ImageSettings(command=("bash",)), [layer.digest], history, ENVIRONMENT_TIME)
    kept = registry.put_blob(named.kept_as, [config], CONFIG)
    manifest = manifest_bytes(kept, [stored], packages_annotation(layer.packages))
    try:
        digest = registry.put_manifest(named.kept_as, manifest, named.tag)
    except Conflict as error:
        raise Conflict(
            f"{written} is there already, made of other packages.",
            remedy="Use it: what was published stands on it. To take newer packages, remove the image from the registry first.",
        ) from error
    return read_image(registry, named.kept_as, digest, platform)


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """A stream's bytes in pieces of at most 1 MiB."""
    return iter(lambda: stream.read(_CHUNK), b"")


def carry(source: Registry, source_name: str, target: Registry, name: str, blob: Descriptor) -> Descriptor:
    """Copy a blob unchanged to another name or registry, unless it is there.

    Raises:
        Invalid: it has not the size that its manifest says; nothing is kept of it.
    """
    if not target.has_blob(name, blob.digest):
        with source.blob(source_name, blob.digest) as stream:
            target.put_blob(name, _sized(pieces(stream), source_name, blob), blob.media_type)
    return blob


def _sized(chunks: Iterator[bytes], name: str, blob: Descriptor) -> Iterator[bytes]:
    """The pieces, with an error instead of the first byte too many: a registry could send for ever."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > blob.size:
            break
        yield chunk
    if size != blob.size:
        more = "more than " if size > blob.size else f"{size} bytes, not "
        raise Invalid(
            f"A layer of {name} has {more}the {blob.size} bytes that its manifest says.", remedy="Use an intact image."
        )


def _pull(
    registry: Registry,
    upstream: Registry,
    named: Written,
    reference: str,
    tag: str | None,
    platform: Platform,
    missing: NotFound,
) -> Image:
    """Copy a base with its manifest's own bytes, so that its digest is what everybody else sees."""
    image = _found_upstream(upstream, named.name, reference, platform, missing)
    for blob in (image.config, *image.layers):
        carry(upstream, image.name, registry, named.kept_as, blob)
    manifest = upstream.manifest(image.name, image.digest)
    try:
        registry.put_manifest(named.kept_as, manifest, tag)
    except Conflict:
        # Another has recorded what the tag means in the meantime: that counts.
        return read_image(registry, named.kept_as, str(tag), platform)
    return read_image(registry, named.kept_as, image.digest, platform)


def _found_upstream(upstream: Registry, name: str, reference: str, platform: Platform, missing: NotFound) -> Image:
    # Docker Hub and its mirrors keep official images below library/.
    for candidate in [name] if "/" in name else [f"library/{name}", name]:
        try:
            return read_image(upstream, candidate, reference, platform)
        except NotFound:
            continue
    raise missing


def _missing(written: str, digest: str | None) -> NotFound:
    pinned = f" with the digest {digest} (from tagstone.lock)" if digest and digest not in written else ""
    return NotFound(
        f"The base {written}{pinned} is not in the registry.",
        remedy=f"Make it (`tagstone base-image {written.partition('@')[0]}`), or set TAGSTONE_BUILDS__UPSTREAM to a registry that has it.",
    )
