"""Image manifests, indexes and configurations as others write them: checked before anything in them is used."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tagstone.domain.images.oci import (
    DOCKER_LAYER_GZIP,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX,
    LAYER,
    LAYER_GZIP,
    LAYER_ZSTD,
    MANIFEST,
    Descriptor,
)
from tagstone.errors import Invalid

# What registries accept at most; a larger document is an attack on memory.
DOCUMENT_BYTES = 4 << 20

# Docker's names for the same bytes.
_LAYER_TYPES = {
    LAYER: LAYER,
    LAYER_GZIP: LAYER_GZIP,
    LAYER_ZSTD: LAYER_ZSTD,
    DOCKER_LAYER_GZIP: LAYER_GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.zstd": LAYER_ZSTD,
}

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Blob(_Document):
    """A descriptor as documents write it."""

    media_type: str = Field(alias="mediaType")
    digest: Digest
    size: int = Field(ge=0)
    platform: dict[str, Any] | None = None

    def layer(self) -> Descriptor:
        """The descriptor of a layer, in the image specification's names. Raises: Invalid for a type that is no layer we know."""
        if self.media_type not in _LAYER_TYPES:
            raise Invalid(
                f"The image has a layer of the type {self.media_type[:100]!r}.",
                remedy="Use an image of plain, gzip or zstd layers.",
            )
        return Descriptor(_LAYER_TYPES[self.media_type], self.digest, self.size)


class Manifest(_Document):
    """An image manifest."""

    config: Blob
    layers: tuple[Blob, ...]
    annotations: dict[str, str] | None = None


class Index(_Document):
    """An image index or Docker's manifest list."""

    manifests: tuple[Blob, ...]


class Settings(_Document):
    """The `config` of a configuration; `null` stands for nothing."""

    env: tuple[str, ...] | None = Field(None, alias="Env")
    workdir: str | None = Field(None, alias="WorkingDir")
    entrypoint: tuple[str, ...] | None = Field(None, alias="Entrypoint")
    command: tuple[str, ...] | None = Field(None, alias="Cmd")
    user: str | None = Field(None, alias="User")
    labels: dict[str, str] | None = Field(None, alias="Labels")
    exposed_ports: dict[str, Any] | None = Field(None, alias="ExposedPorts")
    stop_signal: str | None = Field(None, alias="StopSignal")


class RootFilesystem(_Document):
    """The digests of the uncompressed layers."""

    diff_ids: tuple[Digest, ...] = ()


class History(_Document):
    """How one layer came about."""

    created: str | None = None
    author: str | None = None
    created_by: str | None = None
    comment: str | None = None
    empty_layer: bool | None = None


class Configuration(_Document):
    """An image configuration."""

    os: str
    architecture: str
    config: Settings | None = None
    rootfs: RootFilesystem
    history: tuple[History, ...] | None = None


_Read = TypeVar("_Read", bound=_Document)


def digest_of(data: bytes) -> str:
    """The digest of some bytes, as the image specification writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_json(document: Mapping[str, object]) -> bytes:
    """JSON with sorted keys, no spaces and ASCII only: equal documents, equal bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def read_manifest(data: bytes) -> Manifest | Index:
    """Read a manifest or index. Raises: Invalid."""
    document = _load(data, "manifest")
    if "manifests" in document and {"layers", "config"} & document.keys():
        raise _unreadable("manifest", "it is an index and an image at once")
    return _check(Index, document, "index") if "manifests" in document else _check(Manifest, document, "manifest")


def read_configuration(data: bytes) -> Configuration:
    """Read a configuration. Raises: Invalid."""
    return _check(Configuration, _load(data, "configuration"), "configuration")


def media_type(manifest: bytes) -> str:
    """The media type of a manifest or index: what it says of itself, else what its parts say. Raises: Invalid."""
    document = _load(manifest, "manifest")
    kinds = (INDEX, DOCKER_LIST) if "manifests" in document else (MANIFEST, DOCKER_MANIFEST)
    said = document.get("mediaType", kinds[0])
    if said not in kinds:
        raise Invalid(
            f"A manifest says that it is {str(said)[:100]!r}.", remedy="Use an image in the OCI or Docker (schema 2) format."
        )
    return str(said)


def _load(data: bytes, what: str) -> dict[str, Any]:
    if len(data) > DOCUMENT_BYTES:
        raise _unreadable(what, "it is larger than 4 MiB")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unreadable(what, str(error)) from None
    if not isinstance(document, dict):
        raise _unreadable(what, "it is no JSON object")
    return document


def _check(kind: type[_Read], document: dict[str, Any], what: str) -> _Read:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise _unreadable(what, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _unreadable(what: str, why: str) -> Invalid:
    return Invalid(
        f"The image's {what} cannot be read: {why[:200]}.", remedy="Use an image in the OCI or Docker (schema 2) format."
    )
