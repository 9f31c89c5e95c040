"""Words of the OCI image and distribution specifications (v1.1): digests, descriptors, references."""

import re
from dataclasses import dataclass, field

from tagstone.errors import Invalid

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = LAYER + "+gzip"
LAYER_ZSTD = LAYER + "+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


def is_digest(text: str) -> bool:
    """Say whether `text` is a sha256 digest as the image specification writes it."""
    return _DIGEST.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Say whether `text` is a repository name as the distribution specification allows it (at most 255 characters)."""
    return len(text) <= 255 and _NAME.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Say whether `text` is a tag as the distribution specification allows it."""
    return _TAG.fullmatch(text) is not None


def check_digest(text: str) -> str:
    """Return `text` when it is a sha256 digest.

    Raises:
        Invalid: it is not.
    """
    if not is_digest(text):
        raise Invalid(f"{text[:100]!r} is not a sha256 digest.", remedy="Write sha256: and 64 hexadecimal digits.")
    return text


@dataclass(frozen=True)
class Descriptor:
    """A blob as a manifest names it; `size` in bytes."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True)
class ImageReference:
    """An image by digest within a registry: the only way Tagstone names one."""

    name: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"


@dataclass(frozen=True)
class Platform:
    """Operating system and architecture in Go's names, as the image specification wants them."""

    os: str = "linux"
    architecture: str = "amd64"

    def __str__(self) -> str:
        return f"{self.os}/{self.architecture}"


@dataclass(frozen=True)
class ImageSettings:
    """What a container is started with: the part of an image's configuration that authors decide."""

    env: tuple[tuple[str, str], ...] = ()
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    exposed_ports: tuple[str, ...] = ()
    stop_signal: str = ""


@dataclass(frozen=True)
class Image:
    """An image that was read or written: its manifest's digest and what that manifest says."""

    name: str
    digest: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    diff_ids: tuple[str, ...]
    settings: ImageSettings
    platform: Platform = Platform()
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> ImageReference:
        """The image by digest."""
        return ImageReference(self.name, self.digest)
